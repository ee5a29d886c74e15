"""Ask whether addresses still lead to their files; nothing is downloaded.

An address is asked by HEAD, and where that is refused or leaves the size open, for its
first byte. Hosts are asked side by side, the addresses of one host one after the other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from mirbench.benchmark.files.download import ask, host_of
from mirbench.benchmark.files.fetch import is_offline
from mirbench.benchmark.files.partial import DownloadError
from mirbench.benchmark.files.replies import LATER, AgainError, NextMirrorError, Reply
from mirbench.benchmark.progress import bar, count

#: Hosts that are asked at the same time.
HOSTS = 8

#: Seconds between two addresses of one host, so as not to burden it.
GAP = 0.2

#: Longest time, in seconds, that a server's wish to be asked later is granted.
LONGEST_WAIT = 30.0

#: Addresses without an answer after which the rest of their host are not asked.
HOPELESS = 3

State = Literal["alive", "moved", "gone", "wrong size", "unclear"]


@dataclass(frozen=True, slots=True)
class Link:
    """An address, and what should lie there.

    Attributes
    ----------
    names : tuple of str
        Tasks and representations that declare it.
    bytes : int or None
        Size of the file, where it is declared.
    checked : bool
        A checksum is declared.
    page : bool
        It is a page for people, not a file.
    """

    url: str
    names: tuple[str, ...] = ()
    bytes: int | None = None
    checked: bool = False
    page: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of an address.

    Attributes
    ----------
    state : {"alive", "moved", "gone", "wrong size", "unclear"}
        Moved: what was there is there, behind a permanent redirect. Unclear: no answer, or
        one that says nothing of the file.
    moved_to : str or None
        Where permanent redirects lead to.
    bytes : int or None
        Size of the file, where the server tells it.
    why : str
        Why it is gone or unclear, or what size it should have.
    """

    link: Link
    state: State
    moved_to: str | None = None
    bytes: int | None = None
    why: str = ""


def look_at_link(link: Link, timeout: float, pause: Callable[[float], Any] = time.sleep) -> Finding:
    """Ask one address.

    Parameters
    ----------
    timeout : float
        Seconds without an answer after which it counts as none.
    pause : callable
        Waits so many seconds, where the server wants to be asked again.

    Raises
    ------
    AgainError
        If there is no answer.
    """
    try:
        reply = _last_reply(link, timeout, pause)
    except NextMirrorError as error:
        return Finding(link, "gone", why=str(error))
    said = f"the server answers {reply.status} {reply.reason}".rstrip()
    if reply.status in (404, 410) or 300 <= reply.status < 400:
        return Finding(link, "gone", reply.moved_to, why=said)
    if reply.bytes == 0 and not link.page and reply.status in (200, 206, 416):
        return Finding(link, "gone", reply.moved_to, 0, "the file that is there is empty")
    if reply.status >= 400:
        return Finding(link, "unclear", reply.moved_to, why=said)
    if reply.is_page and not link.page:
        why = "the server sends a web page instead of the file"
        return Finding(link, "gone", reply.moved_to, why=why)
    size = None if link.page else reply.bytes
    if size is not None and link.bytes is not None and size != link.bytes:
        why = f"the file has {count(size, 'byte')}, expected {link.bytes:,}"
        return Finding(link, "wrong size", reply.moved_to, size, why)
    return Finding(link, "moved" if reply.moved_to else "alive", reply.moved_to, size)


def _last_reply(link: Link, timeout: float, pause: Callable[[float], Any]) -> Reply:
    """Reply by which an address is judged: to HEAD if that tells all, else to a range."""
    reply = _reply_to_head(link, timeout)
    if reply is None:
        reply = ask(link.url, True, link.checked, timeout)
    if reply.status in LATER:
        pause(min(max(reply.wait, 1.0), LONGEST_WAIT))
        reply = ask(link.url, True, link.checked, timeout)
    return reply


def _reply_to_head(link: Link, timeout: float) -> Reply | None:
    """Reply to HEAD; None where it is refused or leaves anything open or in doubt."""
    try:
        reply = ask(link.url, False, link.checked, timeout)
    except AgainError:
        return None
    if reply.status >= 300:
        return None
    fits = bool(reply.bytes) and link.bytes in (None, reply.bytes) and not reply.is_page
    return reply if fits or link.page else None


def look_at_links(
    links: Sequence[Link], timeout: float, pause: Callable[[float], Any] = time.sleep
) -> list[Finding]:
    """Ask addresses, several hosts at a time.

    Parameters
    ----------
    links : sequence of Link
        Asked in this order within a host.
    timeout : float
        As in `look_at_link`.
    pause : callable
        Waits so many seconds between two addresses of one host.

    Returns
    -------
    list of Finding
        In the order of `links`.

    Raises
    ------
    DownloadError
        If ``MIRBENCH_OFFLINE`` is set.
    """
    if is_offline():
        raise DownloadError("MIRBENCH_OFFLINE is set, so no server is asked; unset it")
    hosts: dict[str, list[int]] = {}
    for number, link in enumerate(links):
        hosts.setdefault(host_of(link.url), []).append(number)
    findings: dict[int, Finding] = {}
    over, lock = threading.Event(), threading.Lock()

    def look_at_host(numbers: Sequence[int]) -> None:
        visit = _Visit(timeout, pause)
        for number in numbers:
            if over.is_set():
                return
            finding = visit.look(links[number])
            with lock:
                findings[number] = finding
                progress.update(1)

    pool = ThreadPoolExecutor(HOSTS)
    try:
        with bar("asking", len(links), "link") as progress:
            list(pool.map(look_at_host, hosts.values()))
    finally:
        over.set()
        pool.shutdown(cancel_futures=True)
    return [findings[number] for number in range(len(links))]


@dataclass(slots=True)
class _Visit:
    """The addresses of one host, one after the other."""

    timeout: float
    pause: Callable[[float], Any]
    asked: int = 0
    silent: int = 0

    def look(self, link: Link) -> Finding:
        """Ask the next address, unless the host has been silent all along."""
        if self.silent == self.asked >= HOPELESS:
            why = f"not asked: its host gave no answer to {self.asked} others"
            return Finding(link, "unclear", why=why)
        if self.asked:
            self.pause(GAP)
        self.asked += 1
        try:
            return look_at_link(link, self.timeout, self.pause)
        except AgainError as error:
            self.silent += 1
            return Finding(link, "unclear", why=str(error))
