"""Download a file: mirrors in order, resumed, checked. The only module that opens a socket.

While it grows, a file is called ``<name>.part`` (`mirbench.benchmark.files.partial`).
It gets its name when its size and checksum are right, so a file that is there
is whole.

``MIRBENCH_OFFLINE=1`` forbids downloads.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from mirbench.benchmark.api import Download
from mirbench.benchmark.files.checksums import has_checksum, what_is_wrong
from mirbench.benchmark.files.partial import DownloadError, PartialFile, locked_part
from mirbench.benchmark.progress import bar, say

#: Seconds without a byte after which a connection counts as dropped.
TIMEOUT = 30.0

#: Attempts in a row, at one address, that bring nothing new.
ATTEMPTS = 5

#: Attempts at one address altogether.
MOST_ATTEMPTS = 200

#: No file that mirbench needs is larger; a server that sends more is cut off.
LARGEST = 40 * 10**9

_BLOCK = 1 << 18
_AGAIN = {408, 425, 429, 500, 502, 503, 504}


class _NextMirrorError(Exception):
    """An address that will not do; the text says why."""


class _AgainError(Exception):
    """An address that may do later; `wait` is the server's wish in seconds, if it has one."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


def forbid_if_offline(what: str) -> None:
    """Refuse to go on where ``MIRBENCH_OFFLINE`` is set.

    Raises
    ------
    DownloadError
        With `what` and how to allow it.
    """
    if os.environ.get("MIRBENCH_OFFLINE", "0").lower() not in ("", "0", "false", "no"):
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
                    _Transfer(item, url, part, quiet, pause).run()
                except _NextMirrorError as error:
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

    item: Download
    url: str
    part: PartialFile
    quiet: bool
    pause: Callable[[float], None]
    failures: int = field(default=0, init=False)
    attempts: int = field(default=0, init=False)

    @property
    def checked(self) -> bool:
        """Whether a checksum will tell if the content is right."""
        return has_checksum(self.item)

    def run(self) -> None:
        """Bring the part to its end, checked."""
        if urllib.parse.urlsplit(self.url).scheme not in ("http", "https"):
            raise _NextMirrorError("only http and https addresses are used")
        resumed = self.part.size() > 0
        self._transfer()
        wrong = what_is_wrong(self.part.path, self.item)
        if wrong is not None and resumed:
            # What was here may have been the wrong half, so the address gets a second chance.
            self.part.forget()
            self._transfer()
            wrong = what_is_wrong(self.part.path, self.item)
        if wrong is not None:
            self.part.forget()
            raise _NextMirrorError(f"the file that came is not the right one: {wrong}")

    def _transfer(self) -> None:
        """Attempt until the file has come to its end."""
        done = False
        while not done:
            before = self.part.size()
            try:
                self._attempt(before)
                done = True
            except _AgainError as error:
                done = self._is_whole_anyway(error, self.part.size() > before)

    def _is_whole_anyway(self, error: _AgainError, progress: bool) -> bool:
        """Wait after a failed attempt; after the last one see if only the length was a lie."""
        self.attempts += 1
        self.failures = 0 if progress else self.failures + 1
        if self.failures >= ATTEMPTS or self.attempts >= MOST_ATTEMPTS:
            if self.checked and what_is_wrong(self.part.path, self.item) is None:
                return True
            raise _NextMirrorError(f"{error} (gave up after {self.attempts} attempts)")
        wait = max(min(error.wait, 60.0), float(2**self.failures))
        if not self.quiet:
            say(f"{self.part.target.name}: {error}; trying again in {wait:g} s")
        self.pause(wait)
        return False

    def _attempt(self, start: int) -> None:
        """Make one request; on return everything that was promised is in the part."""
        request = urllib.request.Request(self.url, headers=self._headers(start))
        try:
            with _opener(self.checked).open(request, timeout=TIMEOUT) as response:
                self._receive(response, start)
        except urllib.error.HTTPError as error:
            self._refused(error, start)
        except urllib.error.URLError as error:
            if isinstance(error.reason, socket.gaierror):
                raise _NextMirrorError("its host is unknown here; is there a network?") from error
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise _NextMirrorError(f"it is not who it claims to be ({error.reason})") from error
            raise _AgainError(f"no connection ({error.reason})") from error
        except (http.client.HTTPException, ConnectionError, TimeoutError, EOFError) as error:
            raise _AgainError(f"the connection was dropped ({error or 'no answer'})") from error

    def _headers(self, start: int) -> dict[str, str]:
        headers = {"User-Agent": "mirbench", "Accept-Encoding": "identity"}
        if not start:
            return headers
        validator = self.part.validator(self.url)
        if validator:
            headers |= {"Range": f"bytes={start}-", "If-Range": validator}
        elif self.checked:
            headers["Range"] = f"bytes={start}-"
        return headers

    def _receive(self, response: Any, start: int) -> None:
        first, total = _extent(response, start)
        self._check_kind(response, first < start)
        limit = self.item.bytes or LARGEST
        if total is not None and total > limit:
            self.part.forget()
            raise _NextMirrorError(f"the server announces {total:,} bytes, expected {limit:,}")
        tag = response.headers.get("ETag", "")
        # A weak tag does not promise equal bytes, so it is no ground to resume on.
        validator = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
        self.part.remember(self.url, validator)
        name = self.part.target.name
        free = shutil.disk_usage(self.part.path.parent).free
        if total is not None and total - first > free:
            raise DownloadError(
                f"{name} needs {total - first:,} more bytes on disk; {free:,} are free"
            )
        with (
            self.part.path.open("r+b") as file,
            bar(name, total, "B", first, self.quiet) as progress,
        ):
            file.seek(first)
            file.truncate()
            end = _copy(response, file, first, limit, progress.update)
        if end > limit:
            self.part.forget()
            raise _NextMirrorError(f"the server sends more than the {limit:,} bytes expected")
        if total is not None and end < total:
            raise _AgainError(f"the connection was dropped after {end:,} of {total:,} bytes")

    def _refused(self, error: urllib.error.HTTPError, start: int) -> None:
        said = f"the server answers {error.code} {error.reason}"
        if error.code == 416 and start:
            # Nothing lies beyond what is here: it is whole, or part of something else.
            if self.checked and what_is_wrong(self.part.path, self.item) is None:
                return
            self.part.forget()
            raise _AgainError(said)
        if error.code in _AGAIN:
            wait = error.headers.get("Retry-After", "")
            raise _AgainError(said, float(wait) if wait.isdigit() else 0.0)
        raise _NextMirrorError(said)

    def _check_kind(self, response: Any, replaces: bool) -> None:
        """Refuse a web page where no checksum would tell, or where it would replace a part."""
        is_page = response.headers.get_content_type() == "text/html"
        if is_page and (replaces or not self.checked):
            raise _NextMirrorError("the server sends a web page instead of the file")


