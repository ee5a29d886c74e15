"""Whether what lies in the cache folder is whole, what it is of, and what of it may go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import MirbenchError, Task, UsageError
from mirbench.benchmark.datasets.audio import AUDIO_VERSION
from mirbench.benchmark.datasets.deform import DEFORMATIONS, deformed_task
from mirbench.benchmark.embedding.store import Store, read_shard, task_fingerprint
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.checksums import digest
from mirbench.benchmark.files.contents import CachedFile, cached_files
from mirbench.benchmark.files.foreign import DAMAGES, Damaged
from mirbench.benchmark.files.sealed import content_digest, unseal
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.registry import load_task, parse_representation

#: Kinds that are removed only when asked for by name, since they may not come again by themselves.
KEPT = ("weights", "data", "features")


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that is not what it should be.

    Attributes
    ----------
    file : CachedFile
    what : str
        ``damaged`` or ``foreign``.
    why : str
    """

    file: CachedFile
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Holding:
    """Embeddings of one representation for one task.

    Attributes
    ----------
    representation, task : str
        Names, or where they are not known, fingerprints.
    fingerprint : str
        Of the representation.
    older_audio : bool
        Whether an older version of mirbench's reading of audio made them.
    files, size : int
        Number of files, and bytes.
    """

    representation: str
    task: str
    fingerprint: str
    older_audio: bool
    files: int
    size: int


def verify(cache: CacheFolder) -> Iterator[Problem]:
    """Read every file that carries a digest, and name those that are damaged or foreign."""
    for file in cached_files(cache):
        if file.kind == "foreign":
            yield Problem(file, "foreign", "mirbench has not put it there")
        elif file.kind in _CHECKS:
            why = _what_is_wrong(file)
            if why:
                yield Problem(file, "damaged", why)


def _what_is_wrong(file: CachedFile) -> str:
    try:
        return _CHECKS[file.kind](file.path)
    except FileNotFoundError:
        return ""  # it is gone by now
    except (OSError, AssertionError, *DAMAGES) as error:
        return str(error) or type(error).__name__


def _shard(path: Path) -> str:
    said: list[str] = []
    whole = read_shard(path, said.append) is not None
    return "" if whole or not path.exists() else said[0]


def _grid(path: Path) -> str:
    """Check a file of a grid: what is sealed in it is about the grid, whose key is a folder's name.

    It may lie in a folder of that one.
    """
    if path.suffix == ".json":
        json.loads(path.read_bytes())
        return ""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as content:
            (key,) = content.metadata()
    except SafetensorError as error:
        return str(error)
    reasons = []
    for folder in list(path.parents)[:2]:
        try:
            return "" if unseal(path, key, folder.name)[2] else "it has no digest"
        except Damaged as error:
            reasons.append(str(error))
    return reasons[0]


def _windows(path: Path) -> str:
    content = json.loads(path.read_bytes())
    same = content["digest"] == content_digest(content["counts"], {})
    return "" if same else "its content has changed"


def _made_from(path: Path) -> str:
    content = json.loads(path.read_bytes())
    return "" if content["digest"] == digest(content["files"]) else "its content has changed"


def _model(path: Path) -> str:
    size = json.loads(path.read_bytes())["batch_size"]
    return "" if size is None or type(size) is int else "it names no size of batches"


def _look(path: Path) -> str:
    content = json.loads(path.read_bytes())
    known = isinstance(content["found"], dict) and isinstance(content["version"], int)
    return "" if known else "it does not say what was found"


def _vector(path: Path) -> str:
    unseal(path, "look", path.parent.name)
    return ""


_CHECKS: dict[str, Callable[[Path], str]] = {
    "shard": _shard,
    "part": _shard,
    "grid": _grid,
    "windows": _windows,
    "made from": _made_from,
    "model": _model,
    "look": _look,
    "vector": _vector,
}


def holdings(cache: CacheFolder) -> list[Holding]:
    """Say of which representations and tasks there are embeddings, and how much."""
    tasks = _tasks()
    sums: dict[tuple[str, str], list[int]] = {}
    for file in cached_files(cache):
        if file.kind in ("shard", "part"):
            total = sums.setdefault((file.place.parts[1], file.place.parts[2]), [0, 0])
            total[0] += 1
            total[1] += file.size
    found = []
    for (fingerprint, place), (files, size) in sums.items():
        task, version = tasks.get(place, (place, AUDIO_VERSION))
        name = _label(cache, fingerprint)
        older = version != AUDIO_VERSION
        found.append(Holding(name, task, fingerprint, older, files, size))
    return sorted(found, key=lambda one: (one.representation, one.task, one.fingerprint))


