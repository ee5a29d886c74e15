"""One (representation, task) → one result row."""

from __future__ import annotations

import functools
import resource
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import SPLITS
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.datasets.targets import check_labels
from mirbench.benchmark.embedding.compute import embed_task
from mirbench.benchmark.embedding.embeddings import Embeddings, check_missing
from mirbench.benchmark.embedding.pair import Pair
from mirbench.benchmark.evaluation.arrange import Rows, arrange_rows, probe_data
from mirbench.benchmark.evaluation.commit import commitment_of
from mirbench.benchmark.evaluation.environment import describe_environment
from mirbench.benchmark.evaluation.facts import task_facts
from mirbench.benchmark.evaluation.found import announce_replacement, has_groups, read_whole
from mirbench.benchmark.evaluation.layers import train_layers
from mirbench.benchmark.evaluation.select import (
    best_probe,
    missing_clip,
    test_predictions,
    test_scores,
)
from mirbench.benchmark.evaluation.settings import Settings
from mirbench.benchmark.evaluation.subject import Subject, subject_of_pair
from mirbench.benchmark.evaluation.without_grid import probe_layers
from mirbench.benchmark.protocol import AnyProtocol, Protocol
from mirbench.benchmark.result import (
    Cost,
    ProtocolRecord,
    RepresentationRecord,
    Result,
    Row,
    TaskRecord,
    result_path,
    row_identity,
    write_result,
)


def evaluate_pair(pair: Pair, settings: Settings) -> Row:
    """Embed the clips of a split, or find them in the store, and probe them."""
    embeddings = embed_task(pair, settings)
    subject = subject_of_pair(pair, embeddings)
    return evaluate_embeddings(subject, pair.data, embeddings, settings)


def evaluate_embeddings(
    subject: Subject, data: Dataset, embeddings: Embeddings, settings: Settings
) -> Row:
    """Train the grid, select on validation, test once, write the row.

    If the identical row is already there, it is read instead.

    Parameters
    ----------
    subject : Subject
        What the embeddings are of.
    data : Dataset
    embeddings : Embeddings
        Of the clips of the split, or most of them.
    settings : Settings

    Raises
    ------
    DataError
        If more than the share `max_missing` of the clips has no embedding, or
        any of a task whose audio mirbench makes.
    """
    question, rows, path, found = _ask(subject, data, embeddings, settings)
    if found is not None:
        return Row(path, found)
    return _measure(question, data, embeddings, rows, settings)


def evaluate_share(
    subject: Subject, data: Dataset, embeddings: Embeddings, settings: Settings, first: int = 0
) -> Row | None:
    """Train the grids of a share of the layers, and keep their probes for the run that follows.

    Parameters
    ----------
    subject, data, embeddings, settings
        As for `evaluate_embeddings`.
    first : int
        Number of the first grid among all that are shared.

    Returns
    -------
    Row or None
        The row, if it is there, or if all grids belong to the share.
    """
    question, rows, path, found = _ask(subject, data, embeddings, settings)
    if found is not None:
        return Row(path, found)
    grids = max(1, embeddings.n_layers)
    mine = list(range(grids)) if settings.share is None else settings.share.places(grids, first)
    if len(mine) == grids:
        return _measure(question, data, embeddings, rows, settings)
    _check_scored(data, rows)
    checkpoint = settings.store.cache.grid(question.identity)
    layers: list[int | None] = [*mine] if embeddings.n_layers else [None]
    of = functools.partial(probe_data, data, embeddings, rows)
    for _ in train_layers(f"probing {data.task.name}", layers, of, settings, checkpoint):
        pass
    return None


def _ask(
    subject: Subject, data: Dataset, embeddings: Embeddings, settings: Settings
) -> tuple[_Question, Rows, Path, Result | None]:
    """Say what the row is about, where it lies, and what it is, if it is there and wanted."""
    asked = list(data.split.of)
    check_missing(embeddings, asked, settings.max_missing, data.task.never_missing)
    rows = arrange_rows(data, embeddings)
    question = _describe(subject, data, embeddings, rows, settings.protocol)
    names = data.task.name, data.split.name, settings.protocol.name
    path = result_path(settings.out, subject.name, *names, limit=data.limit)
    return question, rows, path, None if settings.force else _look(path, question, data)


