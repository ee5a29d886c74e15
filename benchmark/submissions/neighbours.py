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

from mirbench.benchmark.api import DataError, MirbenchError, UsageError
from mirbench.benchmark.datasets.locate import dataset_folder, read_clips
from mirbench.benchmark.datasets.targets import targets_by_clip
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.plugins.adapters import adapter_form
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.registry import parse_representation
from mirbench.benchmark.result import Predictions, RepresentationRecord, Result
from mirbench.benchmark.submissions.ground import Ground
from mirbench.benchmark.submissions.texts import check_name
from mirbench.benchmark.submissions.verdict import show

#: Between two z-scored regression targets of one clip: rounding.
TOLERANCE = 1e-5


def annotated(ground: Ground, data: Path | None) -> Predictions | None:
    """Give targets and groups of the test split from the annotation; None if it is not here.

    That of the rendered tasks always is.
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


def check_targets(own: Predictions, other: Predictions, source: str) -> Iterator[str]:
    """Say which targets and groups differ from those of `source`, clip by clip."""
    place = {clip_id: number for number, clip_id in enumerate(other.clip_ids)}
    shared = [(n, place[clip]) for n, clip in enumerate(own.clip_ids) if clip in place]
    if not shared:
        return
    here, there = np.array(shared).T
    one = own.targets[here].astype(np.float64).reshape(len(here), -1)
    two = other.targets[there].astype(np.float64).reshape(len(here), -1)
    if one.shape != two.shape:
        yield f"predictions: the targets have another shape than those of {source}"
        return
    wrong = np.flatnonzero((np.abs(one - two) > TOLERANCE).any(axis=1))
    if len(wrong):
        first = wrong[0]
        yield (
            f"predictions: the targets of {len(wrong)} of {len(here)} clips are not those of "
            f"{source}, the first {show(own.clip_ids[here[first]])}: "
            f"{_numbers(one[first])}, there {_numbers(two[first])}; targets are the dataset's own"
        )
    moved = [h for h, t in shared if own.groups[h] != other.groups[t]]
    if moved:
        yield (
            f"predictions: the groups of {len(moved)} of {len(here)} clips are not those of "
            f"{source}, the first {show(own.clip_ids[moved[0]])}; groups are the dataset's own"
        )


def _numbers(values: np.ndarray) -> str:
    text = ", ".join(f"{value:g}" for value in values[:8])
    return f"{text}, …" if len(values) > 8 else text


def check_name_taken(own: RepresentationRecord) -> tuple[list[str], list[str]]:
    """Say if a row bears the name of a representation of this version but is not one.

    Returns
    -------
    errors, notes : list of str
    """
    base = own.name.partition(":")[0]
    taken = {p.name: p for p in find_plugins("representation") if p.origin == "built-in"}
    alike = next((name for name in taken if name.lower() == base.lower()), None)
    if base not in taken and alike is not None:
        return [
            f"representation.name: {show(base)} differs from the built-in {show(alike)} in upper "
            "and lower case only; name yours otherwise"
        ], []
    if own.origin == "built-in" and base not in taken:
        return [
            f"representation.origin: mirbench has no built-in {show(base)}; the origin of a row of "
            "one's own is file, precomputed or the name of a distribution"
        ], []
    if base in taken and own.origin != "built-in":
        return [
            f"representation.name: {show(base)} is the name of a built-in representation, and this "
            f"row is of another (origin: {show(own.origin)}); name yours otherwise"
        ], []
    if base not in taken:
        return [], []
    if check_name(own.name):
        return [], []  # No name is acted upon that cannot be one.
    if adapter_form(taken[base]) is not None:
        return [], [
            "representation.fingerprint: not compared: it is of the files that an adapter ran, "
            "which are the submitter's; a reviewer can fetch and run them"
        ]
    try:
        spec = parse_representation(own.name)
        if any(isinstance(value, str) and Path(value).exists() for value in spec.params.values()):
            raise UsageError("a parameter names a file or folder of this machine")
        fingerprint = spec.fingerprint()
    except MirbenchError as error:
        return [], [f"its fingerprint could not be compared: {error}"]
    if fingerprint == own.fingerprint:
        return [], []
    return [], [
        f"representation.fingerprint: {own.name} of this version is {fingerprint}, the row is of "
        f"{own.fingerprint}: another version of its source, or other weights"
    ]


class Neighbours:
    """Rows that others are compared with: those of a board, and the submission's own."""

    def __init__(self) -> None:
        self._targets: dict[tuple[str, str, int, str], list[tuple[str, Predictions]]] = {}
        self._outputs: dict[str, str] = {}
        self._rows: dict[tuple[str, str, str, str], Path] = {}
        self._names: dict[str, tuple[RepresentationRecord, Path]] = {}

    def check(self, path: Path, own: Result, predictions: Predictions) -> Iterator[str]:
        """Say where a row contradicts the rows that were added before."""
        record = own.representation
        if (twin := self._rows.get(_key(own))) is not None:
            yield (
                f"duplicate: {twin} is a row of the same representation, task, split and protocol; "
                "keep one of them"
            )
        if (known := self._names.get(record.name.lower())) is not None:
            yield from _check_same(record, *known)
        copied = self._outputs.get(_digest(own, predictions))
        if copied is not None and copied != record.name:
            yield (
                f"predictions: its outputs are to the last bit those of {show(copied)}: it is the "
                "same row under another name; hand in what this representation gives"
            )
        for name, other in self._targets.get(_test_set(own), []):
            found = list(check_targets(predictions, other, f"the row of {show(name)}"))
            yield from found
            if found:
                break

    def add(self, path: Path, own: Result, predictions: Predictions) -> None:
        """Remember what a row is called and what it predicts."""
        self._rows[_key(own)] = path
        self._names.setdefault(own.representation.name.lower(), (own.representation, path))
        self._outputs.setdefault(_digest(own, predictions), own.representation.name)

    def add_targets(self, own: Result, predictions: Predictions) -> None:
        """Remember the targets of clips that no earlier row has."""
        kept = self._targets.setdefault(_test_set(own), [])
        if not {clip for _, one in kept for clip in one.clip_ids} >= set(predictions.clip_ids):
            kept.append((own.representation.name, predictions))


