"""A shard is what was written, and what it should hold, or it is computed again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers.old_files import make_shard_old, read_parts
from helpers.pairs import embed_clips_of
from safetensors.numpy import save_file

from mirbench.benchmark.api import Clip, DataError, Task
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.layers import StoredLayers, leave_on_disk
from mirbench.benchmark.embedding.shard_spec import ShardSpec, look_at
from mirbench.benchmark.embedding.store import Shard, read_shard, write_shard
from mirbench.benchmark.registry import load_task, parse_representation

if TYPE_CHECKING:
    from conftest import TinyPackage

CLIPS = tuple(Clip(name, None, "x", "g") for name in ("clip145", "clip146", "clip147", "clip148"))

SHARD = Shard(
    clip_ids=tuple(clip.id for clip in CLIPS),
    embedding=np.arange(18, dtype=np.float32).reshape(3, 3, 2) + 1,
    clip=np.array([0, 2, 3]),
    missing={"clip146": "clip146.wav is empty (0 bytes)"},
    seconds=1.5,
    peak_bytes=1000,
    layers=("low", "mid", "top"),
    made_with={"device": "cpu", "numpy": "2.4.6"},
    notes={"quiet": 2},
)


@pytest.fixture
def spec(tmp_path: Path) -> ShardSpec:
    spec = ShardSpec(tmp_path, 0, CLIPS, tuple(look_at(clip) for clip in CLIPS))
    write_shard(spec.path, SHARD)
    return spec


def same(one: Shard, other: Shard, names: Sequence[str]) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        if name in ("embedding", "clip")
        else getattr(one, name) == getattr(other, name)
        for name in names
    )


ALL = ("clip_ids", "embedding", "clip", "missing", "seconds", "peak_bytes", "layers", "made_with")


def test_a_flip_anywhere_is_seen(spec: ShardSpec) -> None:
    """Of every byte one bit, turn by turn: of lengths, names, types, shapes, facts and numbers."""
    content = spec.path.read_bytes()
    seen = 0
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        spec.path.write_bytes(flipped)
        found = read_shard(spec.path, spec=spec)
        seen += found is None
        assert found is None or same(found, SHARD, (*ALL, "notes")), place
    assert seen > 0.95 * len(content)  # the header ends in spaces


def test_of_old_shards_a_flip_of_clips_or_numbers_is_seen(spec: ShardSpec) -> None:
    make_shard_old(spec.path)
    whole = read_shard(spec.path, spec=spec)
    assert whole is not None
    assert same(whole, SHARD, (*ALL, "notes"))
    content = spec.path.read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        spec.path.write_bytes(flipped)
        found = read_shard(spec.path, spec=spec)
        if found is not None:
            assert same(found, SHARD, ("clip_ids", "embedding", "clip")), place
            assert found.missing.keys() == SHARD.missing.keys()
            assert len(found.layers) == 3


Parts = tuple[dict[str, Any], dict[str, np.ndarray]]


def swap_ids(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    facts["clip_ids"][2:] = facts["clip_ids"][:1:-1]


def rename_missing(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    facts["missing"] = {"clip246": "clip146.wav is empty (0 bytes)"}


def lose_missing(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    facts["missing"] = {}


def miss_what_is_there(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    facts["missing"]["clip147"] = "gone"


def drop_a_layer(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    facts["layers"] = facts["layers"][:2]


def name_twice(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    facts["clip_ids"][3] = facts["clip_ids"][2]


def be_something_else(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    facts["clip_ids"] = 7


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        swap_ids,
        rename_missing,
        lose_missing,
        miss_what_is_there,
        drop_a_layer,
        name_twice,
        be_something_else,
    ],
)
def test_facts_that_were_changed(spec: ShardSpec, change: Callable[..., None], old: bool) -> None:
    if old:
        make_shard_old(spec.path)
    facts, arrays = read_parts(spec.path)
    change(facts, arrays)
    save_file(arrays, spec.path, metadata={"mirbench": json.dumps(facts)})
    said: list[str] = []
    assert read_shard(spec.path, said.append, spec) is None
    assert len(said) == 1
    assert said[0].startswith(f"{spec.path} is damaged (")


def test_the_shard_of_another_audio_file(spec: ShardSpec) -> None:
    """The same clips: only the name tells, and so it is in the digest."""
    other = spec.path.with_name("00000-0123456789abcdef.safetensors")
    shutil.copy(spec.path, other)
    assert read_shard(other) is None
    assert read_shard(spec.path) is not None


@pytest.mark.parametrize("old", [False, True])
def test_the_shard_of_other_clips(spec: ShardSpec, old: bool) -> None:
    others = tuple(replace(clip, id=f"other{clip.id}") for clip in CLIPS)
    foreign = replace(spec, clips=others, audio=tuple(look_at(clip) for clip in others))
    content = replace(
        SHARD, clip_ids=foreign.clip_ids, missing={"otherclip146": "otherclip146.wav is empty"}
    )
    write_shard(spec.path, content)
    if old:
        make_shard_old(spec.path)
    said: list[str] = []
    assert read_shard(spec.path, said.append, spec) is None
    assert "it holds other clips than it should" in said[0]
    assert read_shard(spec.path) is not None, "without knowing what it should hold"


@pytest.mark.parametrize("length", [0, 7, 8, 100, 500, -1])
def test_truncated(spec: ShardSpec, length: int) -> None:
    spec.path.write_bytes(spec.path.read_bytes()[:length])
    assert read_shard(spec.path, spec=spec) is None


def test_batches_with_other_windows(tmp_path: Path) -> None:
    rows = ((1, 0), (0, 2), (0, 0), (3, 1))
    spec = ShardSpec(tmp_path, 3, CLIPS, tuple(look_at(clip) for clip in CLIPS), rows)
    whole = replace(
        SHARD,
        embedding=np.ones((4, 2), np.float32),
        layers=(),
        clip=np.array([0, 0, 1, 3]),
        window=np.array([0, 2, 0, 1]),
        missing={"clip147": "gone"},
    )
    write_shard(spec.path, whole)
    assert read_shard(spec.path, spec=spec) is not None
    for window in ([0, 1, 0, 1], [2, 0, 0, 1], [0, 2, 0, 0]):
        write_shard(spec.path, replace(whole, window=np.array(window)))
        make_shard_old(spec.path)
        assert read_shard(spec.path, spec=spec) is None
    write_shard(spec.path, replace(whole, window=None))
    assert read_shard(spec.path, spec=spec) is None


@pytest.fixture
def task(tiny: TinyPackage) -> Task:
    return load_task("tinytask")


@pytest.fixture
def clips(tiny: TinyPackage, task: Task) -> list[Clip]:
    return read_clips(task, tiny.data / "tinytask")


def embed(task: Task, clips: Sequence[Clip], cache: Path) -> Embeddings:
    return embed_clips_of(parse_representation("tinyrep"), task, clips, cache, jobs=1)


def test_a_store_that_an_older_version_filled(
    task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    first = embed(task, clips, tmp_path)
    paths = sorted(tmp_path.rglob("*.safetensors"))
    for path in paths:
        make_shard_old(path)
    again = embed(task, clips, tmp_path)
    assert (again.computed, again.sha256) == (0, first.sha256)
    data = bytearray(paths[2].read_bytes())
    data[data.find(b"clip147") + 5] ^= 2
    paths[2].write_bytes(data)
    mended = embed(task, clips, tmp_path)
    assert (mended.computed, mended.sha256, mended.missing) == (22, first.sha256, {})


def test_shards_in_the_place_of_each_other(
    task: Task, clips: list[Clip], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = embed(task, clips, tmp_path)
    one, other, _ = sorted(tmp_path.rglob("*.safetensors"))
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    again = embed(task, clips, tmp_path)
    assert (again.computed, again.sha256) == (128, first.sha256)
    assert capsys.readouterr().err.count(" is damaged (") == 2


def test_layers_that_are_changed_after_they_were_checked(spec: ShardSpec) -> None:
    stored = leave_on_disk(spec.path, SHARD.embedding)
    assert isinstance(stored, StoredLayers)
    np.testing.assert_array_equal(stored.layer(1), np.asarray(SHARD.embedding)[:, 1])
    write_shard(spec.path, replace(SHARD, seconds=2.5))  # as another run does
    np.testing.assert_array_equal(stored.layer(2), np.asarray(SHARD.embedding)[:, 2])
    content = bytearray(spec.path.read_bytes())
    content[-40] ^= 1
    spec.path.write_bytes(content)
    with pytest.raises(DataError, match=r"again \(its content has changed\); run the same"):
        stored.layer(2)
    write_shard(spec.path, SHARD)
    make_shard_old(spec.path)
    with pytest.raises(DataError, match=r"again \(it was changed meanwhile\); run the same"):
        np.asarray(stored)
