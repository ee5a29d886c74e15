"""Which files decide what a model computes, besides its source: found by watching it read.

Python tells of every file that it opens, the kernel of those that are mapped, and of all
that are opened in the plugin's own folder (`mirbench.benchmark.machine`). What belongs to
Python, to installed packages, to the system or to the cache folder does not count, nor
does what was written meanwhile; the plugin's own source counts already.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.machine.code_lines import is_installed
from mirbench.benchmark.machine.folder_watch import opened_below
from mirbench.benchmark.machine.reads import files_read
from mirbench.benchmark.registry import RepresentationSpec

#: What libraries keep for themselves: compiled code, lists of fonts.
_DERIVED = {".pyc", ".nbi", ".nbc", ".so"}
_AUDIO = {".wav", ".mp3", ".flac", ".ogg", ".opus", ".au", ".aif", ".aiff", ".m4a"}
_KEPT_BY_LIBRARIES = ("/.cache/matplotlib/", "/.config/matplotlib/", "/.cache/fontconfig/")
_SYSTEM = ("/usr/", "/lib/", "/lib64/", "/etc/", "/opt/", "/System/", "/Library/")

#: Seconds by which the time of a file may lag behind the clock.
CLOCKS_APART = 0.05


@dataclass
class Reads:
    """What was read: complete when the block that watches is left.

    Attributes
    ----------
    files : set of Path
        Those that decide what a model computes.
    fresh : bool
        Whether others were read that were written meanwhile, as weights are that a model
        downloads when it is loaded for the first time.
    """

    files: set[Path] = field(default_factory=set)
    fresh: bool = False


@contextmanager
def watched(spec: RepresentationSpec) -> Iterator[Reads]:
    """Collect the files that decide, of those that Python opens or maps within.

    Nothing is watched for representations that read none (`RepresentationSpec.reads_files`).
    """
    reads = Reads()
    if not spec.reads_files:
        yield reads
        return
    started = time.time_ns()
    with files_read() as places:
        yield reads
    reads.files, fresh = _deciding(map(Path, places), spec, started)
    reads.fresh = bool(fresh)


@contextmanager
def watched_folder(spec: RepresentationSpec) -> Iterator[Reads]:
    """Collect, as `watched` does, what any library opens in the folder of a plugin file.

    For a time when no other process of this run is at work there. Audio does not count:
    it may be that of the dataset, which another run reads.
    """
    reads = Reads()
    if spec.plugin.source is None or spec.plugin.module is not None:
        yield reads
        return
    started = time.time_ns()
    with opened_below(spec.plugin.source.path.parent) as places:
        yield reads
    paths = (path for place in places if not _is_audio(path := Path(place)))
    reads.files, fresh = _deciding(paths, spec, started)
    reads.fresh = any(places.get(str(path), True) for path in fresh)


def _deciding(
    places: Iterable[Path], spec: RepresentationSpec, started: int
) -> tuple[set[Path], set[Path]]:
    """Say which files decide, and which would if they had not just been written."""
    source = spec.plugin.source
    known = {*source.files(), *source.development().values()} if source is not None else set()
    cache = CacheFolder.find(spec.cache).root.absolute()
    decide, fresh = set[Path](), set[Path]()
    for place in places:
        path = _source_of(place)
        if path in known or path.suffix in _DERIVED or ".so." in path.name:
            continue
        if path.is_relative_to(cache) or _is_foreign(path):
            continue
        if not path.is_file():
            continue
        (fresh if written_since(path, started) else decide).add(path)
    return decide, fresh


def written_since(path: Path, started: int) -> bool:
    """Whether a file was written after a moment, in nanoseconds since the epoch, or is gone."""
    try:
        return path.stat().st_mtime_ns >= started - int(CLOCKS_APART * 1e9)
    except OSError:
        return True


def _is_audio(path: Path) -> bool:
    return path.name.startswith(".") or path.suffix.lower() in _AUDIO


def _is_foreign(path: Path) -> bool:
    """Whether a file belongs to the system, to Python or to a library."""
    text = str(path)
    if text.startswith(_SYSTEM) or any(part in text for part in _KEPT_BY_LIBRARIES):
        return True
    prefixes = {Path(sys.prefix), Path(sys.base_prefix)}
    return is_installed(path) or any(path.is_relative_to(prefix) for prefix in prefixes)


def _source_of(path: Path) -> Path:
    """Name the source of a compiled module; any other file is what it is."""
    if path.suffix == ".pyc":
        try:
            return Path(importlib.util.source_from_cache(str(path)))
        except ValueError:
            return path
    return path
