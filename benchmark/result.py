"""The result row: what one run found, how, and from what.

A row is canonical JSON (sorted keys, no times), ``<representation>/<task>.<split>.json``,
so that running again shows as a diff. The outputs on the test set, from which
every score follows, lie beside it as safetensors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy.typing as npt
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from mirbench.benchmark.api import DataError, FloatArray, Kind
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.checksums import digest
from mirbench.benchmark.files.sealed import DAMAGES, seal, unseal


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RepresentationRecord(_Record):
    """Which representation."""

    name: str = Field(description="Canonical name, with the parameters that are not default")
    origin: str = Field(description="built-in, file, precomputed, or the distribution it is from")
    params: dict[str, Any] = Field(description="Parameters that differ from the defaults")
    fingerprint: str = Field(description="Digest of its source, parameters and files")
    dims: int = Field(description="Length of one embedding", gt=0)
    layers: int = Field(description="Layers it exposes; 0: it has one output", ge=0)
    trained_on: str | None = Field(description="Pre-training data, as its card says")
    weights: dict[str, str] = Field(
        default={}, description="SHA-256 of the files of its weights, as published, by file name"
    )

    @model_serializer(mode="wrap")
    def _without_weights(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave the field out where there is nothing in it, as in rows that are older than it."""
        content: dict[str, Any] = handler(self)
        if not self.weights:
            del content["weights"]
        return content


class MissingClip(_Record):
    """A clip of the split that could not be embedded."""

    clip_id: str = Field(description="Its id")
    reason: str = Field(description="Why")


class TaskRecord(_Record):
    """Which task and split."""

    name: str = Field(description="As in --task")
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


class ProtocolRecord(_Record):
    """How it was probed."""

    name: str = Field(description="As in --protocol")
    hash: str = Field(description="Of everything that defines the protocol")
    main_board: bool = Field(description="Whether its rows stand on the main board")
    probes: int = Field(description="Probes of the grid, over all layers")
    probes_run: int = Field(description="Probes that were trained")


class ProbeRow(_Record):
    """The selected probe."""

    index: int = Field(description="Place in the grid", ge=0)
    layer: str | None = Field(description="Layer that was selected on validation")
    standardise: bool = Field(description="Features standardised")
    hidden: int = Field(description="Hidden units; 0: linear")
    batch_size: int = Field(description="Rows a step")
    learning_rate: float = Field(description="Of Adam")
    dropout: float = Field(description="Of input and hidden layer")
    l2: float = Field(description="Coupled weight decay")
    updates: int = Field(description="Updates until early stopping")
    best_update: int = Field(description="Updates after which the chosen weights were reached")
    valid: float = Field(description="Primary score on the validation set")
    way: str | None = Field(description="How windows were merged into clips")


class LayerScore(_Record):
    """The best probe of one layer, by validation."""

    layer: str = Field(description="Name of the layer")
    index: int = Field(description="Place of that probe in the grid", ge=0)
    valid: float = Field(description="Its primary score on the validation set")


class Score(_Record):
    """A score on the test set."""

    value: float = Field(description="Best is 1", le=1)
    low: float = Field(description="Lower end of the 95 % interval, by bootstrap over groups")
    high: float = Field(description="Upper end")
    n: int = Field(description="Test clips", gt=0)
    groups: int = Field(description="Groups (artists, songs) among them", gt=0)


class Cost(_Record):
    """What it cost. Not part of a row's identity."""

    embedding_seconds: float = Field(description="Summed over workers, whenever it was computed")
    probing_seconds: float = Field(description="Wall time of the grid")
    peak_memory_bytes: int = Field(description="Largest resident memory of a process")
    device: str = Field(description="As in --device")


class Environment(_Record):
    """Where it was run. Not part of a row's identity."""

    python: str
    platform: str
    packages: dict[str, str]
    embedded_with: dict[str, str] = Field(
        description="Versions that computed the embeddings, whenever that was, and the device"
    )
    commit: str | None = Field(description="Of the mirbench checkout, if it ran from one")
    dirty: bool | None = Field(description="Whether that checkout had uncommitted changes")