def _extent(response: Any, start: int) -> tuple[int, int | None]:
    """First byte that the answer holds, and the size of the whole file if it says so."""
    if response.status == 206:
        match = re.fullmatch(
            r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "")
        )
        if match is None or int(match[1]) != start:
            raise _NextMirrorError("the server answers with another part than was asked for")
        return start, None if match[3] == "*" else int(match[3])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _copy(
    response: Any, file: IO[bytes], first: int, limit: int, update: Callable[[int], Any]
) -> int:
    """Copy a body to its end, or to just beyond `limit`; give the place that was reached."""
    end = first
    while end <= limit:
        try:
            block = response.read1(_BLOCK)
        except (http.client.HTTPException, OSError) as error:
            raise _AgainError(f"the connection was dropped after {end:,} bytes") from error
        if not block:
            break
        file.write(block)
        end += len(block)
        update(len(block))
    return end


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects to http and https only; from https to http only with a checksum."""

    def __init__(self, checked: bool) -> None:
        self.checked = checked

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        scheme = urllib.parse.urlsplit(newurl).scheme
        downgrade = scheme == "http" and req.type == "https" and not self.checked
        if scheme not in ("http", "https") or downgrade:
            raise _NextMirrorError(f"the server redirects to {newurl}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(checked: bool) -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(checked),
    ):
        opener.add_handler(handler)
    return opener
