"""Checksums and sizes of files that were downloaded."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import Download


def file_digest(path: Path, kind: str) -> str:
    """Digest (``sha256``, ``md5``) of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: _digest(kind)).hexdigest()


def what_is_wrong(path: Path, item: Download) -> str | None:
    """Compare a file with the size and checksum it should have; None if nothing is wrong."""
    size = path.stat().st_size
    if item.bytes is not None and size != item.bytes:
        return f"it has {size:,} bytes instead of {item.bytes:,}"
    for kind, wanted in (("sha256", item.sha256), ("md5", item.md5)):
        if wanted is not None:
            found = file_digest(path, kind)
            if found != wanted.lower():
                return f"its {kind} is {found[:12]}…, not {wanted.lower()[:12]}…"
    return None


def has_checksum(item: Download) -> bool:
    """Whether the content of a file is known beforehand."""
    return item.sha256 is not None or item.md5 is not None


def _digest(kind: str) -> Any:
    # MD5 is what old datasets were published with; it guards against accidents, not malice.
    return hashlib.new(kind, usedforsecurity=False)
