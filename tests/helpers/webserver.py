"""A web server on the loopback that misbehaves as told."""

from __future__ import annotations

import contextlib
import http.server
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

#: A server that a test forgot would answer no more than this.
MOST_REQUESTS = 200


@dataclass
class Page:
    """What an address serves, and what goes wrong with it.

    Attributes
    ----------
    statuses : list of int
        Answers given before the content is served, in order.
    drops : list of int
        Bytes after which the connection is reset, answer by answer.
    ranges : bool
        Whether ranges are honoured.
    length : int or None
        The Content-Length that is claimed instead of the true one.
    redirect : str or None
        Where it sends the client instead.
    """

    content: bytes = b""
    etag: str = '"v1"'
    statuses: list[int] = field(default_factory=list)
    drops: list[int] = field(default_factory=list)
    ranges: bool = True
    length: int | None = None
    redirect: str | None = None
    kind: str = "application/octet-stream"


@dataclass
class Site:
    """The server: its pages, and the requests it got as (path, headers)."""

    url: str
    pages: dict[str, Page]
    requests: list[tuple[str, dict[str, str]]]


class _Handler(http.server.BaseHTTPRequestHandler):
    site: Site

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        self.site.requests.append((self.path, dict(self.headers)))
        page = self.site.pages.get(self.path)
        if page is None or len(self.site.requests) > MOST_REQUESTS:
            self.send_error(404)
        elif page.statuses:
            self.send_error(page.statuses.pop(0))
        elif page.redirect is not None:
            self.send_response(302)
            self.send_header("Location", page.redirect)
            self.end_headers()
        else:
            self._serve(page)

    def _serve(self, page: Page) -> None:
        start = self._start(page)
        if start >= len(page.content) > 0:
            self.send_error(416)
            return
        body = page.content[start:]
        self.send_response(206 if start else 200)
        if start:
            last = len(page.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(page.content)}")
        self.send_header("Content-Type", page.kind)
        self.send_header("ETag", page.etag)
        self.send_header("Content-Length", str(page.length or len(body)))
        self.end_headers()
        if page.drops:
            self.wfile.write(body[: page.drops.pop(0)])
            self.wfile.flush()
            # Only half-closed and then closed, so that what was sent still arrives.
            self.connection.shutdown(socket.SHUT_WR)
            self.close_connection = True
        else:
            self.wfile.write(body)

    def _start(self, page: Page) -> int:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        unchanged = self.headers.get("If-Range", page.etag) == page.etag
        return int(match[1]) if match and page.ranges and unchanged else 0


@contextlib.contextmanager
def serve(pages: dict[str, Page]) -> Iterator[Site]:
    """Serve pages on a free port of the loopback interface until the block is left."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    site = Site(f"http://127.0.0.1:{server.server_address[1]}", pages, [])
    server.RequestHandlerClass = type("Handler", (_Handler,), {"site": site})
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
