"""Fetching a dataset: archives, single files, and what is only given on request."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.webserver import Page, Site, serve

from mirbench.benchmark.api import Clip, Download, MirbenchError, Task
from mirbench.benchmark.cli.data_report import fetch_report
from mirbench.benchmark.datasets.fetch import archive_groups, fetch
from mirbench.benchmark.registry import load_task


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


AUDIO = tar_of({"audio/1.wav": b"one", "audio/2.wav": b"two"})
TABLE = b"1,a\n2,b\n"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_clips(root: Path) -> Iterator[Clip]:
    if (root / "table.csv").is_file():
        for name in "12":
            yield Clip(name, root / "audio" / f"{name}.wav", "a", name)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.delenv("MIRBENCH_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve({"/audio.tar.gz": Page(AUDIO), "/table.csv": Page(TABLE)}) as running:
        yield running


@pytest.fixture
def task(site: Site, monkeypatch: pytest.MonkeyPatch) -> Task:
    made = replace(
        load_task("gtzan"),
        name="toy",
        folder="toy",
        title="Toy",
        read_clips=read_clips,
        how_to_get="Write to the authors.",
        downloads=(
            Download(
                filename="table.csv", mirrors=(f"{site.url}/table.csv",), sha256=sha256(TABLE)
            ),
            Download(
                filename="audio.tar.gz",
                mirrors=(f"{site.url}/gone", f"{site.url}/audio.tar.gz"),
                sha256=sha256(AUDIO),
                unpack="tar.gz",
            ),
        ),
    )
    return made


def test_archives_are_downloaded_and_unpacked_once(task: Task, site: Site, tmp_path: Path) -> None:
    done = fetch(task, tmp_path)
    assert (done.folder, done.downloaded, done.unpacked) == (tmp_path / "toy", 2, 2)
    assert (tmp_path / "toy" / "audio" / "2.wav").read_bytes() == b"two"
    done.archives[0].unlink()
    site.requests.clear()
    again = fetch(task, tmp_path)
    assert (again.downloaded, again.unpacked, site.requests) == (0, 0, [])
    (tmp_path / "toy" / "audio" / "1.wav").unlink()
    assert fetch(task, tmp_path / "toy").unpacked == 1


def test_the_audio_can_be_left_out(task: Task, site: Site, tmp_path: Path) -> None:
    table, audio = task.downloads
    apart = replace(task, downloads=(table, replace(audio, audio=True)))
    done = fetch(apart, tmp_path, annotations=True)
    assert (done.downloaded, done.unpacked, done.annotations) == (1, 0, True)
    assert [path for path, _ in site.requests] == ["/table.csv"]
    assert "The audio was left out. Next:\n    mirbench reproduce castellon2021" in fetch_report(
        done
    )
    with pytest.raises(MirbenchError, match="not published apart from each other; leave out --ann"):
        fetch(task, tmp_path, annotations=True)


def test_every_task_of_the_paper_knows_its_audio() -> None:
    kept = {
        name: [item.filename for item in load_task(name).downloads if not item.audio]
        for name in ("magnatagatune", "gtzan", "giantsteps", "emomusic")
    }
    assert kept == {
        "magnatagatune": ["annotations_final.csv", "clip_info_final.csv"],
        "gtzan": [],
        "giantsteps": [
            "giantsteps-mtg-key-dataset-master.zip",
            "giantsteps-key-dataset-master.zip",
        ],
        "emomusic": ["annotations.tar.gz"],
    }


def test_a_wrong_archive_is_put_aside_and_a_changed_table_kept(
    task: Task, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "table.csv").write_bytes(b"saved by a spreadsheet")
    (folder / "audio.tar.gz").write_bytes(b"half")
    done = fetch(task, tmp_path)
    assert (done.downloaded, done.unpacked) == (1, 2)
    assert (folder / "table.csv").read_bytes() == b"saved by a spreadsheet"
    assert (folder / "audio.tar.gz.wrong").read_bytes() == b"half"
    said = capsys.readouterr().err
    assert "is kept" in said
    assert "audio.tar.gz.wrong" in said


def test_what_is_given_on_request_is_named_and_unpacked_once_it_is_there(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = replace(task.downloads[1], mirrors=())
    task = replace(task, downloads=(task.downloads[0], asked))
    with pytest.raises(MirbenchError, match=r"audio.tar.gz: .* on request.*Write to the authors"):
        fetch(task, tmp_path)
    (tmp_path / "toy" / "audio.tar.gz").write_bytes(AUDIO)
    assert fetch(task, tmp_path).unpacked == 2


def test_single_files_are_fetched_after_what_lists_them(
    task: Task, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def list_files(root: Path) -> Iterator[Download]:
        for clip in read_clips(root):
            assert clip.path is not None
            name = clip.path.name
            content = name.encode()
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
            site.pages[f"/{name}"] = Page(content)
            yield Download(filename=f"audio/{name}", mirrors=(f"{site.url}/{name}",), md5=md5)

    task = replace(task, downloads=task.downloads[:1], list_files=list_files)
    assert fetch(task, tmp_path).downloaded == 3
    assert (tmp_path / "toy" / "audio" / "1.wav").read_bytes() == b"1.wav"
    (tmp_path / "toy" / "audio" / "2.wav").write_bytes(b"2.wa")
    site.requests.clear()
    assert fetch(task, tmp_path).downloaded == 1
    assert [path for path, _ in site.requests] == ["/2.wav"]


def test_hopeless_single_files_are_not_all_tried(
    task: Task, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def list_files(root: Path) -> Iterator[Download]:
        for number in range(100):
            yield Download(filename=f"{number}", mirrors=(f"{site.url}/{number}",))

    task = replace(task, downloads=(), list_files=list_files)
    with pytest.raises(MirbenchError, match="100 of 100 files could not be fetched"):
        fetch(task, tmp_path)
    assert len(site.requests) < 30


def test_pieces_of_one_archive_belong_together() -> None:
    groups = archive_groups(load_task("magnatagatune").downloads)
    assert [[item.filename for item in group] for group in groups] == [
        ["annotations_final.csv"],
        ["clip_info_final.csv"],
        ["mp3.zip.001", "mp3.zip.002", "mp3.zip.003"],
    ]


def test_nothing_is_fetched_for_emomusic(tmp_path: Path) -> None:
    with pytest.raises(MirbenchError, match="Ask the authors for access"):
        fetch(load_task("emomusic"), tmp_path)


def test_giantsteps_says_what_to_listen_to(annotation_files: Path) -> None:
    task = load_task("giantsteps")
    assert task.list_files is not None
    items = list(task.list_files(annotation_files))
    assert len(items) == 1763
    assert items[0].mirrors[0].endswith("/mtg_key_backup/5061.LOFI.mp3")
    assert items[-1].filename.startswith("giantsteps-key-dataset/audio/")
    assert all(item.mirrors[0].startswith("https://www.cp.jku.at/") for item in items)


def test_nothing_is_fetched_if_all_audio_is_there_under_other_names(
    task: Task, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for GiantSteps, where such files are not listed."""
    task = replace(task, list_files=lambda root: iter(()))
    audio = tmp_path / "toy" / "audio"
    audio.mkdir(parents=True)
    (tmp_path / "toy" / "table.csv").write_bytes(TABLE)
    (audio / "1.wav").touch()
    (audio / "2.wav").touch()
    monkeypatch.setenv("MIRBENCH_OFFLINE", "1")
    assert fetch(task, tmp_path).downloaded == 0
    (audio / "2.wav").unlink()
    monkeypatch.delenv("MIRBENCH_OFFLINE")
    assert fetch(task, tmp_path).downloaded > 0
