"""What the doctor says of datasets in every state."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.toy_task import toy_task

from mirbench.benchmark.api import Clip, Download, Task, UnusableClip
from mirbench.benchmark.cli.data_report import checkup_report
from mirbench.benchmark.datasets.clip_checks import what_is_short
from mirbench.benchmark.datasets.doctor import Checkup, check_dataset
from mirbench.benchmark.embedding.model import ModelInfo
from mirbench.benchmark.embedding.worker import _read as read_clip
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.registry import load_split, load_task
from mirbench.tasks.gtzan import GENRES


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "noise.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 30 * 8000), 8000)
    return path


@pytest.fixture
def gtzan(wav: Path, tmp_path: Path) -> Path:
    """Folder of datasets with all of GTZAN, of which one clip cannot be decoded."""
    for genre in GENRES:
        folder = tmp_path / "gtzan" / "genres" / genre
        folder.mkdir(parents=True)
        for number in range(100):
            os.link(wav, folder / f"{genre}.{number:05d}.wav")
    rewrite(clip(tmp_path, "jazz.00054"), b"RIFF and so on")
    return tmp_path


def clip(data: Path, clip_id: str) -> Path:
    return data / "gtzan" / "genres" / clip_id.split(".")[0] / f"{clip_id}.wav"


def rewrite(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def lines(checkup: Checkup) -> list[str]:
    return checkup_report(checkup).splitlines()


def check(task: Task, data: Path | None = None, **options: Any) -> Checkup:
    return check_dataset(task, [load_split(task, s) for s in task.splits], data, **options)


def test_an_empty_folder(tmp_path: Path) -> None:
    checkup = check(load_task("gtzan"), tmp_path)
    assert not checkup.ready
    assert len(checkup.faults) == 930
    report = " ".join(checkup_report(checkup).split())
    assert "930 not there: genres/blues/blues.00000.wav, " in report
    assert f"    mirbench data fetch gtzan --data {shlex.quote(str(tmp_path))}" in lines(checkup)


@pytest.mark.parametrize("name", ["magnatagatune", "giantsteps", "emomusic"])
def test_annotations_are_missed_first(name: str, tmp_path: Path) -> None:
    checkup = check(load_task(name), tmp_path / "absent")
    assert not checkup.ready
    assert checkup.problem
    report = " ".join(checkup_report(checkup).split())
    assert "which does not exist" in report
    assert f"{name} cannot run yet." in report
    assert report.count(load_task(name).how_to_get) == 1


def test_of_many_downloads_some_are_named(tmp_path: Path) -> None:
    task = load_task("jamendo_mood")
    folder = tmp_path / "jamendo"
    folder.mkdir()
    report = " ".join(checkup_report(check_dataset(task, [], tmp_path)).split())
    assert "autotagging_moodtheme_audio-low-03.tar, and 96 more" in report
    (folder / "autotagging_moodtheme_audio-low-99.tar").write_bytes(b"x")
    report = " ".join(checkup_report(check_dataset(task, [], tmp_path)).split())
    assert re.search(r"audio-low-99\.tar: [^,]*, not the published file", report)
    assert "audio-low-03.tar, and 95 more" in report
    names = [f"{number}.csv" for number in range(11)]
    for name in names:
        (tmp_path / name).touch()
    downloads = tuple(Download(filename=name, mirrors=()) for name in names)
    report = " ".join(
        checkup_report(check_dataset(toy_task(downloads=downloads), [], tmp_path)).split()
    )
    assert "7.csv: 0 B and 3 files more" in report
    assert "8.csv" not in report


def test_one_broken_clip_does_not_matter(gtzan: Path) -> None:
    checkup = check(load_task("gtzan"), gtzan)
    assert checkup.ready
    assert [(f.clip_id, f.problem) for f in checkup.faults] == [("jazz.00054", "undecodable")]
    assert checkup.usable["paper"] == {"train": (442, 443), "valid": (197, 197), "test": (290, 290)}
    report = checkup_report(checkup)
    assert "442 of 443" in report
    assert "gtzan can run, though 1 clip is left out" in report
    assert "mirbench run --rep mfcc --task gtzan" in report


def test_too_many_broken_clips_do(gtzan: Path) -> None:
    for number in range(100):
        clip(gtzan, f"pop.{number:05d}").unlink()
    assert not check(load_task("gtzan"), gtzan).ready
    assert check(load_task("gtzan"), gtzan, max_missing=0.2).ready


def test_a_wav_that_was_cut_off_is_seen_in_its_header(gtzan: Path, wav: Path) -> None:
    path = clip(gtzan, "rock.00012")
    rewrite(path, wav.read_bytes()[:3000])
    found = {fault.clip_id: fault for fault in check(load_task("gtzan"), gtzan).faults}
    assert "truncated" in found["rock.00012"].reason


def test_what_no_header_tells_deep_finds(gtzan: Path, tmp_path: Path) -> None:
    path = clip(gtzan, "rock.00012")
    path.unlink()
    soundfile.write(path, np.full(30 * 8000, np.nan, dtype=np.float32), 8000, subtype="FLOAT")
    assert "rock.00012" not in {f.clip_id for f in check(load_task("gtzan"), gtzan).faults}
    deep = check(load_task("gtzan"), gtzan, deep=True, workers=1)
    reasons = {fault.clip_id: fault.reason for fault in deep.faults}
    assert "NaN" in reasons["rock.00012"]
    assert "decoded to the end" in checkup_report(deep)


@pytest.mark.parametrize(
    ("seconds", "short"),
    [(0.01, True), (9, True), (15, True), (28.9, True), (29, False), (29.93, False), (60, False)],
)
def test_a_short_file_of_gtzan_is_no_clip_of_it(gtzan: Path, seconds: float, short: bool) -> None:
    path = clip(gtzan, "rock.00012")
    path.unlink()
    soundfile.write(path, np.full(int(seconds * 8000), 0.1), 8000)
    checkup = check(load_task("gtzan"), gtzan)
    faults = {fault.clip_id: fault for fault in checkup.faults}
    assert ("rock.00012" in faults) == short
    if short:
        assert faults["rock.00012"].problem == "too short"
        reason = f"rock.00012.wav is {seconds:.1f} s long, 29 s are needed"
        report = " ".join(checkup_report(checkup).split())
        assert f"1 too short: {reason}" in report
        # A run says the same, and leaves the clip out.
        (member,) = (c for c in load_task("gtzan").read_clips(gtzan) if c.id == "rock.00012")
        with pytest.raises(UnusableClip, match=re.escape(reason)):
            read_clip(member, None, ModelInfo("x", 8000, 1), None)


@pytest.mark.parametrize(
    ("member", "window", "seconds", "needed"),
    [
        (("a", None, "", "g"), None, 0.1, None),
        (("a", None, "", "g"), 30.0, 29.9, "30 s are needed"),
        (("a", None, "", "g"), 30.0, 30.0, None),
        (("a", None, "", "g", 15.0), None, 15.5, None),
        (("a", None, "", "g", 15.0, 45.0), None, 59.0, "60 s are needed"),
        (("a", None, "", "g", 15.0, 45.0, 5.0), None, 59.0, "60 s are needed"),
        (("a", None, "", "g", 10.0, None, 29.0), None, 38.0, "39 s are needed"),
        (("a", None, "", "g", 0.0, None, 29.0), 30.0, 29.5, "30 s are needed"),
    ],
)
def test_what_a_clip_needs(
    member: tuple[Any, ...], window: float | None, seconds: float, needed: str | None
) -> None:
    short = what_is_short(Clip(*member), window, seconds)
    assert short == (needed and f"is {seconds:.1f} s long, {needed}")


def test_archives_are_checked(gtzan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, names = b"content", ("right", "wrong", "part", "absent")
    sha256 = hashlib.sha256(good).hexdigest()
    items = [Download(filename=f"{n}.zip", mirrors=(), sha256=sha256, unpack="zip") for n in names]
    task = replace(load_task("gtzan"), downloads=tuple(items))
    (gtzan / "gtzan" / "right.zip").write_bytes(good)
    (gtzan / "gtzan" / "wrong.zip").write_bytes(b"other")
    (gtzan / "gtzan" / "part.zip.part").write_bytes(b"con")
    checkup = check(task, gtzan)
    assert [state.state for state in checkup.files] == list(names)
    report = checkup_report(checkup)
    assert "wrong.zip: 5 B, not the published file" in report
    assert "part.zip: partly downloaded (3 B so far)" in report


def test_single_files_are_checked(gtzan: Path, monkeypatch: pytest.MonkeyPatch, wav: Path) -> None:
    md5 = hashlib.md5(wav.read_bytes(), usedforsecurity=False).hexdigest()

    def list_files(root: Path) -> Iterator[Download]:
        for name, digest in (("00001", md5), ("00002", "0" * 32)):
            yield Download(filename=f"genres/pop/pop.{name}.wav", mirrors=(), md5=digest)

    task = replace(load_task("gtzan"), list_files=list_files)
    faults = {fault.clip_id: fault.problem for fault in check(task, gtzan).faults}
    assert faults == {"jazz.00054": "undecodable", "pop.00002": "wrong checksum"}


def test_what_mirbench_makes_is_ready_before_it_is_made(tmp_path: Path) -> None:
    checkup = check(load_task("rendered_key"), cache=CacheFolder(tmp_path))
    assert checkup.ready
    assert "rendered by mirbench itself" in checkup_report(checkup)


@pytest.mark.parametrize("columns", [72, 100])
def test_reports_fit_the_terminal(
    columns: int, gtzan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    report = lines(check(load_task("gtzan"), gtzan))
    commands = [line for line in report if "mirbench " in line]
    words = [line for line in report if line not in commands and str(gtzan) not in line]
    assert max(len(line) for line in words) <= columns