def _label(cache: CacheFolder, fingerprint: str) -> str:
    try:
        label = json.loads(Store(cache.root).model_facts(fingerprint).read_bytes())["label"]
        return label if isinstance(label, str) else fingerprint
    except (OSError, *DAMAGES):
        return fingerprint


def _tasks() -> dict[str, tuple[str, int]]:
    """Tasks that share a fingerprint, and their version of audio, by that fingerprint."""
    named: dict[str, tuple[list[str], int]] = {}
    for task in _loadable_tasks():
        for version in range(1, AUDIO_VERSION + 1):
            place = named.setdefault(task_fingerprint(task, version), ([], version))
            place[0].append(task.name)
        for name in DEFORMATIONS:
            place = named.setdefault(
                task_fingerprint(deformed_task(task, name)), ([], AUDIO_VERSION)
            )
            place[0].append(f"{task.name} + {name}")
    return {place: (", ".join(sorted(names)), version) for place, (names, version) in named.items()}


def _loadable_tasks() -> Iterator[Task]:
    for plugin in find_plugins("task"):
        try:
            yield load_task(plugin.name)
        except MirbenchError:
            continue


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """What is to be removed besides what can no longer be used.

    Attributes
    ----------
    representations : sequence of str
        Names or fingerprints; all their embeddings go.
    older_audio : bool
        All embeddings that an older reading of audio made, and not only those that are
        here in today's as well.
    older_than : float, optional
        Days since the last change of embeddings, grids and counts.
    kinds : sequence of str
        Of those in `KEPT`.
    """

    representations: Sequence[str] = ()
    older_audio: bool = False
    older_than: float | None = None
    kinds: Sequence[str] = ()


def prunable(cache: CacheFolder, asked: Pruning, now: float) -> list[tuple[CachedFile, str]]:
    """List files that can go, and why.

    Parameters
    ----------
    cache : CacheFolder
    asked : Pruning
    now : float
        Time, in seconds.

    Raises
    ------
    UsageError
        If there are no embeddings of a representation that was named.
    """
    named = _named(cache, asked.representations)
    older = {
        task_fingerprint(task, version): task_fingerprint(task)
        for task in _loadable_tasks()
        for version in range(1, AUDIO_VERSION)
    }
    found = []
    for file in cached_files(cache):
        why = _asked_for(file, asked, named, now) or _useless(file, cache, older, asked.older_audio)
        if why:
            found.append((file, why))
    return found


def _named(cache: CacheFolder, names: Sequence[str]) -> dict[str, str]:
    """Fingerprints of representations that were named, with their names."""
    every = {path.name: _label(cache, path.name) for path in cache.embeddings.glob("*")}
    found: dict[str, str] = {}
    for name in names:
        known = {
            fingerprint for fingerprint, label in every.items() if name in (fingerprint, label)
        }
        if not known:
            known = {parse_representation(name, cache.root).fingerprint()} & every.keys()
        if not known:
            raise UsageError(f"{cache.embeddings} has no embeddings of {name!r}")
        found |= dict.fromkeys(known, name)
    return found


def _asked_for(file: CachedFile, asked: Pruning, named: dict[str, str], now: float) -> str:
    parts: tuple[Any, ...] = file.place.parts
    if file.kind in asked.kinds:
        return f"{file.kind}, as asked for"
    if parts[0] == "embeddings" and len(parts) > 2 and parts[1] in named:
        return f"embeddings of {named[parts[1]]}"
    aged = asked.older_than is not None and now - file.changed > asked.older_than * 86400
    if aged and file.kind in ("shard", "part", "grid", "windows"):
        return f"older than {asked.older_than:g} days"
    return ""


def _useless(
    file: CachedFile, cache: CacheFolder, older: Mapping[str, str], all_older: bool
) -> str:
    """Say why a file can no longer be used; `older` has today's name of each older task's."""
    if file.left_over:
        return "left by a run that was killed"
    if file.kind == "shard" and (today := older.get(file.place.parts[2])):
        if all_older:
            return "of an older reading of audio"
        same = cache.embeddings.joinpath(file.place.parts[1], today, *file.place.parts[3:])
        if same.exists():
            return "of an older reading of audio, and carried over to today's"
    if file.kind in _CHECKS and (why := _what_is_wrong(file)):
        return f"damaged: {why}"
    return ""
