"""``mirbench data links``, as typed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.toy_task import toy_task
from helpers.webserver import Page, Site, serve

from mirbench.benchmark.api import Download
from mirbench.benchmark.files.links import Link
from mirbench.benchmark.runs import links as declared
from mirbench.benchmark.runs.links import declared_links

if TYPE_CHECKING:
    from conftest import TinyPackage

LINE = "alive           10 B  tinytask: {}/a.zip\n1 link: 1 alive\n"

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.delenv("MIRBENCH_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve({"/a.zip": Page(bytes(10)), "/page": Page(b"hello", kind="text/html")}) as running:
        yield running


@pytest.fixture
def tinytask(tiny: TinyPackage, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the task of the tests be published by the server."""
    task = toy_task(
        name="tinytask",
        downloads=(
            Download(filename="a.zip", mirrors=(f"{site.url}/a.zip",), bytes=10),
            Download(filename="b.zip", mirrors=(f"{site.url}/a.zip",), bytes=11),
            Download(filename="asked for", mirrors=()),
        ),
        list_files=lambda root: iter(
            Download(filename=f"{n}.mp3", mirrors=(f"{site.url}/audio/{n}.mp3",)) for n in range(9)
        ),
        how_to_get=f"See {site.url}/page, or ask.",
    )
    monkeypatch.setattr(declared, "load_task", lambda name: task)


@pytest.mark.usefixtures("tinytask")
def test_every_kind_of_address_of_a_task(site: Site, main: Main) -> None:
    status, out, err = main("data", "links", "tinytask", "--timeout", "5")
    assert out == (
        f"alive           10 B  tinytask: {site.url}/a.zip\n"
        f"alive           page  tinytask: {site.url}/page\n"
        f"wrong size      10 B  tinytask: {site.url}/a.zip\n"
        "            the file has 10 bytes, expected 11\n"
        f"gone                  tinytask: {site.url}/audio/0.mp3\n"
        "            the server answers 404 Not Found\n"
        "4 links: 2 alive, 1 wrong size, 1 gone\n"
    )
    assert status == 1
    assert err.startswith("asking: 0 of 4 links\nmirbench: 2 of 4 links could not be seen")


@pytest.mark.usefixtures("tinytask")
def test_in_json(site: Site, main: Main) -> None:
    site.pages["/audio/0.mp3"] = Page(redirect=f"{site.url}/a.zip", redirect_status=301)
    status, out, err = main("data", "links", "tinytask", "--json", "-q")
    found = json.loads(out)
    assert [one["state"] for one in found] == ["alive", "wrong size", "moved", "alive"]
    assert found[2] == {
        "url": f"{site.url}/audio/0.mp3",
        "declared_by": ["tinytask"],
        "page": False,
        "state": "moved",
        "moved_to": f"{site.url}/a.zip",
        "bytes": 10,
        "declared_bytes": None,
        "why": "",
    }
    assert (status, err.splitlines()[0][:24]) == (1, "mirbench: 1 of 4 links c")


@pytest.mark.usefixtures("tinytask")
def test_all_well_is_status_0(site: Site, main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    link = Link(f"{site.url}/a.zip", ("tinytask",), bytes=10)
    monkeypatch.setattr(declared, "declared_links", lambda *_: [link])
    assert main("data", "links", "-q") == (0, LINE.format(site.url), "")


def test_weights_and_datasets_that_are_built_in() -> None:
    links = {link.url: link for link in declared_links()}
    choi = [link for link in links.values() if "choi" in link.names]
    assert len(choi) == 5
    assert {link.bytes for link in choi} == {1329264}
    assert any("jukebox" in link.names for link in links.values())
    zipped = next(link for link in links.values() if "clmr" in link.names)
    assert (zipped.url.endswith(".zip"), zipped.bytes) == (True, None)
    gtzan = next(link for url, link in links.items() if url.endswith("/genres.tar.gz"))
    assert "gtzan" in gtzan.names
    assert gtzan.checked
    page = links["https://cvml.unige.ch/databases/emoMusic/"]
    assert (page.names, page.page) == (("emomusic",), True)
    assert all(url.startswith(("http://", "https://")) for url in links)


def test_names(main: Main, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status, _, err = main("data", "links", "gtzam")
    assert (status, "there is no task or representation 'gtzam'" in err) == (2, True)
    assert {name for link in declared_links(["choi"]) for name in link.names} == {"choi"}
    assert main("data", "links", "rendered_key")[:2] == (0, "0 links: none is declared\n")
    monkeypatch.setenv("MIRBENCH_OFFLINE", "1")
    status, out, err = main("data", "links", "choi")
    assert (status, out) == (1, "")
    assert "MIRBENCH_OFFLINE is set, so no server is asked" in err
