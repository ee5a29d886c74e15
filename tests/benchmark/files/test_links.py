"""Addresses that live, have moved, are gone, lie about their size, or say nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from helpers.webserver import Page, Site, serve

from mirbench.benchmark.files.links import HOPELESS, Finding, Link, look_at_link, look_at_links
from mirbench.benchmark.files.partial import DownloadError
from mirbench.benchmark.files.replies import AgainError

CONTENT = bytes(1000)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.delenv("MIRBENCH_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    with serve({"/file": Page(CONTENT)}) as running:
        yield running


class Waits(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def look(site: Site, path: str = "/file", size: int | None = 1000, page: bool = False) -> Finding:
    return look_at_link(Link(site.url + path, bytes=size, page=page), 5, Waits())


def test_a_file_that_is_there_is_alive_and_not_downloaded(site: Site) -> None:
    found = look(site)
    assert (found.state, found.bytes, found.moved_to, found.why) == ("alive", 1000, None, "")
    assert site.methods == ["HEAD"]


@pytest.mark.parametrize("status", [301, 308])
def test_a_permanent_redirect_says_where_it_leads(site: Site, status: int) -> None:
    site.pages["/old"] = Page(redirect=f"{site.url}/file", redirect_status=status)
    found = look(site, "/old")
    assert (found.state, found.moved_to, found.bytes) == ("moved", f"{site.url}/file", 1000)
    assert set(site.methods) == {"HEAD"}


@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_redirect_for_now_is_alive(site: Site, status: int) -> None:
    site.pages["/old"] = Page(redirect=f"{site.url}/file", redirect_status=status)
    assert look(site, "/old").state == "alive"


def test_moved_is_to_the_last_permanent_address(site: Site) -> None:
    site.pages["/old"] = Page(redirect=f"{site.url}/new", redirect_status=301)
    site.pages["/new"] = Page(redirect=f"{site.url}/signed", redirect_status=302)
    site.pages["/signed"] = Page(redirect=f"{site.url}/file", redirect_status=301)
    found = look(site, "/old")
    assert (found.state, found.moved_to) == ("moved", f"{site.url}/new")


def test_what_is_gone_is_gone_by_head_and_by_range(site: Site) -> None:
    found = look(site, "/nothing")
    assert (found.state, found.why) == ("gone", "the server answers 404 Not Found")
    assert site.methods == ["HEAD", "GET"]


def test_a_redirect_to_what_is_gone_is_gone(site: Site) -> None:
    site.pages["/old"] = Page(redirect=f"{site.url}/nothing", redirect_status=301)
    assert look(site, "/old").state == "gone"


def test_where_head_is_refused_one_byte_is_asked_for(site: Site) -> None:
    site.pages["/file"].heads = False
    found = look(site)
    assert (found.state, found.bytes) == ("alive", 1000)
    assert site.methods == ["HEAD", "GET"]
    assert site.requests[1][1]["Range"] == "bytes=0-0"


def test_a_server_without_ranges_tells_the_size_all_the_same(site: Site) -> None:
    site.pages["/file"].heads = site.pages["/file"].ranges = False
    found = look(site)
    assert (found.state, found.bytes) == ("alive", 1000)


def test_another_size_than_declared_is_said(site: Site) -> None:
    found = look(site, size=1001)
    assert (found.state, found.bytes) == ("wrong size", 1000)
    assert found.why == "the file has 1,000 bytes, expected 1,001"


def test_an_empty_file_is_gone(site: Site) -> None:
    site.pages["/file"].content = b""
    assert look(site, size=None).why == "the file that is there is empty"


def test_a_web_page_is_no_file(site: Site) -> None:
    site.pages["/file"].kind = "text/html"
    assert look(site).state == "gone"
    assert look(site, page=True).state == "alive"


@pytest.mark.parametrize("status", [403, 500])
def test_what_is_refused_or_broken_is_unclear(site: Site, status: int) -> None:
    site.pages["/file"].statuses = [status] * 3
    found = look(site)
    assert found.state == "unclear"
    assert f"the server answers {status}" in found.why


def test_a_busy_server_is_asked_once_more(site: Site) -> None:
    site.pages["/file"].statuses = [503, 503]
    waits = Waits()
    found = look_at_link(Link(f"{site.url}/file"), 5, waits)
    assert (found.state, waits) == ("alive", [1.0])


def test_a_server_that_never_answers(site: Site) -> None:
    site.pages["/file"].silent = True
    with pytest.raises(AgainError, match=r"no answer within 0\.2 s"):
        look_at_link(Link(f"{site.url}/file"), 0.2)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/file", "file:///etc/passwd", "nonsense"])
def test_addresses_that_are_never_asked(site: Site, url: str) -> None:
    assert look_at_link(Link(url), 5).why == "only http and https addresses are used"


@pytest.mark.parametrize("url", ["http://", "http://[", "http://127.0.0.1:x/", "http://h/\u00e9"])
def test_what_is_no_address_is_unclear_and_no_crash(site: Site, url: str) -> None:
    [found] = look_at_links([Link(url)], 1, Waits())
    assert (found.state, bool(found.why)) == ("unclear", True)


def test_redirects_to_other_schemes_are_not_followed(site: Site) -> None:
    site.pages["/old"] = Page(redirect="file:///etc/passwd", redirect_status=301)
    found = look(site, "/old")
    assert found.state == "gone"
    assert "is not allowed" in found.why


def test_findings_come_in_order_and_hosts_are_asked_with_pauses(site: Site) -> None:
    other = site.url.replace("127.0.0.1", "localhost")
    urls = [f"{site.url}/file", f"{other}/file", f"{site.url}/nothing", f"{other}/no"]
    waits = Waits()
    found = look_at_links([Link(url) for url in urls], 5, waits)
    assert [one.link.url for one in found] == urls
    assert [one.state for one in found] == ["alive", "alive", "gone", "gone"]
    assert len(waits) == 2


def test_a_host_without_an_answer_is_not_asked_for_ever(
    monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    links = [Link(f"http://127.0.0.1:{port}/{n}") for n in range(HOPELESS + 2)]
    found = look_at_links([*links, Link(f"{site.url}/file")], 5, Waits())
    assert [one.state for one in found] == ["unclear"] * len(links) + ["alive"]
    assert ["not asked" in one.why for one in found[:-1]] == [False] * HOPELESS + [True] * 2


def test_nothing_is_asked_offline(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRBENCH_OFFLINE", "1")
    with pytest.raises(DownloadError, match="MIRBENCH_OFFLINE is set"):
        look_at_links([Link(f"{site.url}/file")], 5)
    assert site.requests == []
