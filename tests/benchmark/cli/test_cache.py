"""``mirbench cache``: what is there, what is damaged, and what is removed and what is not."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import pytest
from helpers.pairs import embed_clips_of, pair_of

from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.embedding.store import Store, task_fingerprint
from mirbench.benchmark.embedding.verdicts import verdict_file, write_vector
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.contents import CachedFile
from mirbench.benchmark.files.sealed import content_digest, seal
from mirbench.benchmark.registry import load_task, parse_representation

if TYPE_CHECKING:
    from conftest import TinyPackage

Main = Callable[..., tuple[int, str, str]]
LONG_AGO = (1e9, 1e9)


@pytest.fixture
def cache(tiny: TinyPackage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Make a cache with something of every kind."""
    root = tmp_path / "cache"
    spec, task = parse_representation("tinyrep"), load_task("tinytask")
    clips = read_clips(task, tiny.data / "tinytask")[:70]
    embed_clips_of(spec, task, clips, root, jobs=1)
    verdict = verdict_file(Store(root), spec.fingerprint(), "cpu")
    write_vector(verdict, np.ones(16, np.float32), {"numpy": "2"})
    counts = {"counts": {"a": 1}, "digest": content_digest({"a": 1}, {})}
    write_atomic(root / "windows/ab.json", json.dumps(counts).encode())
    write_atomic(root / "grids/row/key/000.safetensors", seal({"x": 1}, {}, "record", "key"))
    write_atomic(root / "grids/row/key/learning/000.safetensors", seal({}, {}, "state", "key"))
    write_atomic(root / "weights/mine/set.safetensors", b"weights")
    write_atomic(root / "data/rendered/audio/a.flac", b"audio")
    capsys.readouterr()
    return root


def shards(cache: Path) -> list[Path]:
    return sorted(cache.glob("embeddings/*/*/*.safetensors"))


def files(cache: Path) -> set[str]:
    return {str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file()}