@dataclass(frozen=True)
class _Question:
    """What a row is about, before anything is trained."""

    representation: RepresentationRecord
    task: TaskRecord
    protocol: ProtocolRecord

    @property
    def identity(self) -> str:
        return row_identity(self.representation, self.task, self.protocol)


def _describe(
    subject: Subject, data: Dataset, embeddings: Embeddings, rows: Rows, protocol: AnyProtocol
) -> _Question:
    probes = protocol.probes * max(1, embeddings.n_layers)
    return _Question(
        RepresentationRecord(
            name=subject.name,
            origin=subject.origin,
            params=dict(subject.params),
            fingerprint=subject.fingerprint,
            dims=embeddings.embedding.shape[-1],
            layers=embeddings.n_layers,
            trained_on=subject.trained_on,
            weights=dict(subject.weights),
            live=subject.live,
        ),
        _task_record(data, embeddings, rows),
        ProtocolRecord(
            name=protocol.name,
            hash=protocol.hash,
            main_board=protocol.main_board and data.limit is None,
            probes=probes,
            probes_run=probes,
            limit=data.limit,
        ),
    )


def _look(path: Path, question: _Question, data: Dataset) -> Result | None:
    """Read the row that is there, if it answers the same question; say so if it does not."""
    found = read_whole(path)
    if found is None:
        return None
    whole = len(found.curve) == question.representation.layers
    if found.identity == question.identity and whole and has_groups(path, data.groups):
        return found
    announce_replacement(found.representation, question.representation, path)
    return None


def _measure(
    question: _Question, data: Dataset, embeddings: Embeddings, rows: Rows, settings: Settings
) -> Row:
    started = time.perf_counter()
    _check_scored(data, rows)
    # Before the grid, so that nothing that goes wrong here comes after it.
    facts, commitment = task_facts(data), commitment_of(data, embeddings)
    checkpoint = settings.store.cache.grid(question.identity)
    if isinstance(settings.protocol, Protocol):
        chosen = best_probe(data, embeddings, rows, settings, checkpoint)
    else:
        chosen = probe_layers(data, embeddings, rows, settings.protocol)
    predictions = test_predictions(data, rows, chosen.outputs)
    own_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    result = Result(
        representation=question.representation,
        task=question.task,
        protocol=question.protocol,
        probe=chosen.probe,
        curve=chosen.curve,
        scores=test_scores(data.task, predictions),
        facts=facts,
        cost=Cost(
            embedding_seconds=round(embeddings.seconds, 3),
            probing_seconds=round(time.perf_counter() - started, 3),
            peak_memory_bytes=max(embeddings.peak_bytes, own_peak),
            device=settings.device,
        ),
        environment=describe_environment(embeddings.made_with, embeddings.checked),
        commitment=commitment,
    )
    written = write_result(settings.out, result, predictions)
    shutil.rmtree(checkpoint, ignore_errors=True)
    return Row(written, result, found=False)


def _check_scored(data: Dataset, rows: Rows) -> None:
    """Check that what is there can be scored: clips may be missing."""
    present = set(rows.clips["valid"]) | set(rows.clips["test"])
    scored = {clip_id: data.targets[clip_id] for clip_id in sorted(present)}
    check_labels(data.task, data.split, scored)


def _task_record(data: Dataset, embeddings: Embeddings, rows: Rows) -> TaskRecord:
    task, split = data.task, data.split
    return TaskRecord(
        name=task.name,
        origin=data.origin,
        fingerprint=data.fingerprint,
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
            missing_clip(data, clip_id, embeddings.missing[clip_id])
            for clip_id in split.of
            if clip_id in embeddings.missing
        ),
        notes=embeddings.notes,
        embeddings_sha256=embeddings.sha256,
    )
