"""Weights from a server that misbehaves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.webserver import Page, Site, serve
from helpers.weights_plugin import A, B, W, array, write_plugin, zip_of

from mirbench.benchmark.api import DataError, MirbenchError
from mirbench.benchmark.registry import load_representation
from mirbench.benchmark.runs.named_weights import named_sets
from mirbench.benchmark.weights.fetch import fetch_weights


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MIRBENCH_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve({"/w.npy": Page(W), "/a.npy": Page(A), "/b.npy": Page(B)}) as running:
        yield running


@pytest.fixture
def rep(site: Site, tmp_path: Path) -> str:
    return write_plugin(tmp_path, site.url)


def originals(name: str = "big") -> Path:
    return Path("cache").resolve() / "weights" / "weighty" / f"{name}.originals"


def test_fetched_weights_are_converted_and_the_files_deleted(rep: str, site: Site) -> None:
    done = fetch_weights(named_sets(rep).weights)
    assert (done.weights.name, done.already_here, done.originals) == ("big", False, None)
    assert load_representation(rep).values[-1] == 15
    assert not originals().exists()
    site.requests.clear()
    assert fetch_weights(named_sets(f"{rep}:big").weights).already_here
    assert site.requests == []
    assert not fetch_weights(named_sets(rep).weights, force=True).already_here
    assert [path for path, _ in site.requests] == ["/w.npy"]


def test_two_fetches_at_once_download_once(rep: str, site: Site) -> None:
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(fetch_weights, [named_sets(rep).weights] * 2))
    assert sorted(each.already_here for each in done) == [False, True]
    assert [path for path, _ in site.requests] == ["/w.npy"]


def test_a_set_of_several_files_is_kept_on_demand(rep: str, site: Site) -> None:
    done = fetch_weights(named_sets(f"{rep}:model=small").weights, keep=True)
    assert done.originals == originals("small")
    assert (originals("small") / "b.npy").read_bytes() == B
    assert [path for path, _ in site.requests] == ["/a.npy", "/gone", "/b.npy"]


def test_a_dropped_connection_is_resumed(rep: str, site: Site) -> None:
    site.pages["/w.npy"].drops = [70]
    fetch_weights(named_sets(rep).weights)
    assert [headers.get("Range") for _, headers in site.requests] == [None, "bytes=70-"]
    assert load_representation(rep).values[-1] == 15


def test_an_interrupted_fetch_goes_on(rep: str, site: Site) -> None:
    site.pages["/b.npy"].statuses = [403]
    with pytest.raises(MirbenchError, match=r"b.npy could not be downloaded:\n .*404.*\n .*403"):
        fetch_weights(named_sets(f"{rep}:small").weights)
    assert (originals("small") / "a.npy").read_bytes() == A
    site.requests.clear()
    fetch_weights(named_sets(f"{rep}:small").weights)
    assert [path for path, _ in site.requests] == ["/gone", "/b.npy"]


def test_published_checksums_and_sizes_are_held(site: Site, tmp_path: Path) -> None:
    wrong = array(2, 8, scale=2.0)
    rep = write_plugin(tmp_path, site.url, f', "sha256": "{hashlib.sha256(wrong).hexdigest()}"')
    with pytest.raises(MirbenchError, match="not the right one: its sha256 is"):
        fetch_weights(named_sets(rep).weights)
    site.pages["/w.npy"].content = wrong
    fetch_weights(named_sets(rep).weights)
    rep = write_plugin(tmp_path, site.url, ', "bytes": 12')
    with pytest.raises(MirbenchError, match="announces 192 bytes, expected 12"):
        fetch_weights(named_sets(rep).weights, force=True)


def test_what_differs_from_the_first_is_refused(rep: str, site: Site) -> None:
    fetch_weights(named_sets(rep).weights)
    before = load_representation(rep).values[-1]
    site.pages["/w.npy"].content = array(2, 8, scale=2.0)
    with pytest.raises(DataError) as caught:
        fetch_weights(named_sets(rep).weights, force=True)
    assert "when w.npy of big was seen first it had" in str(caught.value)
    assert "What was downloaded is deleted (--keep keeps it)." in str(caught.value)
    assert load_representation(rep).values[-1] == before


@pytest.mark.parametrize("keep", [False, True])
def test_what_is_not_the_set_is_refused(rep: str, site: Site, keep: bool) -> None:
    site.pages["/w.npy"].content = array(4)
    with pytest.raises(DataError, match=r"w.npy has the shape \(4,\)\nWhat was downloaded is"):
        fetch_weights(named_sets(rep).weights, keep=keep)
    assert originals().exists() == keep
    assert not Path("cache/weights/first_seen.json").exists()


def test_a_web_page_is_no_weights(rep: str, site: Site) -> None:
    site.pages["/w.npy"].kind = "text/html; charset=utf-8"
    with pytest.raises(MirbenchError, match="sends a web page instead of the file"):
        fetch_weights(named_sets(rep).weights)


def test_a_file_out_of_an_archive(site: Site, tmp_path: Path) -> None:
    site.pages["/all.zip"] = Page(zip_of({"read me.txt": b"", "deep/w.npy": W}))
    sha256 = hashlib.sha256(W).hexdigest()
    rep = write_plugin(tmp_path, site.url, f', "sha256": "{sha256}", "bytes": {len(W)}', "all.zip")
    fetch_weights(named_sets(rep).weights)
    assert load_representation(rep).values[-1] == 15
    site.pages["/all.zip"] = Page(zip_of({"v.npy": W}))
    with pytest.raises(DataError, match=r"/all.zip holds no file w.npy"):
        fetch_weights(named_sets(rep).weights, force=True)


def test_nothing_is_fetched_offline(rep: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRBENCH_OFFLINE", "1")
    with pytest.raises(MirbenchError, match="MIRBENCH_OFFLINE is set"):
        fetch_weights(named_sets(rep).weights)
    assert site.requests == []


def test_what_a_plugin_lacks_shows_before_anything_is_downloaded(rep: str, site: Site) -> None:
    text = Path(rep).read_text().replace("CARD = {", 'CARD = {"requires": ["absent_package"],')
    Path(rep).write_text(text)
    with pytest.raises(MirbenchError, match="'weighty' needs absent_package, which is not inst"):
        fetch_weights(named_sets(rep).weights)
    assert site.requests == []