def test_info_counts_what_is_there(main: Main, cache: Path) -> None:
    status, out, err = main("-q", "cache", "info", "--cache", cache, "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["folder"] == str(cache)
    assert found["files"] == len(files(cache))
    assert found["bytes"] == sum((cache / name).stat().st_size for name in files(cache))
    kinds = {kind["kind"]: kind["files"] for kind in found["kinds"]}
    assert kinds["shard"] == 2
    assert (kinds["grid"], kinds["windows"], kinds["weights"], kinds["data"]) == (2, 1, 1, 1)
    assert "foreign" not in kinds
    (holding,) = found["embeddings"]
    assert (holding["representation"], holding["task"]) == ("tinyrep", "tinytask")
    assert (holding["files"], holding["older_audio"]) == (2, False)
    assert holding["bytes"] == sum(path.stat().st_size for path in shards(cache))


def test_info_for_people(main: Main, cache: Path) -> None:
    status, out, _ = main("cache", "info", "--cache", cache)
    assert status == 0
    assert out.startswith(f"{cache}: {len(files(cache))} files, ")
    assert "tinyrep" in out


def test_info_where_nothing_is(main: Main, tmp_path: Path) -> None:
    assert main("cache", "info", "--cache", tmp_path / "none")[:2] == (
        0,
        f"{tmp_path / 'none'}: 0 files, 0 B\n",
    )


def test_verify_of_a_whole_one(main: Main, cache: Path) -> None:
    assert main("-q", "cache", "verify", "--cache", cache) == (0, f"{cache}: whole\n", "")


@pytest.mark.parametrize(
    "kind",
    [
        "embeddings/*/*/00000-*.safetensors",
        "embeddings/*/model.json",
        "embeddings/*/look-cpu.json",
        "embeddings/*/look-cpu.vector",
        "windows/ab.json",
        "grids/row/key/000.safetensors",
        "grids/row/key/learning/000.safetensors",
    ],
)
@pytest.mark.parametrize("how", ["cut", "flipped", "empty"])
def test_verify_names_what_is_damaged_and_deletes_nothing(
    main: Main, cache: Path, kind: str, how: str
) -> None:
    (path,) = cache.glob(kind)
    content = bytearray(path.read_bytes())
    content[-3] ^= 0x80
    path.write_bytes({"cut": content[:-5], "flipped": bytes(content), "empty": b""}[how])
    before = files(cache)
    status, out, err = main("cache", "verify", "--cache", cache)
    assert status == 1
    assert out.startswith(f"damaged: {path} (")
    assert out.count("\n") == 1
    assert "1 file of" in err
    assert files(cache) == before
    assert main("cache", "prune", "--cache", cache)[0] == 0
    assert files(cache) == before - {str(path.relative_to(cache))}


def test_verify_names_a_shard_in_the_place_of_another(main: Main, cache: Path) -> None:
    one, other = shards(cache)
    one.write_bytes(other.read_bytes())
    assert main("cache", "verify", "--cache", cache)[1].startswith(f"damaged: {one} (")


def test_foreign_files_are_named_and_left(main: Main, cache: Path) -> None:
    places = [cache / "notes.txt", shards(cache)[0].with_name("mine.npz")]
    for place in places:
        place.write_text("of somebody's")
    (cache / "link").symlink_to(cache / "notes.txt")
    status, out, _ = main("cache", "verify", "--cache", cache)
    assert status == 1
    assert {line.partition(" (")[0] for line in out.splitlines()} == {
        f"foreign: {place}" for place in (*places, cache / "link")
    }
    assert "nothing to remove" in main("cache", "prune", "--cache", cache)[1]
    assert all(place.exists() for place in places)


def test_prune_removes_what_killed_runs_left_and_no_more(main: Main, cache: Path) -> None:
    folder = shards(cache)[0].parent
    content = shards(cache)[0].read_bytes()
    old = [
        folder / ".00007-ab.safetensors.x.tmp",
        folder / "00007-ab.safetensors.claim",
        cache / "weights/mine/.set.x.tmp",
        cache / "data/rendered/.rendering-x/piece.flac",
    ]
    new = [folder / ".00008-ab.safetensors.x.tmp", folder / "00008-ab.safetensors.claim"]
    for path in (*old, *new):
        write_atomic(path, content)
    for path in old:
        os.utime(path, LONG_AGO)
    before = files(cache)
    dry = main("cache", "prune", "--cache", cache, "--dry-run")
    assert files(cache) == before
    assert all(f"{path} (left by a run that was killed)" in dry[1] for path in old)
    assert main("cache", "prune", "--cache", cache)[0] == 0
    assert before - files(cache) == {str(path.relative_to(cache)) for path in old}
    assert not (cache / "data/rendered/.rendering-x").exists()


def test_prune_of_a_representation(main: Main, cache: Path) -> None:
    before = files(cache)
    status, _, err = main("cache", "prune", "--cache", cache, "--rep", "mfcc")
    assert (status, "no embeddings of 'mfcc'" in err) == (2, True)
    assert main("cache", "prune", "--cache", cache, "--rep", "tinyrep")[0] == 0
    assert {name.split("/")[0] for name in before - files(cache)} == {"embeddings"}
    assert shards(cache) == []


def test_prune_by_age(main: Main, cache: Path) -> None:
    one, other = shards(cache)
    os.utime(one, LONG_AGO)
    os.utime(cache / "weights/mine/set.safetensors", LONG_AGO)
    assert main("cache", "prune", "--cache", cache, "--older-than", 30)[0] == 0
    assert shards(cache) == [other]
    assert (cache / "weights/mine/set.safetensors").exists()


def test_weights_and_made_data_go_only_when_asked_for(main: Main, cache: Path) -> None:
    main("cache", "prune", "--cache", cache, "--weights")
    assert not (cache / "weights").exists()
    assert (cache / "data").exists()
    main("cache", "prune", "--cache", cache, "--made-data")
    assert not (cache / "data").exists()


def test_older_audio_goes_when_it_was_carried_over(
    main: Main, tiny: TinyPackage, cache: Path
) -> None:
    task = load_task("tinytask")
    clips = read_clips(task, tiny.data / "tinytask")[:70]
    fingerprint = pair_of(parse_representation("tinyrep"), task, clips).fingerprint
    here = Store(cache).folder(fingerprint, task)
    older = here.with_name(task_fingerprint(task, audio_version=1))
    older.mkdir()
    carried, alone = older / shards(cache)[0].name, older / "00009-ab.safetensors"
    for path in (carried, alone):
        path.write_bytes(shards(cache)[0].read_bytes())
    alone.write_bytes(seal_as(alone.name))
    found = json.loads(main("cache", "info", "--cache", cache, "--json")[1])["embeddings"]
    assert sorted((one["task"], one["older_audio"]) for one in found) == [
        ("tinytask", False),
        ("tinytask", True),
    ]
    main("cache", "prune", "--cache", cache)
    assert (carried.exists(), alone.exists(), len(list(here.glob("*.safetensors")))) == (
        False,
        True,
        2,
    )
    main("cache", "prune", "--cache", cache, "--older-audio")
    assert not older.exists()
    assert len(list(here.glob("*.safetensors"))) == 2


def seal_as(name: str) -> bytes:
    """Make a shard of no clips."""
    import numpy as np

    facts = {"clip_ids": [], "missing": {}, "seconds": 0, "peak_bytes": 0, "layers": []}
    arrays = {"embedding": np.zeros((0, 0), np.float32), "clip": np.zeros(0, np.int64)}
    return seal({**facts, "made_with": {}, "notes": {}}, arrays, "mirbench", name)


@pytest.mark.parametrize(
    ("kind", "days", "left"),
    [("temporary", 2, True), ("part", 2, False), ("part", 31, True), ("shard", 400, False)],
)
def test_parts_wait_a_month_for_the_others_of_a_job_array(
    kind: str, days: float, left: bool
) -> None:
    changed = time.time() - days * 86400
    file = CachedFile(Path("x"), PurePosixPath("x"), kind, 1, changed)
    assert file.left_over == left
