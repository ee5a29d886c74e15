"""Downloads from a server that drops, lies, changes its mind and has other files."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.webserver import Page, Site, serve

from mirbench.benchmark.api import Download
from mirbench.benchmark.files.fetch import ATTEMPTS, fetch_file
from mirbench.benchmark.files.partial import DownloadError

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.delenv("MIRBENCH_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve({"/file": Page(CONTENT)}) as running:
        yield running


def item(
    *urls: str, sha256: str | None = SHA256, md5: str | None = None, size: int | None = None
) -> Download:
    return Download(filename="file", mirrors=urls, sha256=sha256, md5=md5, bytes=size)


class Waits(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def ranges(site: Site) -> list[str]:
    return [headers.get("Range", "") for _, headers in site.requests]


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_and_leaves_nothing_beside_it(site: Site, tmp_path: Path) -> None:
    fetch_file(item(f"{site.url}/file"), tmp_path / "below" / "file")
    assert (tmp_path / "below" / "file").read_bytes() == CONTENT
    assert leftovers(tmp_path / "below") == ["file"]


def test_a_file_that_is_there_is_not_asked_for(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    fetch_file(item(f"{site.url}/file"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert site.requests == []


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_dropped_connections_are_resumed(site: Site, tmp_path: Path, sha256: str | None) -> None:
    site.pages["/file"].drops = [300_000, 200_000]
    fetch_file(item(f"{site.url}/file", sha256=sha256), tmp_path / "file", pause=Waits())
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert ranges(site) == ["", "bytes=300000-", "bytes=500000-"]
    assert site.requests[1][1]["If-Range"] == '"v1"'


def test_a_later_run_goes_on_where_an_earlier_one_stopped(site: Site, tmp_path: Path) -> None:
    site.pages["/file"].drops = [400_000] + [0] * ATTEMPTS
    one = item(f"{site.url}/file")
    with pytest.raises(DownloadError, match="400,000 of 1,024,000 bytes"):
        fetch_file(one, tmp_path / "file", pause=Waits())
    assert leftovers(tmp_path) == ["file.part", "file.part.json"]
    site.pages["/file"].drops.clear()
    site.requests.clear()
    fetch_file(one, tmp_path / "file")
    assert ranges(site) == ["bytes=400000-"]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_not_patched_together(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(b"\0" * 500)
    note = {"url": f"{site.url}/file", "validator": '"v0"'}
    (tmp_path / "file.part.json").write_text(json.dumps(note))
    fetch_file(item(f"{site.url}/file", sha256=None), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_half_of_a_wrong_file_gets_a_second_chance(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(b"\0" * 500)
    fetch_file(item(f"{site.url}/file"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_given_up(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT + b"more")
    fetch_file(item(f"{site.url}/file"), tmp_path / "file", pause=Waits())
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_without_ranges_starts_again(site: Site, tmp_path: Path) -> None:
    site.pages["/file"].ranges = False
    site.pages["/file"].drops = [300_000]
    fetch_file(item(f"{site.url}/file"), tmp_path / "file", pause=Waits())
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_busy_server_is_waited_for_ever_longer(site: Site, tmp_path: Path) -> None:
    site.pages["/file"].statuses = [503, 503, 500]
    waits = Waits()
    fetch_file(item(f"{site.url}/file"), tmp_path / "file", pause=waits)
    assert waits == sorted(waits)
    assert len(waits) == 3
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_that_stays_busy_is_given_up(site: Site, tmp_path: Path) -> None:
    site.pages["/file"].statuses = [503] * 50
    with pytest.raises(DownloadError, match="503"):
        fetch_file(item(f"{site.url}/file"), tmp_path / "file", pause=Waits())
    assert len(site.requests) == ATTEMPTS
    assert leftovers(tmp_path) == []


def test_mirrors_are_tried_in_order(site: Site, tmp_path: Path) -> None:
    site.pages["/wrong"] = Page(CONTENT[::-1])
    site.pages["/short"] = Page(CONTENT, length=1000)
    urls = [f"{site.url}/{name}" for name in ("absent", "wrong", "short", "file")]
    fetch_file(item(*urls), tmp_path / "file", pause=Waits())
    assert (tmp_path / "file").read_bytes() == CONTENT
    paths = [path for path, _ in site.requests]
    assert list(dict.fromkeys(paths)) == ["/absent", "/wrong", "/short", "/file"]
    assert paths.count("/absent") == 1


def test_when_all_mirrors_fail_each_says_why(site: Site, tmp_path: Path) -> None:
    site.pages["/wrong"] = Page(b"something else")
    urls = (f"{site.url}/absent", f"{site.url}/wrong", "file:///etc/hostname")
    with pytest.raises(DownloadError) as failure:
        fetch_file(item(*urls), tmp_path / "file", pause=Waits())
    lines = str(failure.value).splitlines()
    assert "404" in lines[1]
    assert "sha256" in lines[2]
    assert "only http and https" in lines[3]
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_more_is_promised_than_there_is(site: Site, tmp_path: Path, sha256: str | None) -> None:
    site.pages["/file"] = Page(CONTENT, length=len(CONTENT) + 10, ranges=False)
    one = item(f"{site.url}/file", sha256=sha256)
    if sha256 is None:
        with pytest.raises(DownloadError, match="1,024,000 of 1,024,010 bytes"):
            fetch_file(one, tmp_path / "file", pause=Waits())
    else:
        fetch_file(one, tmp_path / "file", pause=Waits())
        assert (tmp_path / "file").read_bytes() == CONTENT


def test_more_comes_than_is_expected(site: Site, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="announces 1,024,000 bytes, expected 1,000"):
        fetch_file(item(f"{site.url}/file", size=1000), tmp_path / "file", pause=Waits())
    assert leftovers(tmp_path) == []


def test_old_checksums_will_do(site: Site, tmp_path: Path) -> None:
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    fetch_file(item(f"{site.url}/file", sha256=None, md5=md5), tmp_path / "file")
    with pytest.raises(DownloadError, match="md5"):
        fetch_file(item(f"{site.url}/file", sha256=None, md5="0" * 32), tmp_path / "other")


def test_a_web_page_is_no_archive(site: Site, tmp_path: Path) -> None:
    site.pages["/page"] = Page(b"<html>Please log in", kind="text/html; charset=utf-8")
    with pytest.raises(DownloadError, match="web page"):
        fetch_file(item(f"{site.url}/page", sha256=None), tmp_path / "file")


def test_a_web_page_does_not_replace_what_is_here(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT[:500_000])
    site.pages["/file"] = Page(b"<html>Please log in", kind="text/html", ranges=False)
    with pytest.raises(DownloadError, match="web page"):
        fetch_file(item(f"{site.url}/file"), tmp_path / "file", pause=Waits())
    assert (tmp_path / "file.part").read_bytes() == CONTENT[:500_000]


def test_redirects_lead_to_web_addresses_only(site: Site, tmp_path: Path) -> None:
    site.pages["/moved"] = Page(redirect=f"{site.url}/file")
    fetch_file(item(f"{site.url}/moved"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    site.pages["/local"] = Page(redirect="file:///etc/hostname")
    site.pages["/ftp"] = Page(redirect="ftp://127.0.0.1/file")
    for name in ("local", "ftp"):
        with pytest.raises(DownloadError, match=r"redirect|302"):
            fetch_file(item(f"{site.url}/{name}"), tmp_path / name)


def test_nobody_listens(tmp_path: Path, site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(DownloadError, match="no connection"):
        fetch_file(item(f"http://127.0.0.1:{port}/file"), tmp_path / "file", pause=Waits())


def test_offline_means_offline(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRBENCH_OFFLINE", "1")
    with pytest.raises(DownloadError, match="MIRBENCH_OFFLINE"):
        fetch_file(item(f"{site.url}/file"), tmp_path / "file")
    assert site.requests == []


def test_two_processes_do_not_write_one_file(site: Site, tmp_path: Path) -> None:
    import fcntl

    with (tmp_path / "file.part").open("wb") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        with pytest.raises(DownloadError, match="another process"):
            fetch_file(item(f"{site.url}/file"), tmp_path / "file")
