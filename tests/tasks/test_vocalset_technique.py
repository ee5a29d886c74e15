"""The VocalSet reader on trees in the published layout."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from helpers.vocalset_tree import SINGERS, touch_vocalset

from mirbench.benchmark.api import DataError
from mirbench.benchmark.registry import load_split
from mirbench.tasks.vocalset_technique import LEFT_OUT, TASK, TECHNIQUES, read_clips


@pytest.mark.parametrize("folder", ["FULL", "VocalSet11/FULL"])
def test_folders_say_singer_and_technique(tmp_path: Path, folder: str) -> None:
    base = touch_vocalset(tmp_path / folder)
    extra = base / "male8" / "scales" / "fast_forte"
    extra.mkdir()
    (extra / "m8_scales_fast_forte_a.wav").touch()
    (base / "male8" / "scales" / "belt" / "._m8_scales_belt_a.wav").touch()
    (base / "male8" / "scales" / "belt" / "notes.txt").touch()
    clips = {clip.id: clip for clip in read_clips(tmp_path)}
    assert len(clips) == len(SINGERS) * len(TECHNIQUES)
    clip = clips["male8/scales/straight/m8_scales_straight_a"]
    assert (clip.label, clip.group) == ("straight", "m8")
    assert clip.path == base / "male8" / "scales" / "straight" / "m8_scales_straight_a.wav"
    assert len({clip.group for clip in clips.values()}) == 20


def test_short_names_of_singers(tmp_path: Path) -> None:
    base = touch_vocalset(tmp_path / "FULL")
    (base / "female2").rename(base / "f2")
    assert "f2" in {clip.group for clip in read_clips(tmp_path)}


@pytest.mark.parametrize("split", ["paper", "artist"])
def test_test_singers_are_the_published_ones(tmp_path: Path, split: str) -> None:
    touch_vocalset(tmp_path / "FULL")
    table = load_split(TASK, split, tmp_path)
    groups = {clip.id: clip.group for clip in read_clips(tmp_path)}
    sides = {part: {groups[i] for i in table.ids(part)} for part in ("train", "valid", "test")}  # type: ignore[arg-type]
    assert sides["test"] == {"f2", "f8", "m3", "m5", "m10"}
    assert sides["valid"] == {"f9", "m9", "m11"}
    assert len(sides["train"]) == 12


def test_the_files_that_are_left_out_are_those_of_the_facts(
    tmp_path: Path, further_annotations: Path
) -> None:
    path = further_annotations / "vocalset" / "filename_corrections_derived.csv"
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert {row["published"] for row in rows if row["action"] == "leave out"} == LEFT_OUT
    base = touch_vocalset(tmp_path / "FULL")
    before = len(list(read_clips(tmp_path)))
    for row in rows:
        file_ = base / "female2" / "scales" / row["published"]
        file_.parent.mkdir(exist_ok=True)
        file_.touch()
    renamed = [row for row in rows if row["published"].split("/")[0] in TECHNIQUES]
    assert len(list(read_clips(tmp_path))) == before + len(renamed) - len(LEFT_OUT)


def test_what_is_absent_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"folder FULL was not found .*zenodo\.org/records/1442513"):
        list(read_clips(tmp_path))
    base = touch_vocalset(tmp_path / "FULL")
    (base / "male4").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="19 of 20 singers are here"):
        list(read_clips(tmp_path))