class Result(_Record):
    """One row of the leaderboard: one representation, task, split and protocol."""

    schema_version: Literal[1] = 1
    status: Literal["measured"] = "measured"
    representation: RepresentationRecord
    task: TaskRecord
    protocol: ProtocolRecord
    probe: ProbeRow
    curve: tuple[LayerScore, ...] = Field(
        default=(), description="Every layer in order; absent if the representation has none"
    )
    scores: dict[str, Score]
    cost: Cost
    environment: Environment

    def ordered_scores(self) -> list[tuple[str, Score]]:
        """Scores in the order of the task's metrics; those per output come after their mean."""

        def place(name: str) -> tuple[int, str]:
            for number, metric in enumerate(self.task.metrics):
                if name == metric or name.startswith(f"{metric}_"):
                    return number, name
            return len(self.task.metrics), name

        return sorted(self.scores.items(), key=lambda item: place(item[0]))

    @property
    def identity(self) -> str:
        """Digest of what was asked: equal rows of equal identity have equal scores."""
        return row_identity(self.representation, self.task, self.protocol)

    def to_json(self) -> str:
        """Canonical JSON, with a final newline."""
        content = self.model_dump(mode="json", exclude=None if self.curve else {"curve"})
        if not self.task.notes:
            del content["task"]["notes"]
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def row_identity(
    representation: RepresentationRecord, task: TaskRecord, protocol: ProtocolRecord
) -> str:
    """Digest of representation, task, embeddings and protocol."""
    records = (representation, task, protocol)
    return digest([record.model_dump(mode="json") for record in records])


@dataclass(frozen=True, eq=False)
class Predictions:
    """Outputs of the selected probe on the test set, and what they should have been.

    Attributes
    ----------
    clip_ids, groups : tuple of str
        Sorted by clip id.
    outputs : ndarray of float32, shape [n, n_outputs]
        Before any sigmoid or softmax.
    targets : ndarray
        As `mirbench.benchmark.datasets.targets.encode_targets` makes them; regression z-scored.
    """

    clip_ids: tuple[str, ...]
    groups: tuple[str, ...]
    outputs: FloatArray
    targets: npt.NDArray[Any]


def slug(name: str) -> str:
    """Folder name for a representation: safe characters only, distinct for distinct names."""
    safe = re.sub(r"[^A-Za-z0-9._=,+-]", "_", name.replace(":", "+", 1)).lstrip(".")[:100]
    return safe if safe.replace("+", ":", 1) == name else f"{safe}-{digest(name)[:8]}"


def result_path(folder: Path, representation: str, task: str, split: str, protocol: str) -> Path:
    """Where a row lies below a folder of results; only the main protocol goes unnamed."""
    suffix = "" if protocol == "castellon2021" else f".{protocol}"
    return folder / slug(representation) / f"{task}.{split}{suffix}.json"


def predictions_path(path: Path) -> Path:
    """Where the predictions of a row lie."""
    return path.with_suffix(".predictions.safetensors")


def write_result(folder: Path, result: Result, predictions: Predictions) -> Path:
    """Write a row and its predictions, the row last; give the row's path."""
    path = result_path(
        folder,
        result.representation.name,
        result.task.name,
        result.task.split,
        result.protocol.name,
    )
    facts = {"clip_ids": predictions.clip_ids, "groups": predictions.groups}
    arrays = {"outputs": predictions.outputs, "targets": predictions.targets}
    write_atomic(predictions_path(path), seal(facts, arrays, "mirbench"))
    write_atomic(path, result.to_json().encode())
    return path


def write_page(path: Path, text: str) -> None:
    """Write a generated page, atomically."""
    write_atomic(path, text.encode())


def read_result(path: Path) -> Result:
    """Read and check a row.

    Raises
    ------
    DataError
        If the file cannot be read or is not a row of this schema.
    """
    try:
        return Result.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(f"{path} is not a result row: {place}: {first['msg']}") from error


def read_predictions(path: Path) -> Predictions:
    """Read the predictions of the row at `path`.

    Raises
    ------
    DataError
        If they are absent or damaged.
    """
    place = predictions_path(path)
    try:
        facts, arrays, _ = unseal(place, "mirbench")  # older files have no digest
        ids, groups = tuple(facts["clip_ids"]), tuple(facts["groups"])
        return Predictions(ids, groups, arrays["outputs"], arrays["targets"])
    except (OSError, *DAMAGES) as error:
        raise DataError(f"cannot read the predictions {place}: {error}") from error


def read_results(folder: Path) -> Sequence[Result]:
    """Read every row below a folder, sorted by path.

    Raises
    ------
    DataError
        If there is no such folder, or a file in it is not a row.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}")
    return [read_result(path) for path in sorted(folder.glob("*/*.json"))]
