"""What a model reads while it loads and embeds, remembered with digests.

A plugin may read weights or a configuration that neither its source nor its parameters
name. Which files those are is known only once it has run (`mirbench.benchmark.embedding.
reading` looks), and is remembered beside its embeddings. From then on their contents are
part of its fingerprint.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.checksums import digest, file_sha256
from mirbench.benchmark.files.foreign import DAMAGES
from mirbench.benchmark.files.strict_json import read_note

#: Raised when the files hold something else.
VERSION = 1


def read_record(cache: CacheFolder, own: str) -> list[tuple[str, str]] | None:
    """Say which files a model reads, and what is in them now.

    A file whose size and time of modification are as remembered is not read again; one
    that is absent counts as it was, since embeddings may be probed where no model is.

    Parameters
    ----------
    cache : CacheFolder
        Where it is remembered.
    own : str
        Digest of the model's source and parameters.

    Returns
    -------
    list of (str, str), or None
        Names of the files and their SHA-256, sorted; None where nothing is remembered.
    """
    files = _remembered(cache, own)
    if files is None:
        return None
    return sorted({(file["name"], _sha256(file)) for file in files})


def write_record(cache: CacheFolder, own: str, files: Iterable[Path], folder: Path) -> None:
    """Remember which files a model reads, besides those that are remembered already.

    Parameters
    ----------
    cache, own
        As for `read_record`.
    files : iterable of Path
        Absolute paths.
    folder : Path
        The plugin's, from which files are named where they lie in it.
    """
    entries = {file["path"]: file for file in _remembered(cache, own) or ()}
    for path in sorted(files):
        try:
            status, sha256 = path.stat(), file_sha256(path)
        except OSError:  # it was there for a moment only, and can decide nothing from now on
            continue
        name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
        entries[str(path)] = {
            "path": str(path),
            "name": name,
            "bytes": status.st_size,
            "mtime_ns": status.st_mtime_ns,
            "sha256": sha256,
        }
    listed = [entries[path] for path in sorted(entries)]
    content = {"version": VERSION, "files": listed, "digest": digest(listed)}
    write_atomic(cache.made_from(own), json.dumps(content, indent=1).encode())


def _remembered(cache: CacheFolder, own: str) -> list[dict[str, Any]] | None:
    """Read the record; None if there is none, or it is damaged."""
    try:
        content = read_note(cache.made_from(own))
        files: list[dict[str, Any]] = content["files"]
        whole = content["version"] == VERSION and content["digest"] == digest(files)
        return files if whole and all(map(_is_entry, files)) else None
    except (OSError, *DAMAGES):
        return None


def _is_entry(file: dict[str, Any]) -> bool:
    """Whether it says of a file where it lies and what is in it."""
    texts = (file["path"], file["name"], file["sha256"])
    numbers = (file["bytes"], file["mtime_ns"])
    return (
        all(isinstance(text, str) and "\0" not in text for text in texts)
        and all(type(number) is int for number in numbers)
        and re.fullmatch("[0-9a-f]{64}", file["sha256"]) is not None
    )


def _sha256(file: dict[str, Any]) -> str:
    path = Path(file["path"])
    try:
        status = path.stat()
        if (status.st_size, status.st_mtime_ns) != (file["bytes"], file["mtime_ns"]):
            return file_sha256(path)
    except OSError:
        pass
    return str(file["sha256"])
