"""What servers say of a file: where it is, its size, and why it will not do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

#: Answers that may be others in a moment.
LATER = {408, 425, 429, 500, 502, 503, 504}


class NextMirrorError(Exception):
    """An address that will not do; the text says why."""


class AgainError(Exception):
    """An address that may do later; `wait` is the server's wish in seconds, if it has one."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server says of an address, without the content.

    Attributes
    ----------
    status : int
        Of HTTP, after redirects.
    reason : str
        The server's word for it.
    moved_to : str or None
        Where permanent redirects lead to, until the first that is not permanent.
    bytes : int or None
        Size of the whole file, where it is told.
    is_page : bool
        It is a web page.
    wait : float
        Seconds after which the server wants to be asked again, if it says so.
    """

    status: int
    reason: str
    moved_to: str | None
    bytes: int | None
    is_page: bool
    wait: float


def read_reply(status: int, reason: str, headers: Any, moved_to: str | None) -> Reply:
    """Read off an answer what it says of the file.

    Parameters
    ----------
    status, reason : int, str
        Of HTTP.
    headers : email.message.Message
        Of the answer.
    moved_to : str or None
        As in `Reply`.
    """
    told = headers.get("Content-Length", "")
    if status in (206, 416):
        match = re.fullmatch(r"bytes (?:\d+-\d+|\*)/(\d+)", headers.get("Content-Range", ""))
        told = match[1] if match else ""
    packed = headers.get("Content-Encoding", "identity") != "identity"
    return Reply(
        status,
        reason,
        moved_to,
        bytes=None if packed else number(told),
        is_page=headers.get_content_type() == "text/html",
        wait=float(number(headers.get("Retry-After", "")) or 0),
    )


def extent(response: Any, start: int) -> tuple[int, int | None]:
    """First byte that an answer holds, and the size of the whole file if it says so.

    Parameters
    ----------
    response : http.client.HTTPResponse
        The answer.
    start : int
        First byte that was asked for.

    Raises
    ------
    NextMirrorError
        If the answer holds another part.
    """
    if response.status == 206:
        match = re.fullmatch(
            r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "")
        )
        if match is None or number(match[1]) != start:
            raise NextMirrorError("the server answers with another part than was asked for")
        return start, None if match[3] == "*" else number(match[3])
    length = response.headers.get("Content-Length", "")
    return 0, number(length)


def number(text: str) -> int | None:
    """Read a number of a server; None if it is none, or no file could have so many bytes."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None
