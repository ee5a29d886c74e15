"""A row against other rows, and its targets against the annotation where that is here.

That the scores follow from outputs and targets says nothing about the
targets. They are the same for every row of a test split, so a row that
changed them disagrees with the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import DataError, MirbenchError, MissingWeights, UsageError
from mirbench.benchmark.datasets.locate import dataset_folder, read_clips
from mirbench.benchmark.datasets.targets import targets_by_clip
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.plugins.adapters import adapter_form
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.plugins.naming import base_name
from mirbench.benchmark.progress import count
from mirbench.benchmark.registry import parse_representation
from mirbench.benchmark.result import Predictions, RepresentationRecord, Result, TaskFacts
from mirbench.benchmark.submissions.ground import Ground
from mirbench.benchmark.submissions.plausible import proportion_notes
from mirbench.benchmark.submissions.texts import check_name
from mirbench.benchmark.weights.lookup import how_to_get

#: Between two z-scored regression targets of one clip: rounding.
TOLERANCE = 1e-5


def annotated(ground: Ground, data: Path | None) -> Predictions | None:
    """Targets and groups of the test split from the annotation; None if that is not here.

    The annotation of the rendered tasks always is.
    """
    task, split = ground.task, ground.split
    try:
        clips = read_clips(task, dataset_folder(task, data, CacheFolder.find()), split)
        of = targets_by_clip(task, split, clips)
    except (DataError, MirbenchError):
        return None
    ids = split.ids("test")
    group_of = {clip.id: clip.group for clip in clips}
    nothing = np.zeros((len(ids), 0), np.float32)
    targets = np.stack([of[clip_id] for clip_id in ids])
    return Predictions(tuple(ids), tuple(group_of[i] for i in ids), nothing, targets)


def check_targets(predictions: Predictions, reference: Predictions, source: str) -> Iterator[str]:
    """Say which targets and groups differ from those of `source`, clip by clip."""
    place = {clip_id: number for number, clip_id in enumerate(reference.clip_ids)}
    shared = [(n, place[clip]) for n, clip in enumerate(predictions.clip_ids) if clip in place]
    if not shared:
        return
    here, there = np.array(shared).T
    stated = predictions.targets[here].astype(np.float64).reshape(len(here), -1)
    expected = reference.targets[there].astype(np.float64).reshape(len(here), -1)
    if stated.shape != expected.shape:
        yield f"predictions: the targets have another shape than those of {source}"
        return
    wrong = np.flatnonzero((np.abs(stated - expected) > TOLERANCE).any(axis=1))
    if len(wrong):
        first = wrong[0]
        yield (
            f"predictions: the targets of {count(len(wrong), 'clip', of=len(here))} are not those "
            f"of {source}, the first {show(predictions.clip_ids[here[first]])}: "
            f"{_numbers(stated[first])}, there {_numbers(expected[first])}; "
            "targets are the dataset's own"
        )
    moved = [h for h, t in shared if predictions.groups[h] != reference.groups[t]]
    if moved:
        yield (
            f"predictions: the groups of {count(len(moved), 'clip', of=len(here))} are not those "
            f"of {source}, the first {show(predictions.clip_ids[moved[0]])}; "
            "groups are the dataset's own"
        )


def _numbers(values: np.ndarray) -> str:
    text = ", ".join(f"{value:g}" for value in values[:8])
    return f"{text}, …" if len(values) > 8 else text


def check_name_taken(record: RepresentationRecord) -> tuple[list[str], list[str]]:
    """Say if a row bears the name of a representation of this version but is not one.

    Returns
    -------
    errors, notes : list of str
    """
    base = base_name(record.name)
    taken = {p.name: p for p in find_plugins("representation") if p.origin == "built-in"}
    alike = next((name for name in taken if name.lower() == base.lower()), None)
    if base not in taken and alike is not None:
        return [
            f"representation.name: {show(base)} differs from the built-in {show(alike)} in upper "
            "and lower case only; name yours otherwise"
        ], []
    if record.origin == "built-in" and base not in taken:
        return [
            f"representation.origin: mirbench has no built-in {show(base)}; the origin of a row of "
            "one's own is file, precomputed or the name of a distribution"
        ], []
    if base in taken and record.origin != "built-in":
        return [
            f"representation.name: {show(base)} is the name of a built-in representation, and this "
            f"row is of another (origin: {show(record.origin)}); name yours otherwise"
        ], []
    if base not in taken:
        return [], []
    if check_name(record.name):
        return [], []  # No name is acted upon that cannot be one.
    if adapter_form(taken[base]) is not None:
        return [], [
            "representation.fingerprint: not compared: it is of the files that an adapter ran, "
            "which are the submitter's; a reviewer can fetch and run them"
        ]
    try:
        representation = parse_representation(record.name)
        if any(
            isinstance(value, str) and Path(value).exists()
            for value in representation.params.values()
        ):
            raise UsageError("a parameter names a file or folder of this machine")
        if representation.weights is not None and not representation.weights_sha256:
            raise MissingWeights(how_to_get(representation.weights))
        fingerprint = representation.fingerprint()
    except MirbenchError as error:
        return [], [f"its fingerprint could not be compared: {error}"]
    if fingerprint == record.fingerprint:
        return [], []
    return [], [
        f"representation.fingerprint: {record.name} of this version is {fingerprint}, the row is "
        f"of {record.fingerprint}: another version of its source, or other weights"
    ]


class Neighbours:
    """Rows that others are compared with: those of a board, and the submission's own."""

    def __init__(self) -> None:
        self._targets: dict[tuple[str, str, int, str], list[tuple[str, Predictions]]] = {}
        self._outputs: dict[str, str] = {}
        self._rows: dict[tuple[str, str, str, str], Path] = {}
        self._names: dict[str, tuple[Result, Path]] = {}
        self._facts: dict[tuple[str, str, int, str], tuple[str, TaskFacts]] = {}

    @property
    def names(self) -> list[str]:
        """Representations of the rows that were added, each as it was written first."""
        return [row.representation.name for row, _ in self._names.values()]

    def facts(self, result: Result) -> tuple[str, TaskFacts] | None:
        """Find what an earlier row of the same task and split says of them, and its name."""
        return self._facts.get(_test_set(result))

    def notes(self, result: Result) -> Iterator[str]:
        """Say what does not go with the first row of the same representation."""
        known = self._names.get(result.representation.name.lower())
        if known is not None:
            other, path = known
            yield from proportion_notes(result, path, other)

    def check(self, path: Path, result: Result, predictions: Predictions) -> Iterator[str]:
        """Say where a row contradicts the rows that were added before."""
        record = result.representation
        if (twin := self._rows.get(_key(result))) is not None:
            yield (
                f"duplicate: {twin} is a row of the same representation, task, split and protocol; "
                "keep one of them"
            )
        if (known := self._names.get(record.name.lower())) is not None:
            yield from _check_same(record, known[0].representation, known[1])
        copied = self._outputs.get(_digest(result, predictions))
        if copied is not None and copied != record.name:
            yield (
                f"predictions: its outputs are to the last bit those of {show(copied)}: it is the "
                "same row under another name; hand in what this representation gives"
            )
        for name, other in self._targets.get(_test_set(result), []):
            differences = list(check_targets(predictions, other, f"the row of {show(name)}"))
            yield from differences
            if differences:
                break

    def add(self, path: Path, result: Result, predictions: Predictions) -> None:
        """Remember what a row is called and what it predicts."""
        self._rows[_key(result)] = path
        self._names.setdefault(result.representation.name.lower(), (result, path))
        self._outputs.setdefault(_digest(result, predictions), result.representation.name)
        if result.facts is not None:
            self._facts.setdefault(_test_set(result), (str(path), result.facts))

    def add_targets(self, result: Result, predictions: Predictions) -> None:
        """Remember the targets of clips that no earlier row has."""
        kept = self._targets.setdefault(_test_set(result), [])
        if not {clip for _, earlier in kept for clip in earlier.clip_ids} >= set(
            predictions.clip_ids
        ):
            kept.append((result.representation.name, predictions))


