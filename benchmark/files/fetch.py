"""Fetch a file: mirrors in order, attempt after attempt, checked at the end.

While it grows, a file is called ``<name>.part`` (`mirbench.benchmark.files.partial`).
It gets its name when its size and checksum are right, so a file that is there
is whole.

``MIRBENCH_OFFLINE=1`` forbids downloads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mirbench.benchmark.api import Download
from mirbench.benchmark.files.checksums import what_is_wrong
from mirbench.benchmark.files.download import Request
from mirbench.benchmark.files.partial import DownloadError, PartialFile, locked_part
from mirbench.benchmark.files.replies import AgainError, NextMirrorError
from mirbench.benchmark.progress import say

#: Attempts in a row, at one address, that bring nothing new.
ATTEMPTS = 5

#: Attempts at one address altogether.
MOST_ATTEMPTS = 200


def is_offline() -> bool:
    """Whether ``MIRBENCH_OFFLINE`` forbids to ask any server."""
    return os.environ.get("MIRBENCH_OFFLINE", "0").lower() not in ("", "0", "false", "no")


def forbid_if_offline(what: str) -> None:
    """Refuse to go on where ``MIRBENCH_OFFLINE`` is set.

    Raises
    ------
    DownloadError
        With `what` and how to allow it.
    """
    if is_offline():
        raise DownloadError(
            f"MIRBENCH_OFFLINE is set, so {what} is not downloaded; unset it, or put the file "
            "there yourself"
        )


def fetch_file(
    item: Download, target: Path, quiet: bool = False, pause: Callable[[float], None] = time.sleep
) -> None:
    """Download a file, or go on with one that is partly there.

    Parameters
    ----------
    item : Download
        Its addresses, and what is known of its content.
    target : Path
        Where it goes. A file that is there already is left alone.
    quiet : bool
        Show no progress.
    pause : callable
        Waits so many seconds between attempts.

    Raises
    ------
    DownloadError
        If no address gave the right file, or downloads are forbidden.
    """
    if target.exists():
        return
    forbid_if_offline(target.name)
    reasons = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked_part(target) as part:
            for url in item.mirrors:
                try:
                    _Transfer(Request(item, url, part, quiet), pause).run()
                except NextMirrorError as error:
                    reasons.append(f"{url}: {error}")
                    continue
                part.keep()
                return
    except OSError as error:
        raise DownloadError(f"cannot write {target}: {error.strerror or error}") from error
    listed = "\n".join(f"  {reason}" for reason in reasons) or "  it has no address"
    raise DownloadError(f"{target.name} could not be downloaded:\n{listed}")


@dataclass
class _Transfer:
    """One file from one address, in as many attempts as it takes."""

    request: Request
    pause: Callable[[float], None]
    failures: int = field(default=0, init=False)
    attempts: int = field(default=0, init=False)

    @property
    def part(self) -> PartialFile:
        """What is here of the file."""
        return self.request.part

    def run(self) -> None:
        """Bring the part to its end, checked."""
        resumed = self.part.size() > 0
        self._transfer()
        wrong = self._what_is_wrong()
        if wrong is not None and resumed:
            # What was here may have been the wrong half, so the address gets a second chance.
            self.part.forget()
            self._transfer()
            wrong = self._what_is_wrong()
        if wrong is not None:
            self.part.forget()
            raise NextMirrorError(f"the file that came is not the right one: {wrong}")

    def _transfer(self) -> None:
        """Attempt until the file has come to its end."""
        done = False
        while not done:
            before = self.part.size()
            try:
                self.request.send(before)
                done = True
            except AgainError as error:
                done = self._is_whole_anyway(error, self.part.size() > before)

    def _is_whole_anyway(self, error: AgainError, progress: bool) -> bool:
        """Wait after a failed attempt; after the last one see if only the length was a lie."""
        self.attempts += 1
        self.failures = 0 if progress else self.failures + 1
        if self.failures >= ATTEMPTS or self.attempts >= MOST_ATTEMPTS:
            if self.request.checked and self._what_is_wrong() is None:
                return True
            raise NextMirrorError(f"{error} (gave up after {self.attempts} attempts)")
        wait = max(min(error.wait, 60.0), float(2**self.failures))
        if not self.request.quiet:
            say(f"{self.part.target.name}: {error}; trying again in {wait:g} s")
        self.pause(wait)
        return False

    def _what_is_wrong(self) -> str | None:
        return what_is_wrong(self.part.path, self.request.item)
