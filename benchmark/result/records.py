"""The schema of a row, every field documented; ``mirbench schema`` prints it as JSON schema."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from mirbench.benchmark.api import Kind
from mirbench.benchmark.files.checksums import digest
from mirbench.benchmark.result.commitment import Commitment
from mirbench.benchmark.result.paths import result_path
from mirbench.benchmark.result.probe_records import FewShotRow, LayerScore, NeighboursRow, ProbeRow
from mirbench.benchmark.result.record import Record
from mirbench.benchmark.result.shown import Shown


class RepresentationRecord(Record):
    """Which representation."""

    UNWRITTEN: ClassVar = (
        "weights",
        "live",
    )

    name: str = Field(description="Canonical name, with the parameters that are not default")
    origin: str = Field(description="built-in, file, precomputed, live, or its distribution's name")
    params: dict[str, Any] = Field(description="Parameters that differ from the defaults")
    fingerprint: str = Field(description="Digest of source, parameters, files; live: of embeddings")
    dims: int = Field(description="Length of one embedding", gt=0)
    layers: int = Field(description="Layers it exposes; 0: it has one output", ge=0)
    trained_on: str | None = Field(
        description="Pre-training data, as its card or --trained-on says; null: not stated"
    )
    weights: dict[str, str] = Field(
        default={}, description="SHA-256 of the files of its weights, as published, by file name"
    )
    live: bool = Field(
        default=False,
        description="It was a model object in Python: no name repeats the row, which stays off the "
        "board; absent: no",
    )


class MissingClip(Record):
    """A clip of the split that could not be embedded."""

    UNWRITTEN: ClassVar = ("wrong",)

    clip_id: str = Field(description="Its id")
    reason: str = Field(description="Why")
    wrong: bool = Field(
        default=False,
        description="It is a test clip that is not known to be faulty: its outputs are the worst "
        "that could be, and count in every score",
    )


class TaskRecord(Record):
    """Which task and split."""

    UNWRITTEN: ClassVar = (
        "origin",
        "fingerprint",
        "notes",
    )

    name: str = Field(description="As in --task")
    origin: str = Field(
        default="built-in", description="built-in, file, or the distribution it is from"
    )
    fingerprint: str = Field(
        default="", description="Digest of the source of a task that is not built in"
    )
    title: str = Field(description="For people")
    version: int = Field(description="Of the task's reader")
    kind: Kind = Field(description="multiclass, multilabel or regression")
    labels: tuple[str, ...] = Field(description="Outputs of a probe, in order")
    metrics: tuple[str, ...] = Field(description="The first decides early stopping and selection")
    window: float | None = Field(description="Seconds of one window; null: whole clips")
    board: str = Field(description="Table of the leaderboard")
    split: str = Field(description="Name of the split")
    split_sha256: str = Field(description="Of the split's file")
    counts: dict[str, int] = Field(description="Embedded clips per split")
    rows: dict[str, int] = Field(description="Rows (clips or windows) per split")
    missing: tuple[MissingClip, ...] = Field(description="Clips of the split without embedding")
    notes: dict[str, int] = Field(
        default_factory=dict,
        description="What the representation remarks on embedded rows, and on how many of them",
    )
    embeddings_sha256: str = Field(description="Digest of the embeddings that were probed")

    @property
    def tested(self) -> int:
        """Test clips that are scored: those with an embedding, and those that count as wrong."""
        return self.counts.get("test", 0) + sum(clip.wrong for clip in self.missing)


class ProtocolRecord(Record):
    """How it was probed."""

    UNWRITTEN: ClassVar = ("limit",)

    name: str = Field(description="As in --protocol")
    hash: str = Field(description="Of everything that defines the protocol")
    main_board: bool = Field(description="Whether its rows stand on the main board")
    probes: int = Field(description="Probes of the grid, over all layers")
    probes_run: int = Field(description="Probes that were trained")
    limit: int | None = Field(
        default=None,
        description="Clips per split, of a row on the first ones only, to try things; absent: all",
        gt=0,
    )


class TaskFacts(Record):
    """What a task and its labels tell without any representation. Not part of a row's identity."""

    group: str = Field(description="What its groups are, such as artist or band")
    test: int = Field(description="Clips of the test split", gt=0)
    faulty: tuple[str, ...] = Field(
        default=(), description="Those of them that cannot be decoded as they are published"
    )
    constants: dict[str, str | tuple[float, ...]] = Field(
        description="By metric, the constant answer that is best on train: a label, or a value per "
        "output; of tags nothing, since all constants are equal"
    )


class Score(Record):
    """A score on the test set."""

    value: float = Field(description="Best is 1; of several draws, their mean", le=1)
    low: float = Field(
        description="Lower end of the 95 % interval, by bootstrap over groups, and over draws if "
        "there are several"
    )
    high: float = Field(description="Upper end")
    n: int = Field(description="Test clips", gt=0)
    groups: int = Field(description="Groups (artists, songs) among them", gt=0)


