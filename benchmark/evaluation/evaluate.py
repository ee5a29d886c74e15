"""One (representation, task) → one result row."""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mirbench.benchmark.api import SPLITS, Clip, DataError, Task, UsageError
from mirbench.benchmark.datasets.splits import SplitTable
from mirbench.benchmark.datasets.targets import check_labels, targets_by_clip
from mirbench.benchmark.embedding.compute import embed_task
from mirbench.benchmark.embedding.embeddings import Embeddings, check_missing
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.evaluation.arrange import Rows, arrange_rows
from mirbench.benchmark.evaluation.environment import describe_environment
from mirbench.benchmark.evaluation.select import best_probe, test_predictions, test_scores
from mirbench.benchmark.progress import say
from mirbench.benchmark.protocol import Protocol
from mirbench.benchmark.registry import RepresentationSpec
from mirbench.benchmark.result import (
    Cost,
    MissingClip,
    ProtocolRecord,
    RepresentationRecord,
    Result,
    Row,
    TaskRecord,
    read_predictions,
    read_result,
    result_path,
    row_identity,
    write_result,
)


@dataclass(frozen=True)
class Subject:
    """What is probed: a representation that mirbench embeds, or embeddings from elsewhere."""

    name: str
    origin: str
    params: dict[str, object]
    fingerprint: str
    trained_on: str | None
    weights: Mapping[str, str] = field(default_factory=dict)


def subject_of(spec: RepresentationSpec) -> Subject:
    """Describe a representation that mirbench embeds itself."""
    return Subject(
        spec.label,
        spec.plugin.origin,
        spec.shown_params,
        spec.fingerprint(),
        spec.trained_on,
        spec.weights_sha256,
    )


def evaluate_representation(
    spec: RepresentationSpec,
    task: Task,
    split: SplitTable,
    clips: Sequence[Clip],
    store: Store,
    protocol: Protocol,
    out: Path,
    device: str = "cpu",
    jobs: int | None = None,
    max_missing: float = 0.05,
    force: bool = False,
    memory: int | None = None,
    full_hash: bool = False,
    dataset: Sequence[Clip] | None = None,
) -> Row:
    """Embed the clips of a split, or find them in the store, and probe them."""
    embeddings = embed_task(spec, task, clips, store, device, jobs, full_hash, dataset)
    return evaluate_embeddings(
        subject_of(spec),
        task,
        split,
        clips,
        embeddings,
        store,
        protocol,
        out,
        device,
        max_missing,
        force,
        memory,
    )


def evaluate_embeddings(
    subject: Subject,
    task: Task,
    split: SplitTable,
    clips: Sequence[Clip],
    embeddings: Embeddings,
    store: Store,
    protocol: Protocol,
    out: Path,
    device: str = "cpu",
    max_missing: float = 0.05,
    force: bool = False,
    memory: int | None = None,
) -> Row:
    """Train the grid, select on validation, test once, write the row.

    If the identical row is already there, it is read instead.

    Raises
    ------
    DataError
        If more than the share `max_missing` of the clips has no embedding, or
        any of a task whose audio mirbench makes.
    """
    check_missing(embeddings, list(split.of), max_missing, task.never_missing)
    rows = arrange_rows(task, split, embeddings)
    representation = RepresentationRecord(
        name=subject.name,
        origin=subject.origin,
        params=dict(subject.params),
        fingerprint=subject.fingerprint,
        dims=embeddings.embedding.shape[-1],
        layers=embeddings.n_layers,
        trained_on=subject.trained_on,
        weights=dict(subject.weights),
    )
    record = _task_record(task, split, embeddings, rows)
    probes = len(protocol.grid()) * max(1, embeddings.n_layers)
    protocol_record = ProtocolRecord(
        name=protocol.name,
        hash=protocol.hash,
        main_board=protocol.main_board,
        probes=probes,
        probes_run=probes,
    )
    path = result_path(out, subject.name, task.name, split.name, protocol.name)
    identity = row_identity(representation, record, protocol_record)
    found = _find(path)
    if found is not None and not force:
        same = found.identity == identity and len(found.curve) == representation.layers
        if same and _has_groups(path, clips):
            return Row(path, found)
        _announce_replacement(found.representation, representation, path)

    started = time.perf_counter()
    targets = targets_by_clip(task, split, clips)
    present = set(rows.clips["valid"]) | set(rows.clips["test"])
    check_labels(task, split, {clip_id: targets[clip_id] for clip_id in sorted(present)})
    chosen = best_probe(
        task, embeddings, rows, targets, protocol, device, memory, store.cache.grid(identity)
    )
    predictions = test_predictions(task, clips, rows, targets, chosen.outputs)
    cost = Cost(
        embedding_seconds=round(embeddings.seconds, 3),
        probing_seconds=round(time.perf_counter() - started, 3),
        peak_memory_bytes=max(
            embeddings.peak_bytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        ),
        device=device,
    )
    result = Result(
        representation=representation,
        task=record,
        protocol=protocol_record,
        probe=chosen.probe,
        curve=chosen.curve,
        scores=test_scores(task, predictions),
        cost=cost,
        environment=describe_environment(embeddings.made_with),
    )
    written = write_result(out, result, predictions)
    shutil.rmtree(store.cache.grid(identity), ignore_errors=True)
    return Row(written, result, found=False)


def _task_record(task: Task, split: SplitTable, embeddings: Embeddings, rows: Rows) -> TaskRecord:
    return TaskRecord(
        name=task.name,
        title=task.title,
        version=task.version,
        kind=task.kind,
        labels=task.labels,
        metrics=task.metrics,
        window=task.window,
        board=task.board,
        split=split.name,
        split_sha256=split.sha256,
        counts={name: len(set(rows.clips[name])) for name in SPLITS},
        rows={name: len(rows.clips[name]) for name in SPLITS},
        missing=tuple(
            MissingClip(clip_id=clip_id, reason=embeddings.missing[clip_id])
            for clip_id in split.of
            if clip_id in embeddings.missing
        ),
        notes=embeddings.notes,
        embeddings_sha256=embeddings.sha256,
    )


def _find(path: Path) -> Result | None:
    """Read the row that is there, if there is a whole one."""
    if not path.exists():
        return None
    try:
        result = read_result(path)
        read_predictions(path)
    except DataError:
        return None
    return result


def _has_groups(path: Path, clips: Sequence[Clip]) -> bool:
    """Whether the intervals of a row are over the groups that its test clips have now.

    They may depend on the files that a task's reader finds, at one version.
    """
    predictions = read_predictions(path)
    group_of = {clip.id: clip.group for clip in clips}
    return [group_of.get(clip_id) for clip_id in predictions.clip_ids] == list(predictions.groups)


def _announce_replacement(old: RepresentationRecord, new: RepresentationRecord, path: Path) -> None:
    if old.origin != new.origin:
        raise UsageError(
            f"{path} is the row of another {old.name!r} (origin: {old.origin}); name this one "
            "otherwise, choose another --out, or replace it with --force"
        )
    say(f"{path} is of another version of {old.name!r} or of its data; it will be replaced")
