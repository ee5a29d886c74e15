"""Layers that stay on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mirbench.benchmark.api import DataError
from mirbench.benchmark.embedding.embeddings import Embeddings, join_shards
from mirbench.benchmark.embedding.layers import StoredLayers, leave_on_disk
from mirbench.benchmark.embedding.store import Shard, write_shard


@pytest.fixture
def shards(tmp_path: Path) -> tuple[list[Path], list[Shard]]:
    """Shards of 5, 0 and 70 rows with 3 layers, on disk."""
    rng = np.random.default_rng(0)
    paths, shards = [], []
    for number, rows in enumerate((5, 0, 70)):
        ids = tuple(f"{number}-{n:03d}" for n in range(max(rows, 1)))
        shard = Shard(
            clip_ids=ids,
            embedding=rng.standard_normal((rows, 3, 4) if rows else (0, 0), dtype=np.float32),
            clip=np.arange(rows),
            missing={} if rows else {ids[0]: "gone"},
            seconds=0,
            peak_bytes=0,
            layers=("a", "b", "c") if rows else (),
        )
        paths.append(tmp_path / f"{number}.safetensors")
        write_shard(paths[-1], shard)
        shards.append(shard)
    return paths, shards


def on_disk(paths: list[Path], shards: list[Shard]) -> Embeddings:
    return join_shards(
        [
            replace(shard, embedding=leave_on_disk(path, shard.embedding))
            for path, shard in zip(paths, shards, strict=True)
        ]
    )


def test_they_are_read_as_if_they_were_in_memory(shards: tuple[list[Path], list[Shard]]) -> None:
    stored, whole = on_disk(*shards), join_shards(shards[1])
    assert isinstance(stored.embedding, StoredLayers)
    assert isinstance(whole.embedding, np.ndarray)
    assert stored.embedding.shape == whole.embedding.shape == (75, 3, 4)
    assert len(stored.embedding) == 75
    assert (stored.n_layers, stored.layers) == (3, ("a", "b", "c"))
    assert stored.sha256 == whole.sha256
    for layer in range(3):
        np.testing.assert_array_equal(stored.matrix(layer), whole.matrix(layer))
    np.testing.assert_array_equal(np.asarray(stored.embedding), whole.embedding)


def test_some_rows_in_another_order(shards: tuple[list[Path], list[Shard]]) -> None:
    stored, whole = on_disk(*shards).embedding, join_shards(shards[1]).embedding
    assert isinstance(stored, StoredLayers)
    places = [74, 0, 5, 4, 0]
    taken = stored.take(places).take([1, 0, 2])
    np.testing.assert_array_equal(taken.layer(1), np.asarray(whole)[[0, 74, 5], 1])
    np.testing.assert_array_equal(np.asarray(taken), np.asarray(whole)[[0, 74, 5]])
    assert np.asarray(stored.take([])).shape == (0, 3, 4)


def test_rows_without_layers_stay_in_memory(tmp_path: Path) -> None:
    rows = np.ones((2, 4), dtype=np.float32)
    assert leave_on_disk(tmp_path / "absent", rows) is rows


def test_a_shard_that_is_gone_or_another_is_named(shards: tuple[list[Path], list[Shard]]) -> None:
    stored = on_disk(*shards)
    paths, originals = shards
    write_shard(paths[2], replace(originals[2], embedding=np.zeros((70, 2, 4), np.float32)))
    with pytest.raises(DataError, match=r"2\.safetensors again \(it was replaced by another\)"):
        stored.matrix(0)
    paths[2].unlink()
    with pytest.raises(DataError, match=r"cannot read .*2\.safetensors again .*once more"):
        stored.matrix(0)
