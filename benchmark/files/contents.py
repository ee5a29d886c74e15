"""What lies in the cache folder: every file with its kind, by where it is."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.claims import SUFFIX

#: Seconds after which a file that is only there for a moment is what a killed run has left.
LEFT_AFTER = 86400.0

#: The same of parts of shards, which members of a job array write for each other: days may pass.
PART_LEFT_AFTER = 30 * 86400.0

#: Kinds of files by their places, relative to the cache folder; what fits none is foreign.
_PLACES = {
    "live": r"embeddings/live\w+/.+",
    "shard": r"embeddings/\w+/\w+/(batches-\w+/)?\d{5}-\w+\.safetensors",
    "part": r"embeddings/\w+/\w+/parts/\d{5}-\w+\.safetensors",
    "model": r"embeddings/\w+/model\.json",
    "look": r"embeddings/\w+/look-\w+\.json",
    "vector": r"embeddings/\w+/look-\w+\.vector",
    "windows": r"windows/\w+\.json",
    "made from": r"made_from/\w+\.json",
    "grid": r"grids/.+\.(safetensors|json)",
    "weights": r"weights/.+",
    "data": r"data/.+",
    "features": r"features/.+",
}


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file of the cache folder.

    Attributes
    ----------
    path : Path
    place : PurePosixPath
        Relative to the cache folder.
    kind : str
        ``shard``, ``grid``, ``weights``, …; ``temporary`` for what is there only while something
        is made, and ``foreign`` for what mirbench has not put there.
    size : int
        Bytes.
    changed : float
        Time of its last change, in seconds.
    """

    path: Path
    place: PurePosixPath
    kind: str
    size: int
    changed: float

    @property
    def left_over(self) -> bool:
        """Whether it was left by a run that was killed: nobody has touched it for long."""
        after = {
            "temporary": LEFT_AFTER,
            "part": PART_LEFT_AFTER,
            "live": PART_LEFT_AFTER,  # of a model object, whose embeddings nobody finds again
        }.get(self.kind)
        return after is not None and time.time() - self.changed > after


def cached_files(cache: CacheFolder) -> Iterator[CachedFile]:
    """Walk through the cache folder, in the order of names; links are not followed."""
    for folder, folders, names in os.walk(cache.root):
        folders.sort()
        linked = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in sorted([*names, *linked]):
            path = Path(folder) / name
            try:
                status = path.lstat()
            except OSError:  # it is gone by now
                continue
            place = PurePosixPath(path.relative_to(cache.root).as_posix())
            kind = "foreign" if path.is_symlink() else _kind(place)
            yield CachedFile(path, place, kind, status.st_size, status.st_mtime)


def _kind(place: PurePosixPath) -> str:
    for kind, pattern in _PLACES.items():
        if re.fullmatch(pattern, str(place)):
            inside = kind in ("weights", "data", "features", "grid")
            return "temporary" if inside and _is_temporary(place) else kind
    return "temporary" if _is_temporary(place) else "foreign"


def _is_temporary(place: PurePosixPath) -> bool:
    name = place.name
    if any(part.startswith(".rendering-") for part in place.parts[:-1]):
        return True
    return (name.startswith(".") and name.endswith(".tmp")) or name.endswith(SUFFIX)


def remove_files(cache: CacheFolder, paths: list[Path]) -> list[tuple[Path, str]]:
    """Remove files, and the folders that are empty then.

    Returns
    -------
    list of (Path, str)
        Those that could not be removed, and why.
    """
    failed = []
    for path in paths:
        try:
            path.unlink(missing_ok=True)
            for folder in path.parents:
                if folder == cache.root:
                    break
                folder.rmdir()
        except OSError as error:
            if path.exists():
                failed.append((path, error.strerror or str(error)))
    return failed
