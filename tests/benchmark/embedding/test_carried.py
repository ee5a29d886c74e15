"""Shards of an older decoding are kept where today's gives the same samples, and only there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.pairs import embed_clips_of, pair_of

from mirbench.benchmark.api import Clip, Task
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.embedding.store import Store, task_fingerprint
from mirbench.benchmark.registry import load_task, parse_representation

if TYPE_CHECKING:
    from conftest import TinyPackage


@pytest.fixture
def clips(tiny: TinyPackage) -> list[Clip]:
    return read_clips(load_task("tinytask"), tiny.data / "tinytask")[:70]


def as_if_older(task: Task, clips: list[Clip], cache: Path) -> None:
    """Put what the store holds where version 1 of the decoding put it."""
    fingerprint = pair_of(parse_representation("tinyrep"), task, clips).fingerprint
    here = Store(cache).folder(fingerprint, task)
    here.rename(here.with_name(task_fingerprint(task, audio_version=1)))


def test_shards_of_ordinary_files_are_carried_over(clips: list[Clip], tmp_path: Path) -> None:
    spec, task = parse_representation("tinyrep"), load_task("tinytask")
    first = embed_clips_of(spec, task, clips, tmp_path, jobs=1)
    assert first.computed == 70
    as_if_older(task, clips, tmp_path)
    again = embed_clips_of(spec, task, clips, tmp_path, jobs=1)
    assert again.computed == 0
    assert again.sha256 == first.sha256


@pytest.mark.parametrize("fault", ["missing", "of unknown length"])
def test_a_shard_that_might_differ_is_computed_again(
    fault: str, clips: list[Clip], tmp_path: Path
) -> None:
    spec, task = parse_representation("tinyrep"), load_task("tinytask")
    path = tmp_path / "odd.wav"
    assert clips[3].path is not None
    content = bytearray(clips[3].path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = b"\0\0\0\0"
    path.write_bytes(b"" if fault == "missing" else bytes(content))
    clips[3] = Clip(clips[3].id, path, clips[3].label, clips[3].group)
    embed_clips_of(spec, task, clips, tmp_path, jobs=1)
    as_if_older(task, clips, tmp_path)
    assert embed_clips_of(spec, task, clips, tmp_path, jobs=1).computed == 64  # its shard alone
