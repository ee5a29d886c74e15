"""Find the files of GiantSteps tracks by the names that the publishers and others gave them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mirbench.benchmark.api import DataError, Download
from mirbench.tasks._tables import subfolders

_NAME = re.compile(r"(?P<track>[0-9]+)(?P<lofi>\.LOFI)?\.(?P<kind>[a-z0-9]+)", re.IGNORECASE)

_MD5 = re.compile(r"[0-9a-f]{32}")

#: What GitHub's archives put after the name of a repository: a branch or a commit.
_BRANCH = re.compile(r"-(?:master|main|[0-9a-f]{40})")

#: Bytes of a file that holds a key, a tempo or an MD5.
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


def annotation_files(folder: Path, kind: str) -> dict[str, Path]:
    """Map tracks to the files ``<track>.LOFI.<kind>`` in a folder; other names are left alone.

    Parameters
    ----------
    folder : Path
        It need not exist.
    kind : str
        Ending of the files, such as ``key`` or ``bpm``.

    Raises
    ------
    DataError
        If a track has two files, or one that looks like a copy, such as
        ``5061.LOFI (1).key``.
    """
    files: dict[str, Path] = {}
    for path in _files(folder):
        number = re.match("[0-9]+", path.name)
        if number is None or path.suffix.lower() != f".{kind}":
            continue
        track = str(int(number[0]))
        if not _NAME.fullmatch(path.name):
            raise DataError(
                f"{path}: looks like a copy of the {kind} file of track {track}, which is called "
                f"{track}.LOFI.{kind}; remove it, or rename it if it is the only one"
            )
        if track in files:
            raise DataError(
                f"{path}: a second {kind} file of track {track}, beside {files[track].name}; "
                "remove one of them"
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


def read_md5(path: Path) -> str | None:
    """Read an MD5, in hex; None if there is no such file.

    Raises
    ------
    DataError
        If the file does not begin with one.
    """
    if not path.is_file():
        return None
    words = read_line(path).lower().split()
    if not words or not _MD5.fullmatch(words[0]):
        raise DataError(f"{path}: line 1: expected an MD5 of 32 hexadecimal digits")
    return words[0]


def published_audio(base: Path, track: str) -> Path:
    """Where the publishers' scripts put the audio of a track of the set in `base`."""
    return base / "audio" / f"{track}.LOFI.mp3"


def download_of(track: str, base: Path, root: Path, backup: str) -> Download:
    """Say where the audio of a track is downloaded from, with its published MD5.

    Parameters
    ----------
    track : str
    base : Path
        Folder of its set.
    root : Path
        Folder of the dataset.
    backup : str
        Address of the folder that holds the audio of the set.

    Raises
    ------
    DataError
        If its MD5 file holds none.
    """
    published = published_audio(base, track)
    return Download(
        filename=published.relative_to(root).as_posix(),
        mirrors=(backup + published.name,),
        md5=read_md5(base / "md5" / f"{track}.LOFI.md5"),
    )


def find_repository(root: Path, name: str, how_to_get: str) -> Path:
    """Find a repository below `root` or one folder deeper, as cloned or unzipped from GitHub.

    Parameters
    ----------
    root : Path
        Folder of the dataset.
    name : str
        Of the repository.
    how_to_get : str
        What to tell someone who lacks it.

    Raises
    ------
    DataError
        If it is not there.
    """
    for base in [root, *subfolders(root)]:
        for folder in subfolders(base):
            if folder.name.startswith(name) and (
                folder.name == name or _BRANCH.fullmatch(folder.name[len(name) :])
            ):
                return folder
    raise DataError(f"the folder {name} was not found below {root}. {how_to_get}")


def _files(folder: Path) -> list[Path]:
    """Files in a folder, by name; none if it does not exist."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_file())
    except OSError:
        return []
