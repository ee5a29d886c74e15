"""Ask a server for a file, for the rest of one, or whether it has one.

The only module that opens a socket. `mirbench.benchmark.files.fetch` tries mirrors and
attempts, `mirbench.benchmark.files.links` says what an answer without content means.
"""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from mirbench.benchmark.api import Download
from mirbench.benchmark.files.checksums import has_checksum, what_is_wrong
from mirbench.benchmark.files.partial import DownloadError, PartialFile
from mirbench.benchmark.files.replies import (
    LATER,
    AgainError,
    NextMirrorError,
    Reply,
    extent,
    number,
    read_reply,
)
from mirbench.benchmark.progress import bar, count

#: Seconds without a byte after which a connection counts as dropped.
TIMEOUT = 30.0

#: No file that mirbench needs is larger; a server that sends more is cut off.
LARGEST = 40 * 10**9

_BLOCK = 1 << 18
_HEADERS = {"User-Agent": "mirbench", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of one address.

    Attributes
    ----------
    item : Download
        What is known of the file.
    part : PartialFile
        Receives it.
    quiet : bool
        Show no progress.
    """

    item: Download
    url: str
    part: PartialFile
    quiet: bool

    @property
    def checked(self) -> bool:
        """Whether a checksum will tell if the content is right."""
        return has_checksum(self.item)

    def send(self, start: int) -> None:
        """Ask once for the file from byte `start` on; on return all that was promised is here.

        Raises
        ------
        NextMirrorError
            If the address will not do.
        AgainError
            If it may do later.
        DownloadError
            If the disk is too small.
        """
        if urllib.parse.urlsplit(self.url).scheme not in ("http", "https"):
            raise NextMirrorError("only http and https addresses are used")
        request = urllib.request.Request(self.url, headers=self._headers(start))
        try:
            with _opener(_Redirects(self.checked)).open(request, timeout=TIMEOUT) as response:
                self._receive(response, start)
        except urllib.error.HTTPError as error:
            self._refused(error, start)
        except urllib.error.URLError as error:
            wrong = _wrong_host(error.reason)
            if wrong is not None:
                raise NextMirrorError(wrong) from error
            raise AgainError(f"no connection ({error.reason})") from error
        except (http.client.HTTPException, ConnectionError, TimeoutError, EOFError) as error:
            raise AgainError(f"the connection was dropped ({error or 'no answer'})") from error

    def _headers(self, start: int) -> dict[str, str]:
        headers = dict(_HEADERS)
        if not start:
            return headers
        validator = self.part.validator(self.url)
        if validator:
            headers |= {"Range": f"bytes={start}-", "If-Range": validator}
        elif self.checked:
            headers["Range"] = f"bytes={start}-"
        return headers

    def _receive(self, response: Any, start: int) -> None:
        first, total = extent(response, start)
        self._check_kind(response, first < start)
        limit = self.item.bytes or LARGEST
        if total is not None and total > limit:
            self.part.forget()
            raise NextMirrorError(
                f"the server announces {count(total, 'byte')}, expected {limit:,}"
            )
        tag = response.headers.get("ETag", "")
        # A weak tag does not promise equal bytes, so it is no ground to resume on.
        validator = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
        self.part.remember(self.url, validator)
        name = self.part.target.name
        free = shutil.disk_usage(self.part.path.parent).free
        if total is not None and total - first > free:
            raise DownloadError(
                f"{name} needs {count(total - first, 'more byte')} on disk; free: {free:,}"
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
            raise NextMirrorError(f"the server sends more than {count(limit, 'expected byte')}")
        if total is not None and end < total:
            raise AgainError(f"the connection was dropped after {count(end, 'byte', of=total)}")

    def _refused(self, error: urllib.error.HTTPError, start: int) -> None:
        said = f"the server answers {error.code} {error.reason}"
        if error.code == 416 and start:
            # Nothing lies beyond what is here: it is whole, or part of something else.
            if self.checked and what_is_wrong(self.part.path, self.item) is None:
                return
            self.part.forget()
            raise AgainError(said)
        if error.code in LATER:
            wait = error.headers.get("Retry-After", "")
            raise AgainError(said, float(number(wait) or 0))
        raise NextMirrorError(said)

    def _check_kind(self, response: Any, replaces: bool) -> None:
        """Refuse a web page where no checksum would tell, or where it would replace a part."""
        is_page = response.headers.get_content_type() == "text/html"
        if is_page and (replaces or not self.checked):
            raise NextMirrorError("the server sends a web page instead of the file")


def _copy(
    response: Any, file: IO[bytes], first: int, limit: int, update: Callable[[int], Any]
) -> int:
    """Copy a body to its end, or to just beyond `limit`; give the place that was reached."""
    end = first
    while end <= limit:
        try:
            block = response.read1(_BLOCK)
        except (http.client.HTTPException, OSError) as error:
            raise AgainError(f"the connection was dropped after {count(end, 'byte')}") from error
        if not block:
            break
        file.write(block)
        end += len(block)
        update(len(block))
    return end


def ask(url: str, ranged: bool, checked: bool, timeout: float = TIMEOUT) -> Reply:
    """Ask once what lies at an address; no content is read.

    Parameters
    ----------
    url : str
        The address.
    ranged : bool
        Ask by GET for the first byte, else by HEAD.
    checked : bool
        A checksum is known, so that redirects from https to http are followed.
    timeout : float
        Seconds without an answer after which it counts as none.

    Raises
    ------
    NextMirrorError
        If the address is none of http and https, or leads to one that is not followed.
    AgainError
        If there is no answer.
    """
    if not url.startswith(("http://", "https://")):
        raise NextMirrorError("only http and https addresses are used")
    trail = _Trail(checked)
    try:
        request = urllib.request.Request(url, headers=_HEADERS, method="GET" if ranged else "HEAD")
        if ranged:
            request.add_header("Range", "bytes=0-0")
        with _opener(trail).open(request, timeout=timeout) as response:
            return read_reply(response.status, response.reason, response.headers, trail.moved_to)
    except urllib.error.HTTPError as error:
        with error:
            return read_reply(error.code, str(error.reason), error.headers, trail.moved_to)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise AgainError(_no_answer(error, timeout)) from error


def host_of(url: str) -> str:
    """Host of an address, with its port if that is named."""
    try:
        return urllib.parse.urlsplit(url).netloc.lower()
    except ValueError:  # what is no address has a host of its own
        return url


def _wrong_host(reason: object) -> str | None:
    """Say what no other attempt would mend; None if one might."""
    if isinstance(reason, socket.gaierror):
        return "its host is unknown here; is there a network?"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"it is not who it claims to be ({reason})"
    return None


def _no_answer(error: Exception, timeout: float) -> str:
    reason = getattr(error, "reason", error)
    wrong = _wrong_host(reason)
    if wrong is not None:
        return wrong
    if isinstance(reason, TimeoutError):
        return f"no answer within {timeout:g} s"
    return f"no connection ({reason or type(error).__name__})"


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
            raise NextMirrorError(f"the server redirects to {newurl}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Trail(_Redirects):
    """Redirects that note where the permanent ones lead, and keep asking by HEAD."""

    def __init__(self, checked: bool) -> None:
        super().__init__(checked)
        self.moved_to: str | None = None
        self._permanent = True

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        self._permanent = self._permanent and code in (301, 308)
        if self._permanent:
            self.moved_to = newurl
        following.method = req.get_method()
        return following


def _opener(redirects: _Redirects) -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        redirects,
    ):
        opener.add_handler(handler)
    return opener
