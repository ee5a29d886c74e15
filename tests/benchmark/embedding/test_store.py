"""Fingerprints, shards and atomic writes."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.toy_task import toy_task

from mirbench.benchmark.api import Clip, MirbenchError
from mirbench.benchmark.embedding.store import (
    SHARD_CLIPS,
    Shard,
    Store,
    read_shard,
    task_fingerprint,
    write_shard,
)
from mirbench.benchmark.files.atomic import remove_stale_temporaries, write_atomic
from mirbench.benchmark.files.cache import cache_root

TASK = toy_task()

SHARD = Shard(
    clip_ids=("a", "b", "ç"),
    embedding=np.arange(8, dtype=np.float32).reshape(2, 2, 2),
    clip=np.array([0, 2]),
    missing={"b": "b.wav is empty (0 bytes)"},
    seconds=1.5,
    peak_bytes=1000,
    layers=("low", "high"),
)


def test_writes_are_atomic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "file"
    write_atomic(path, b"old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    full = r"cannot write .*file: No space left on device; make room, and run the same command"
    with pytest.raises(MirbenchError, match=full):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MirbenchError, match=r"cannot write .*/file is in the way, which is no fo"):
        write_atomic(tmp_path / "file" / "below", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(MirbenchError, match=r"cannot write .*/folder: .*; it is a folder: move it"):
        write_atomic(tmp_path / "folder", b"")


def test_a_folder_that_is_deleted_meanwhile_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, deleted = os.replace, []

    def delete_once(source: str, target: Path) -> None:
        if not deleted:
            deleted.append(target)
            shutil.rmtree(target.parent)
        replace(source, target)

    monkeypatch.setattr(os, "replace", delete_once)
    write_atomic(tmp_path / "deep" / "file", b"new")
    assert (tmp_path / "deep" / "file").read_bytes() == b"new"


def test_cache_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRBENCH_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    assert cache_root(Path("mine")) == Path("mine")
    monkeypatch.setenv("MIRBENCH_CACHE", "")
    assert cache_root().name == "mirbench"


def test_shards_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "0.safetensors"
    assert read_shard(path) is None
    write_shard(path, SHARD)
    again = read_shard(path)
    assert again is not None
    np.testing.assert_array_equal(again.embedding, SHARD.embedding)
    np.testing.assert_array_equal(again.clip, SHARD.clip)
    for name in ("clip_ids", "missing", "seconds", "peak_bytes", "layers"):
        assert getattr(again, name) == getattr(SHARD, name)
    content = path.read_bytes()
    write_shard(path, SHARD)
    assert path.read_bytes() == content


def test_a_shard_without_a_single_row(tmp_path: Path) -> None:
    path = tmp_path / "0.safetensors"
    empty = np.zeros((0, 0), np.float32)
    missing = dict.fromkeys(SHARD.clip_ids, "its file is empty (0 bytes)")
    write_shard(path, replace(SHARD, embedding=empty, clip=np.zeros(0, np.int64), missing=missing))
    again = read_shard(path)
    assert again is not None
    assert again.embedding.shape == (0, 0)


@pytest.mark.parametrize("damage", ["cut", "empty", "zeros", "flipped", "other"])
def test_damaged_shards_are_said_and_not_read(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "0.safetensors"
    write_shard(path, SHARD)
    content = path.read_bytes()
    flipped = content[:-3] + bytes([content[-3] ^ 64]) + content[-2:]
    damaged = {
        "cut": content[:-1],
        "empty": b"",
        "zeros": bytes(len(content)),
        "flipped": flipped,
        "other": content.replace(b"clip_ids", b"clip_xxx"),
    }
    path.write_bytes(damaged[damage])
    said: list[str] = []
    assert read_shard(path, said.append) is None
    assert len(said) == 1
    assert said[0].startswith(f"{path} is damaged (")
    assert said[0].endswith("it is computed again")


def plan_names(clips: list[Clip], tmp_path: Path, full_hash: bool = False) -> list[str]:
    return [plan.path.name for plan in Store(tmp_path).shards_for("rep", TASK, clips, full_hash)]


def test_a_changed_file_costs_one_shard(tmp_path: Path) -> None:
    audio = tmp_path / "a.wav"
    audio.write_bytes(b"1234")
    os.utime(audio, ns=(10**18, 10**18))
    clips = [Clip(f"{n:04d}", None, "x", "g") for n in range(2 * SHARD_CLIPS + 1)]
    clips[SHARD_CLIPS] = replace(clips[SHARD_CLIPS], path=audio)
    before = plan_names(clips, tmp_path)
    assert len(before) == 3
    assert plan_names(clips[::-1], tmp_path) == before

    def changed() -> list[bool]:
        return [a != b for a, b in zip(before, plan_names(clips, tmp_path), strict=True)]

    audio.write_bytes(b"12345")
    os.utime(audio, ns=(10**18, 10**18))
    assert changed() == [False, True, False]
    audio.write_bytes(b"4321")
    os.utime(audio, ns=(10**18, 10**18 + 1))
    assert changed() == [False, True, False]
    os.utime(audio, ns=(10**18, 10**18))
    assert changed() == [False, False, False]
    audio.unlink()
    assert changed() == [False, True, False]


def test_full_hash_looks_at_content_alone(tmp_path: Path) -> None:
    audio = tmp_path / "a.wav"
    clips = [Clip("a", audio, "x", "g")]
    audio.write_bytes(b"1234")
    before = plan_names(clips, tmp_path, full_hash=True)
    os.utime(audio, ns=(1, 1))
    assert plan_names(clips, tmp_path, full_hash=True) == before
    audio.write_bytes(b"4321")
    os.utime(audio, ns=(1, 1))
    assert plan_names(clips, tmp_path, full_hash=True) != before


@pytest.mark.parametrize("change", [{"start": 1.0}, {"duration": 2.0}, {"id": "b"}])
def test_the_excerpt_is_part_of_the_key(tmp_path: Path, change: dict[str, object]) -> None:
    clip = Clip("a", None, "x", "g")
    assert plan_names([clip], tmp_path) != plan_names([replace(clip, **change)], tmp_path)
    relabelled = replace(clip, label="y", group="h")
    assert plan_names([clip], tmp_path) == plan_names([relabelled], tmp_path)


def test_task_fingerprint() -> None:
    same = replace(TASK, name="other", title="Other", labels=("y",), metrics=("r2",))
    assert task_fingerprint(same) == task_fingerprint(TASK)
    for change in ({"version": 2}, {"window": 30.0}, {"folder": "other"}):
        assert task_fingerprint(replace(TASK, **change)) != task_fingerprint(TASK)


def test_only_old_temporaries_are_removed(tmp_path: Path) -> None:
    old, new, shard = (tmp_path / name for name in (".1.tmp", ".2.tmp", "1.safetensors"))
    for path in (old, new, shard):
        path.touch()
    os.utime(old, (time.time() - 90_000,) * 2)
    os.utime(shard, (time.time() - 90_000,) * 2)
    remove_stale_temporaries(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([new, shard])
