"""The task with the dataset that it makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from mirbench_example.task import SPLITS, make_example, write_split

from mirbench.benchmark.registry import load_split, load_task


@pytest.mark.parametrize("name", SPLITS)
def test_the_split_is_of_the_clips(name: str, tmp_path: Path) -> None:
    task = load_task("waveforms")
    make_example(tmp_path)
    clips = {clip.id: clip for clip in task.read_clips(tmp_path)}
    split = load_split(task, name)
    assert set(split.of) == set(clips)
    parts: dict[str, set[str]] = {}
    for clip_id, part in split.of.items():
        parts.setdefault(clips[clip_id].group, set()).add(part)
    assert all(len(each) == 1 for each in parts.values()), "a group is in two parts"


@pytest.mark.parametrize("name", SPLITS)
def test_the_split_can_be_written_again(name: str, tmp_path: Path) -> None:
    make_example(tmp_path)
    again = tmp_path / f"again.{name}.csv"
    write_split(tmp_path, again)
    shipped = load_split(load_task("waveforms"), name).of
    lines = again.read_text().splitlines()
    assert lines[1:] == [f"{clip_id},{part}" for clip_id, part in shipped.items()]


def test_higher_tones_are_tested_than_what_was_trained_on() -> None:
    split = load_split(load_task("waveforms"), "higher")
    highest = max(clip_id[-2:] for clip_id in split.ids("train"))
    assert all(clip_id[-2:] > highest for clip_id in split.ids("test"))
