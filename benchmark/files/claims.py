"""Claims: small files that say which run is at a piece of work, so that no other does it too.

A claim on ``<file>`` is ``<file>.claim`` beside it. It is made by one process and no other,
says who that is, and is touched every few seconds while the work goes on. One that no longer
changes has expired and is taken over. Whether it changes is seen by looking again, over the
looker's own clock: the clocks of hosts that share a folder may differ, and may be set back.
A claim of a process of this host that has ended is noticed at once.

Claims save work, and nothing hangs on them: where one is lost (the folder was deleted, a
process was stopped for minutes), the same is computed twice and written twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.files.atomic import cannot_write
from mirbench.benchmark.files.owners import birth_of, this_host
from mirbench.benchmark.progress import say

#: What the names of claims end with.
SUFFIX = ".claim"

#: Seconds between two touches of a claim.
RENEWED_EVERY = 5.0

#: Seconds without a change after which a claim has expired.
EXPIRES = 60.0

#: Seconds between two looks of who waits.
LOOKED_AT_EVERY = 0.25

#: Bytes of a claim that are read; what is longer is foreign.
_LONGEST = 4096

#: A claim as it was seen: who made it, and what changes when it is touched.
_Seen = tuple[str, int, int]


class Claim:
    """A claim that this process has; let it go when the work is done or given up."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self._text = path, text

    @property
    def held(self) -> bool:
        """Whether it is still there and this one, not taken over by another."""
        return _read(self.path) == self._text

    def touch(self) -> None:
        """Show that the work goes on."""
        with contextlib.suppress(OSError):
            if self.held:
                os.utime(self.path)

    def release(self) -> None:
        """Let it go."""
        with contextlib.suppress(OSError):
            if self.held:
                self.path.unlink()


class Claims:
    """The claims of one run, touched by a thread as long as this context is open.

    Parameters
    ----------
    expires : float
        Seconds without a change after which another's claim is taken over.
    clock : callable
        Seconds that pass, from any start.
    host : str, optional
        Name of this host, on which ended processes are noticed.
    """

    def __init__(
        self,
        expires: float = EXPIRES,
        clock: Callable[[], float] = time.monotonic,
        host: str | None = None,
    ) -> None:
        self._expires, self._clock = expires, clock
        self._host = this_host() if host is None else host
        self._held: dict[Path, Claim] = {}
        self._seen: dict[Path, tuple[_Seen, float]] = {}
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Claims:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        for path in list(self._held):
            self.release(path)

    def take(self, path: Path) -> bool:
        """Claim the work of making a file; False if another run is at it.

        Look afterwards whether the file is there by now.

        Raises
        ------
        MirbenchError
            If no claim can be written there.
        """
        place = path.with_name(path.name + SUFFIX)
        if place.exists() and not (self._has_expired(place) and _remove(place, self._seen[place])):
            return False
        owner = {"host": self._host, "pid": os.getpid(), "born": birth_of(os.getpid()) or ""}
        text = json.dumps({**owner, "token": secrets.token_hex(8)})
        try:
            if not _create(place, text):
                return False
        except OSError as error:
            raise cannot_write(place, error) from error
        self._held[path] = Claim(place, text)
        if self._thread is None:
            self._thread = threading.Thread(target=self._renew, daemon=True, name="claims")
            self._thread.start()
        return True

    def release(self, path: Path) -> None:
        """Let go of the claim on a file, if there is one."""
        claim = self._held.pop(path, None)
        if claim is not None:
            claim.release()

    def owner(self, path: Path) -> str:
        """Say who is making a file, as ``process 12 of host``; empty where nobody is."""
        text = _read(path.with_name(path.name + SUFFIX))
        try:
            facts = json.loads(text or "")
            return f"process {int(facts['pid'])} of {str(facts['host']).split()[0]}"
        except (ValueError, LookupError, TypeError, RecursionError):
            return ""

    def _renew(self) -> None:
        while not self._closed.wait(RENEWED_EVERY):
            for claim in list(self._held.values()):
                claim.touch()

    def _has_expired(self, place: Path) -> bool:
        now, seen = self._clock(), _look(place)
        if seen is None:
            return False  # it is gone, and who looks next finds out what was made
        last, since = self._seen.get(place, (None, now))
        if last != seen:
            since = now
        self._seen[place] = seen, since
        return self._owner_has_ended(seen[0]) or now - since > self._expires

    def _owner_has_ended(self, text: str) -> bool:
        try:
            facts = json.loads(text)
            here, pid, born = facts["host"] == self._host, int(facts["pid"]), str(facts["born"])
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
            return False  # it is being written, or foreign
        if not here or pid <= 0:
            return False
        now = birth_of(pid)
        return now is None or bool(now and born and now != born)


@contextlib.contextmanager
def in_turn(path: Path, is_done: Callable[[], bool], waiting: str) -> Iterator[bool]:
    """Let one run after the other do what is done once and for all; say whether it is to be done.

    Parameters
    ----------
    path : Path
        The file that is made.
    is_done : callable
        Whether it is there, and whole.
    waiting : str
        Said once if another run is at it; its name is put in for ``{}``.

    Raises
    ------
    MirbenchError
        If no claim can be written beside the file.
    """
    told = False
    with Claims() as claims:
        while not is_done():
            if claims.take(path):
                yield not is_done()
                return
            if not told:
                say(waiting.format(claims.owner(path) or "another run"))
                told = True
            time.sleep(LOOKED_AT_EVERY)
        yield False


def _create(place: Path, text: str) -> bool:
    """Create a claim, as the only one of all who try; False if there is one."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        if place.parent.is_dir():
            return False
        raise
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o644)  # whatever the umask: other users look at it
            file.write(text.encode())
    except OSError:
        place.unlink(missing_ok=True)
        raise
    return True


def _read(place: Path) -> str | None:
    seen = _look(place)
    return None if seen is None else seen[0]


def _look(place: Path) -> _Seen | None:
    """Look at a claim; it is opened, since network shares answer `stat` from memory."""
    try:
        with place.open("rb") as file:
            status = os.fstat(file.fileno())
            return file.read(_LONGEST).decode("utf-8", "replace"), status.st_mtime_ns, status.st_ino
    except IsADirectoryError:
        return "", 0, 0
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:  # another user's, perhaps: that it changes can be seen all the same
        with contextlib.suppress(OSError):
            status = place.stat()
            return "", status.st_mtime_ns, status.st_ino
        return None


def _remove(place: Path, seen: tuple[_Seen, float]) -> bool:
    """Remove an expired claim, unless another run has done so, and has its own there by now."""
    aside = place.with_name(f".{place.name}.{secrets.token_hex(4)}.tmp")
    try:
        os.rename(place, aside)
        if stat.S_ISDIR(aside.lstat().st_mode):
            return True  # whatever it is, it is out of the way
        found = _look(aside)
        if found is None or found[1:] != seen[0][1:]:
            with contextlib.suppress(OSError):
                os.link(aside, place)
            aside.unlink()
            return False
        aside.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise MirbenchError(
            f"cannot remove {place}, the claim of a run that has ended: "
            f"{error.strerror or error}; remove it"
        ) from error
    return True
