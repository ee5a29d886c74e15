"""Digests of files and of JSON-like content, and the checksums of downloads."""

from __future__ import annotations

import errno
import hashlib
import json
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import Download, MirbenchError
from mirbench.benchmark.progress import count


def digest(content: Any) -> str:
    """First 16 hex digits of the SHA-256 of JSON-like content."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    # Python writes what is no text in the name of a file as halves of surrogate pairs.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    return _file_digest(path, "sha256")


def path_digest(path: Path) -> str | None:
    """Digest of a file, or of the names and contents of all files in a folder; None if neither.

    Raises
    ------
    MirbenchError
        If it is there and cannot be read.
    """
    try:
        if path.is_file():
            return file_sha256(path)
        if path.is_dir():
            files = sorted(member for member in path.rglob("*") if member.is_file())
            return digest([[str(file.relative_to(path)), file_sha256(file)] for file in files])
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # it is another text than the name of a file
            return None
        raise MirbenchError(f"cannot read {path}: {error.strerror or error}") from error
    return None


def what_is_wrong(path: Path, item: Download) -> str | None:
    """Compare a file with the size and checksum it should have; None if nothing is wrong."""
    size = path.stat().st_size
    if item.bytes is not None and size != item.bytes:
        return f"it has {count(size, 'byte')} instead of {item.bytes:,}"
    for kind, published in (("sha256", item.sha256), ("md5", item.md5)):
        if published is not None:
            actual = _file_digest(path, kind)
            if actual != published.lower():
                return f"its {kind} is {actual[:12]}…, not {published.lower()[:12]}…"
    return None


def has_checksum(item: Download) -> bool:
    """Whether the content of a file is known beforehand."""
    return item.sha256 is not None or item.md5 is not None


def _file_digest(path: Path, kind: str) -> str:
    # MD5 is what old datasets were published with; it guards against accidents, not malice.
    with path.open("rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.new(kind, usedforsecurity=False)
        ).hexdigest()
