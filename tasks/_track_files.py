"""Find the files of GiantSteps tracks by the names that the publishers and others gave them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mirbench.benchmark.api import DataError

_NAME = re.compile(r"(?P<track>[0-9]+)(?P<lofi>\.LOFI)?\.(?P<kind>[a-z0-9]+)", re.IGNORECASE)

#: Bytes of a file that holds a key or an MD5.
_LONGEST = 1000

#: Endings of audio files, in the order in which they are preferred.
_AUDIO = ("mp3", "wav", "flac", "ogg", "aiff", "aif")


def audio_files(folder: Path) -> dict[str, Path]:
    """Map tracks to the audio files in a folder.

    They are called ``5061.LOFI.mp3`` as published, ``5061.LOFI.wav`` by the
    publishers' converter, and ``5061.mp3`` and the like by others; upper or
    lower case and zeros in front do not matter. Of several files of one track
    that with ``LOFI`` is taken, since another may be the shop's whole track
    instead of the preview; then mp3, wav, flac, ogg, aiff, in this order;
    then the first by name.
    """
    chosen: dict[str, tuple[bool, int, Path]] = {}
    for path in _files(folder):
        match = _NAME.fullmatch(path.name)
        if match is None or match["kind"].lower() not in _AUDIO:
            continue
        track = str(int(match["track"]))
        candidate = (match["lofi"] is None, _AUDIO.index(match["kind"].lower()), path)
        chosen[track] = min(candidate, chosen.get(track, candidate))
    return {track: path for track, (_, _, path) in chosen.items()}


def key_files(folder: Path) -> dict[str, Path]:
    """Map tracks to the files ``<track>.LOFI.key`` in a folder; other names are left alone.

    Raises
    ------
    DataError
        If a track has two files, or one that looks like a copy, such as
        ``5061.LOFI (1).key``.
    """
    files: dict[str, Path] = {}
    for path in _files(folder):
        number = re.match("[0-9]+", path.name)
        if number is None or path.suffix.lower() != ".key":
            continue
        track = str(int(number[0]))
        if not _NAME.fullmatch(path.name):
            raise DataError(
                f"{path}: looks like a copy of the key file of track {track}, which is called "
                f"{track}.LOFI.key; remove it, or rename it if it is the only one"
            )
        if track in files:
            raise DataError(
                f"{path}: a second key file of track {track}, beside {files[track].name}; remove "
                "one of them"
            )
        files[track] = path
    return files


def read_line(path: Path) -> str:
    """Read a file of one short line.

    Raises
    ------
    DataError
        If it cannot be read, or holds more.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > _LONGEST:
        raise DataError(
            f"{path}: line 1: expected one short line, found more than {_LONGEST} bytes"
        )
    return content.decode("utf-8-sig", "replace")


def _files(folder: Path) -> list[Path]:
    """Files in a folder, by name; none if it does not exist."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_file())
    except OSError:
        return []
