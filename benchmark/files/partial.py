"""A file that is not whole yet: ``<name>.part``, with a note of what it is a part of."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.files.foreign import DAMAGES
from mirbench.benchmark.files.strict_json import read_note


class DownloadError(MirbenchError):
    """A file could not be downloaded from any of its addresses; the message says why not."""


@dataclass(frozen=True, slots=True)
class PartialFile:
    """The part of a file that is here, and beside it ``<name>.part.json``.

    The note says which version of which address it is a part of, so that
    halves of two versions are not put together.
    """

    target: Path

    @property
    def path(self) -> Path:
        """Where the part lies."""
        return self.target.with_name(self.target.name + ".part")

    @property
    def note(self) -> Path:
        """Where the note lies."""
        return self.target.with_name(self.target.name + ".part.json")

    def size(self) -> int:
        """Bytes that are here."""
        return self.path.stat().st_size

    def validator(self, url: str) -> str:
        """Look up what the server at `url` called the version of this part; empty if unknown."""
        try:
            known = read_note(self.note)
            return str(known["validator"]) if known["url"] == url else ""
        except (OSError, *DAMAGES):
            return ""

    def remember(self, url: str, validator: str) -> None:
        """Note where the part is from."""
        self.note.write_text(json.dumps({"url": url, "validator": validator}), "utf-8")

    def forget(self) -> None:
        """Begin anew."""
        os.truncate(self.path, 0)
        self.note.unlink(missing_ok=True)

    def keep(self) -> None:
        """Rename the part to the file, now that it is whole."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(self.path, self.target)
        self.note.unlink(missing_ok=True)


@contextlib.contextmanager
def locked_part(target: Path) -> Iterator[PartialFile]:
    """Open the part of a file, which no other process may write meanwhile.

    Raises
    ------
    DownloadError
        If another process is at it.
    """
    part = PartialFile(target)
    with part.path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DownloadError(f"another process is downloading {target.name}") from None
        try:
            yield part
        finally:
            if part.path.exists() and part.size() == 0:
                part.path.unlink()
                part.note.unlink(missing_ok=True)
