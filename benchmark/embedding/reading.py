"""Which files decide what a model computes, besides its source: found by watching it read.

Python tells of every file that it opens, the kernel of those that are mapped, and of all
that are opened in the plugin's own folder (`mirbench.benchmark.machine`). What belongs to
Python, to installed packages, to the system or to the cache folder does not count, nor
does what was written meanwhile; the plugin's own source counts already.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.machine.folder_watch import opened_below
from mirbench.benchmark.machine.reads import files_read
from mirbench.benchmark.plugins.development import is_installed
from mirbench.benchmark.registry import RepresentationSpec

#: What libraries keep for themselves: compiled code, lists of fonts.
_DERIVED = {".pyc", ".nbi", ".nbc", ".so"}
_KEPT_BY_LIBRARIES = ("/.cache/matplotlib/", "/.config/matplotlib/", "/.cache/fontconfig/")
_SYSTEM = ("/usr/", "/lib/", "/lib64/", "/etc/", "/opt/", "/System/", "/Library/")


@contextmanager
def watched(spec: RepresentationSpec) -> Iterator[set[Path]]:
    """Collect the files that decide, of those that are read within; complete at the end.

    Nothing is watched for representations that read none (`RepresentationSpec.reads_files`).
    """
    found: set[Path] = set()
    if not spec.reads_files:
        yield found
        return
    started = time.time_ns()
    with files_read() as places:
        yield found
    found |= _deciding(map(Path, places), spec, started)


@contextmanager
def watched_folder(spec: RepresentationSpec) -> Iterator[set[Path]]:
    """Collect, as `watched` does, what any library opens in the folder of a plugin file.

    For a time when no other process is at work there.
    """
    found: set[Path] = set()
    if spec.plugin.source is None or spec.plugin.module is not None:
        yield found
        return
    started = time.time_ns()
    with opened_below(spec.plugin.source.path.parent) as places:
        yield found
    found |= _deciding(map(Path, places), spec, started)


def _deciding(places: Iterable[Path], spec: RepresentationSpec, started: int) -> set[Path]:
    source = spec.plugin.source
    known = {*source.files(), *source.development().values()} if source is not None else set()
    cache = CacheFolder.find(spec.cache).root.absolute()
    decide = set()
    for place in places:
        path = _source_of(place)
        if path in known or path.suffix in _DERIVED or ".so." in path.name:
            continue
        if path.is_relative_to(cache) or _is_foreign(path):
            continue
        try:
            status = path.stat()
        except OSError:
            continue
        if os.path.isfile(path) and status.st_mtime_ns < started:
            decide.add(path)
    return decide


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
