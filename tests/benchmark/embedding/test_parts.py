"""Parts of shards: how they are cut, shared between runs, and put together."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from helpers.pairs import embed_clips_of, pair_of

from mirbench.benchmark.api import Clip, PluginError
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.embedding import making
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.making import ShardMaker
from mirbench.benchmark.embedding.outcomes import outcomes_of
from mirbench.benchmark.embedding.pair import EmbeddingSettings
from mirbench.benchmark.embedding.parts import clips_of_a_part, join_parts
from mirbench.benchmark.embedding.shard_spec import PARTS, ShardSpec, look_at
from mirbench.benchmark.embedding.store import Shard, Store, read_shard
from mirbench.benchmark.embedding.worker import Chunk, Outcome
from mirbench.benchmark.files.claims import SUFFIX, Claims
from mirbench.benchmark.files.owners import this_host
from mirbench.benchmark.registry import load_task, parse_representation

if TYPE_CHECKING:
    from conftest import TinyPackage


@pytest.fixture
def clips(tiny: TinyPackage) -> list[Clip]:
    return read_clips(load_task("tinytask"), tiny.data / "tinytask")[:70]


def embed(clips: list[Clip], cache: Path) -> Embeddings:
    spec, task = parse_representation("tinyrep"), load_task("tinytask")
    return embed_clips_of(spec, task, clips, cache, jobs=1)


def test_what_was_not_asked_for_is_refused(
    clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forged(chunks: Iterator[Chunk], settings: EmbeddingSettings) -> Iterator[Outcome]:
        for outcome in outcomes_of(chunks, settings):
            yield replace(outcome, shard=99)

    monkeypatch.setattr(making, "outcomes_of", forged)
    with pytest.raises(PluginError, match=r"tinyrep sent .* not asked for \(of part 99\)"):
        embed(clips[:2], tmp_path)


@pytest.mark.parametrize(
    ("clips", "at_once", "size"),
    [(1, 4, 4), (150, 4, 4), (1024, 4, 4), (1025, 4, 8), (5000, 4, 32), (25863, 4, 64), (9, 8, 8)],
)
def test_small_tasks_have_small_parts(clips: int, at_once: int, size: int) -> None:
    assert clips_of_a_part(clips, at_once) == size


def test_parts_are_named_by_their_own_clips(clips: list[Clip], tmp_path: Path) -> None:
    audio = tuple(look_at(clip) for clip in clips[:10])
    spec = ShardSpec(tmp_path, 0, tuple(clips[:10]), audio)
    parts = spec.parts(4)
    assert [len(part.clips) for part in parts] == [4, 4, 2]
    assert {part.path.parent for part in parts} == {tmp_path / PARTS}
    assert len({part.path.name for part in parts}) == 3
    changed = replace(spec, audio=(*audio[:9], replace(audio[9], identity=["x"]))).parts(4)
    assert [a.path == b.path for a, b in zip(parts, changed, strict=True)] == [True, True, False]
    assert spec.parts(64) == [spec]
    assert replace(spec, rows=((0, 0),)).parts(4)[0].rows is not None, "a batch stays whole"


def test_joined_parts_are_the_shard(tmp_path: Path) -> None:
    clips = tuple(Clip(name, None, "", "") for name in "abcd")
    spec = ShardSpec(tmp_path, 0, clips, tuple(look_at(clip) for clip in clips))
    rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    one = Shard(("a", "b"), rows[:2], np.array([1, 1]), {"a": "gone"}, 1.5, 7, notes={"n": 1})
    one.made_with.update(device="cpu", numpy="1")
    other = Shard(("c", "d"), rows[2:], np.array([0]), {"d": "cut"}, 0.5, 9, notes={"n": 2})
    other.made_with.update(device="cuda", numpy="1")
    whole = join_parts(spec, [one, other])
    np.testing.assert_array_equal(whole.embedding, rows)
    assert whole.clip.tolist() == [1, 1, 2]
    assert (whole.clip_ids, whole.missing) == (("a", "b", "c", "d"), {"a": "gone", "d": "cut"})
    assert (whole.seconds, whole.peak_bytes, whole.notes) == (2.0, 9, {"n": 3})
    assert whole.made_with == {"device": "cpu, cuda", "numpy": "1"}


def test_a_shard_of_clips_without_rows(tmp_path: Path) -> None:
    clips = tuple(Clip(name, None, "", "") for name in "ab")
    spec = ShardSpec(tmp_path, 0, clips, tuple(look_at(clip) for clip in clips))
    none = np.zeros((0, 0), np.float32)
    parts = [Shard((n,), none, np.zeros(0, np.int64), {n: "cut"}, 0, 0) for n in "ab"]
    whole = join_parts(spec, parts)
    assert whole.embedding.shape == (0, 0)
    assert whole.missing == {"a": "cut", "b": "cut"}


def test_nothing_but_shards_is_left(clips: list[Clip], tmp_path: Path) -> None:
    embed(clips, tmp_path)
    (folder,) = tmp_path.glob("embeddings/*/*/")
    assert [path.name[:6] for path in sorted(folder.iterdir())] == ["00000-", "00001-"]
    assert not list(tmp_path.rglob(f"*{SUFFIX}"))


def test_a_part_that_another_run_is_at_is_left_to_it(
    clips: list[Clip], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = embed(clips, tmp_path / "reference")
    (shard,) = tmp_path.glob("reference/embeddings/*/*/00000-*")
    folder = tmp_path / "cache" / shard.parent.relative_to(tmp_path / "reference")
    spec = ShardSpec(folder, 0, tuple(clips[:64]), tuple(map(look_at, clips[:64])))
    part = spec.parts(4)[3]
    result: list[Embeddings] = []
    with Claims() as other:
        assert other.take(part.path)
        run = threading.Thread(target=lambda: result.append(embed(clips, tmp_path / "cache")))
        run.start()
        while "waiting for them" not in (said := capsys.readouterr().err):
            threading.Event().wait(0.02)
            assert run.is_alive()
        assert "the last 64 clips are being embedded by other runs (process " in said
        assert not spec.path.exists()
    run.join()
    assert result[0].computed == 70
    assert result[0].sha256 == first.sha256
    stored, expected = read_shard(spec.path), read_shard(shard)
    assert stored is not None
    assert expected is not None
    np.testing.assert_array_equal(stored.embedding, expected.embedding)


def test_parts_of_another_run_are_used(clips: list[Clip], tmp_path: Path) -> None:
    first = embed(clips, tmp_path)
    (shard,) = tmp_path.glob("embeddings/*/*/00000-*")
    whole = read_shard(shard)
    assert whole is not None
    spec = ShardSpec(shard.parent, 0, tuple(clips[:64]), tuple(map(look_at, clips[:64])))
    assert spec.path == shard
    from mirbench.benchmark.embedding.store import write_shard

    for place, part in enumerate(spec.parts(4)[:10]):
        rows = slice(4 * place, 4 * place + 4)
        made = replace(
            whole, clip_ids=part.clip_ids, embedding=whole.embedding[rows], clip=np.arange(4)
        )
        write_shard(part.path, made)
    damaged = spec.parts(4)[2].path
    damaged.write_bytes(damaged.read_bytes()[:-1])
    shard.unlink()
    again = embed(clips, tmp_path)
    assert again.computed == 64 - 40 + 4, "the parts that are whole are used"
    assert again.sha256 == first.sha256


def test_the_claim_of_a_run_that_was_killed_stops_nobody(clips: list[Clip], tmp_path: Path) -> None:
    first = embed(clips, tmp_path)
    (shard,) = tmp_path.glob("embeddings/*/*/00000-*")
    spec = ShardSpec(shard.parent, 0, tuple(clips[:64]), tuple(map(look_at, clips[:64])))
    shard.unlink()
    claim = spec.parts(4)[0].path
    claim.parent.mkdir()
    facts = {"host": this_host(), "pid": 2**22 + 1, "born": "1", "token": "x"}
    claim.with_name(claim.name + SUFFIX).write_text(json.dumps(facts))
    assert embed(clips, tmp_path).sha256 == first.sha256


def test_parts_are_the_same_whatever_embeds_them(clips: list[Clip], tmp_path: Path) -> None:
    pair = pair_of(parse_representation("tinyrep"), load_task("tinytask"), clips)
    store = Store(tmp_path)
    specs = store.shards_for(pair.fingerprint, pair.task, clips, False)
    paths = []
    for device in ("cpu", "cuda"):
        maker = ShardMaker(pair, EmbeddingSettings(store=store, device=device), None, specs)
        paths.append([part.path for spec in specs for part in spec.parts(maker._part_clips)])
    assert paths[0] == paths[1]
    assert len(paths[0]) > len(specs)