class Drop(Record):
    """What a score loses by a deformation of the test clips, by the same probe."""

    value: float = Field(description="Score on clean clips less that on deformed ones")
    low: float = Field(description="Lower end of the 95 % interval, paired, over groups")
    high: float = Field(description="Upper end")


class DeformationRecord(Record):
    """How the test clips were changed, after the probe was selected and trained on clean ones."""

    name: str = Field(description="As in --deform")
    version: int = Field(description="Of mirbench's deformations")
    title: str = Field(description="For people")
    drops: dict[str, Drop] = Field(description="By the name of the score")


class Cost(Record):
    """What it cost. Not part of a row's identity."""

    embedding_seconds: float = Field(description="Summed over workers, whenever it was computed")
    probing_seconds: float = Field(description="Wall time of the grid")
    peak_memory_bytes: int = Field(description="Largest resident memory of a process")
    device: str = Field(description="As in --device")


class Environment(Record):
    """Where it was run. Not part of a row's identity."""

    UNWRITTEN: ClassVar = (
        "checked",
        "date",
    )

    python: str
    platform: str
    packages: dict[str, str]
    embedded_with: dict[str, str] = Field(
        description="Versions that computed the embeddings, whenever that was, and the device"
    )
    commit: str | None = Field(description="Of the mirbench checkout, if it ran from one")
    dirty: bool | None = Field(description="Whether that checkout had uncommitted changes")
    checked: dict[str, str] = Field(
        default={},
        description="What a look at the model found before its first embedding was stored: how "
        "alike embeddings of the same clips were (twice, in a batch, in another process, since "
        "other versions of libraries), whether silence and the end of a long clip are heard, "
        "weights that are not used, and what is known of a published model",
    )
    date: datetime.date | None = Field(
        default=None, description="Day on which it was made, UTC; absent in older rows"
    )


class Result(Shown, Record):
    """One row of the leaderboard: one representation, task, split and protocol."""

    UNWRITTEN: ClassVar = (
        "curve",
        "deformation",
        "commitment",
        "facts",
    )

    schema_version: Literal[1] = 1
    status: Literal["measured"] = "measured"
    representation: RepresentationRecord
    task: TaskRecord
    protocol: ProtocolRecord
    probe: ProbeRow | FewShotRow | NeighboursRow
    curve: tuple[LayerScore, ...] = Field(
        default=(), description="Every layer in order; absent if the representation has none"
    )
    scores: dict[str, Score]
    facts: TaskFacts | None = Field(
        default=None, description="What the task's labels alone tell; absent in older rows"
    )
    deformation: DeformationRecord | None = Field(
        default=None, description="Of the test clips; absent if they are as they are"
    )
    cost: Cost
    environment: Environment
    commitment: Commitment | None = Field(
        default=None,
        description="Sketches of ten embeddings, for others to recompute; absent in rows that are "
        "older than it, and in those on deformed clips",
    )

    def ordered_scores(self) -> list[tuple[str, Score]]:
        """Scores in the order of the task's metrics; those per output come after their mean."""

        def place(name: str) -> tuple[int, str]:
            for number, metric in enumerate(self.task.metrics):
                if name == metric or name.startswith(f"{metric}_"):
                    return number, name
            return len(self.task.metrics), name

        return sorted(self.scores.items(), key=lambda item: place(item[0]))

    @property
    def draws(self) -> int | None:
        """How often training clips were drawn; None where they were not."""
        return self.probe.draws if isinstance(self.probe, FewShotRow) else None

    @property
    def identity(self) -> str:
        """Digest of what was asked: equal rows of equal identity have equal scores."""
        identity = row_identity(self.representation, self.task, self.protocol)
        if self.deformation is None:
            return identity
        return digest([identity, self.deformation.name, self.deformation.version])

    @property
    def protocol_label(self) -> str:
        """Name of the protocol, and of the deformation if there is one: `castellon2021 + mp3`."""
        if self.deformation is None:
            return self.protocol.name
        return f"{self.protocol.name} + {self.deformation.name}"

    @property
    def place(self) -> Path:
        """Where the row lies, relative to a folder of results."""
        return result_path(
            Path(),
            representation=self.representation.name,
            task=self.task.name,
            split=self.task.split,
            protocol=self.protocol.name,
            deformation=None if self.deformation is None else self.deformation.name,
            limit=self.protocol.limit,
        )

    def to_json(self) -> str:
        """Canonical JSON, with a final newline."""
        content = self.model_dump(mode="json")
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def row_identity(
    representation: RepresentationRecord, task: TaskRecord, protocol: ProtocolRecord
) -> str:
    """Digest of representation, task, embeddings and protocol."""
    contents = [record.model_dump(mode="json") for record in (representation, task, protocol)]
    contents[1].setdefault("notes", {})  # as where grids that are half trained were begun
    return digest(contents)
