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
    redirect_status : int
        Of that answer; 301 and 308 are permanent.
    heads : bool
        Whether HEAD is answered, or refused with 405.
    silent : bool
        It never answers.
    """

    content: bytes = b""
    etag: str = '"v1"'
    statuses: list[int] = field(default_factory=list)
    drops: list[int] = field(default_factory=list)
    ranges: bool = True
    length: int | None = None
    redirect: str | None = None
    redirect_status: int = 302
    heads: bool = True
    silent: bool = False
    kind: str = "application/octet-stream"


@dataclass
class Site:
    """The server: its pages, and the requests it got as (path, headers), and their methods."""

    url: str
    pages: dict[str, Page]
    requests: list[tuple[str, dict[str, str]]]
    methods: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


class _Handler(http.server.BaseHTTPRequestHandler):
    site: Site

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        self.site.requests.append((self.path, dict(self.headers)))
        self.site.methods.append(self.command)
        page = self.site.pages.get(self.path)
        if page is None or len(self.site.requests) > MOST_REQUESTS:
            self.send_error(404)
        elif page.silent:
            self.site.over.wait(30)
            self.close_connection = True
        elif self.command == "HEAD" and not page.heads:
            self.send_error(405)
        elif page.statuses:
            self.send_error(page.statuses.pop(0))
        elif page.redirect is not None:
            self.send_response(page.redirect_status)
            self.send_header("Location", page.redirect)
            self.end_headers()
        else:
            self._serve(page)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _serve(self, page: Page) -> None:
        start, end = self._range(page)
        if start >= len(page.content) > 0:
            self.send_error(416)
            return
        body = page.content[start:end]
        partial = len(body) < len(page.content)
        self.send_response(206 if partial else 200)
        if partial:
            last = start + len(body) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(page.content)}")
        self.send_header("Content-Type", page.kind)
        self.send_header("ETag", page.etag)
        self.send_header("Content-Length", str(page.length or len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if page.drops:
            self.wfile.write(body[: page.drops.pop(0)])
            self.wfile.flush()
            # Only half-closed and then closed, so that what was sent still arrives.
            self.connection.shutdown(socket.SHUT_WR)
            self.close_connection = True
        else:
            self.wfile.write(body)

    def _range(self, page: Page) -> tuple[int, int]:
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        unchanged = self.headers.get("If-Range", page.etag) == page.etag
        if not (match and page.ranges and unchanged):
            return 0, len(page.content)
        return int(match[1]), int(match[2]) + 1 if match[2] else len(page.content)


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
        site.over.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