def _test_set(row: Result) -> tuple[str, str, int, str]:
    return row.task.name, row.task.split, row.task.version, row.task.split_sha256


def _key(row: Result) -> tuple[str, str, str, str]:
    return row.representation.name, row.task.name, row.task.split, row.protocol.name


def _digest(row: Result, predictions: Predictions) -> str:
    outputs = np.ascontiguousarray(predictions.outputs).tobytes()
    facts = f"{row.task.name} {row.task.split} {row.protocol.name} "
    return hashlib.sha256(facts.encode() + outputs).hexdigest()


def _check_same(
    own: RepresentationRecord, other: RepresentationRecord, path: Path
) -> Iterator[str]:
    if own.name != other.name:
        yield (
            f"representation.name: {show(own.name)} differs from {show(other.name)} ({path}) in "
            "upper and lower case only; name yours otherwise"
        )
    elif own.origin != other.origin:
        yield (
            f"representation.name: {show(own.name)} is taken: {path} is of another (origin: "
            f"{show(other.origin)}, here {show(own.origin)}); name yours otherwise"
        )
    elif own.origin not in ("built-in", "precomputed") and own.fingerprint != other.fingerprint:
        # One of mirbench's own may have been tidied between two rows, and a file of
        # embeddings is of one task. Anything else under one name is one model.
        yield (
            f"representation.fingerprint: {path} is of another version of {show(own.name)} "
            f"({show(other.fingerprint)}, here {show(own.fingerprint)}); name yours otherwise, or "
            "hand in all its rows again, of one version"
        )
