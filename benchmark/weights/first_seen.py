"""Checksums of files for which none is published: what came first is what is right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from mirbench.benchmark.api import DataError, MirbenchError
from mirbench.benchmark.files.atomic import lock, write_atomic
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.foreign import DAMAGES
from mirbench.benchmark.files.strict_json import read_note
from mirbench.benchmark.weights.sets import Original, WeightFile, WeightSet


def first_seen_path(weights: WeightSet) -> Path:
    """Where checksums are kept of files for which none is published."""
    return CacheFolder(weights.cache).weights / "first_seen.json"


def first_seen(weights: WeightSet) -> dict[str, str]:
    """SHA-256 that files of a set had when they were seen first, by file name.

    Raises
    ------
    MirbenchError
        If the record is damaged.
    """
    known = _read_first_seen(first_seen_path(weights))
    return {file.name: known[_address(file)] for file in weights.files if _address(file) in known}


def _address(file: WeightFile) -> str:
    return f"{file.sources[0]}#{file.name}" if file.zipped else file.sources[0]


def _read_first_seen(path: Path) -> dict[str, str]:
    try:
        content = read_note(path)
        return {str(key): str(value) for key, value in content.items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, *DAMAGES) as error:
        raise MirbenchError(f"{path} is damaged ({error}); repair or delete it") from error


def check_first_seen(weights: WeightSet, file: WeightFile, path: Path, sha256: str) -> None:
    """Refuse a file without a published checksum that is not the one that was seen first.

    Parameters
    ----------
    weights : WeightSet
        The set.
    file : WeightFile
        One of its files, as the card declares it.
    path : Path
        Where the file lies, for the message.
    sha256 : str
        What it has, in hex.

    Raises
    ------
    DataError
        If it differs; the message says how to accept a new version.
    MirbenchError
        If the record is damaged.
    """
    before = None if file.sha256 is not None else first_seen(weights).get(file.name)
    if before not in (None, sha256):
        raise DataError(
            f"{path} has the sha256 {sha256}, but when {file.name} of {weights.name} was seen "
            f"first it had {before}. If you know that its publishers have changed it, delete the "
            f"line of {_address(file)} from {first_seen_path(weights)}"
        )


def note_first_seen(weights: WeightSet, originals: Mapping[str, Original]) -> None:
    """Record the checksums of a set's files (by name) for which none is published.

    Raises
    ------
    DataError
        If others were recorded meanwhile.
    MirbenchError
        If the record is damaged or cannot be written.
    """
    if all(file.sha256 is not None for file in weights.files):
        return
    place = first_seen_path(weights)
    with lock(place.with_name(".first_seen.lock")):
        known = _read_first_seen(place)
        for file in weights.files:
            if file.sha256 is None:
                check_first_seen(weights, file, weights.path, originals[file.name].sha256)
                known[_address(file)] = originals[file.name].sha256
        text = json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        write_atomic(place, text.encode())