def _test_set(row: Result) -> tuple[str, str, int, str]:
    return row.task.name, row.task.split, row.task.version, row.task.split_sha256


def _key(row: Result) -> tuple[str, str, str, str]:
    return row.representation.name, row.task.name, row.task.split, row.protocol_label


def _digest(row: Result, predictions: Predictions) -> str:
    outputs = np.ascontiguousarray(predictions.outputs).tobytes()
    facts = f"{row.task.name} {row.task.split} {row.protocol_label} "
    return hashlib.sha256(facts.encode() + outputs).hexdigest()


def _check_same(
    record: RepresentationRecord, other: RepresentationRecord, path: Path
) -> Iterator[str]:
    if record.name != other.name:
        yield (
            f"representation.name: {show(record.name)} differs from {show(other.name)} ({path}) in "
            "upper and lower case only; name yours otherwise"
        )
    elif record.origin != other.origin:
        yield (
            f"representation.name: {show(record.name)} is taken: {path} is of another (origin: "
            f"{show(other.origin)}, here {show(record.origin)}); name yours otherwise"
        )
    elif (
        record.origin not in ("built-in", "precomputed") and record.fingerprint != other.fingerprint
    ):
        # One of mirbench's own may have been tidied between two rows, and a file of
        # embeddings is of one task. Anything else under one name is one model.
        yield (
            f"representation.fingerprint: {path} is of another version of {show(record.name)} "
            f"({show(other.fingerprint)}, here {show(record.fingerprint)}); name yours otherwise, "
            "or hand in all its rows again, of one version"
        )
