"""Sketches of embeddings: near where embeddings are near, the same on every machine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mirbench.benchmark.api import DataError
from mirbench.benchmark.registry import load_split, load_task
from mirbench.benchmark.result import (
    committed_clips,
    read_sketch,
    sketch,
    sketch_distances,
    sketch_text,
)
from mirbench.benchmark.result.commitment import TOLERANCE

RANDOM = np.random.default_rng(11)


def test_a_sketch_is_known_for_ever() -> None:
    """Rows on the board hold sketches: another one would make them all wrong."""
    embedding = np.linspace(-1, 2, 40, dtype=np.float32).reshape(2, 20)
    assert sketch_text(sketch(embedding)) == GOLDEN


GOLDEN = (
    "-1.346 0.5385 0.5769 1.269 0.03846 -1.231 -0.9615 -0.5 "
    "-0.03846 -0.2692 -0.5385 -0.6154 0.3462 -1.077 0.2692 -0.1923"
)


def test_the_clips_are_known_for_ever() -> None:
    table = load_split(load_task("gtzan"), "paper")
    chosen = committed_clips(table.sha256, table.of)
    assert chosen == CHOSEN
    assert committed_clips(table.sha256, reversed(table.of)) == chosen
    without = committed_clips(table.sha256, set(table.of) - {chosen[0]})
    assert set(chosen[1:]) < set(without)
    assert len(without) == 10


CHOSEN = [
    "blues.00082",
    "disco.00019",
    "disco.00096",
    "jazz.00012",
    "metal.00012",
    "pop.00064",
    "reggae.00059",
    "rock.00049",
    "rock.00065",
    "rock.00096",
]


@pytest.mark.parametrize("dims", [1, 16, 512, 4800])
def test_rounding_is_within_the_tolerance(dims: int) -> None:
    for _ in range(20):
        embedding = RANDOM.standard_normal((1, dims)).astype(np.float32)
        noise = 0.003 * RANDOM.standard_normal(embedding.shape).astype(np.float32)
        stated = {"a": sketch_text(sketch(embedding))}
        (near,) = sketch_distances(stated, {"a": sketch(embedding * (1 + noise))}).values()
        assert near <= TOLERANCE


def test_another_embedding_is_not() -> None:
    for _ in range(20):
        embedding, other = RANDOM.standard_normal((2, 1, 64)).astype(np.float32)
        stated = {"a": sketch_text(sketch(embedding))}
        (far,) = sketch_distances(stated, {"a": sketch(other)}).values()
        assert far > 10 * TOLERANCE


def test_the_length_is_about_that_of_the_embedding() -> None:
    embeddings = RANDOM.standard_normal((200, 1, 300)).astype(np.float32)
    ratios = [np.linalg.norm(sketch(each)) / np.linalg.norm(each) for each in embeddings]
    assert np.mean(ratios) == pytest.approx(1, abs=0.1)


def test_windows_are_averaged_and_layers_stand_in_a_row() -> None:
    windows = RANDOM.standard_normal((4, 3, 5)).astype(np.float32)
    flat = windows.mean(axis=0, dtype=np.float64).reshape(1, 15)
    np.testing.assert_allclose(sketch(windows), sketch(flat), rtol=1e-6)
    assert not np.allclose(sketch(windows), sketch(windows[:, ::-1]))


@given(arrays.arrays(np.float64, 16, elements=st.floats(-1e30, 1e30)))
def test_what_is_written_can_be_read(numbers: np.ndarray) -> None:
    np.testing.assert_allclose(read_sketch(sketch_text(numbers)), numbers, rtol=6e-4)


@pytest.mark.parametrize("text", ["", "1 2", " ".join(["nan"] * 16), " ".join(["1_0"] * 16)])
def test_what_is_no_sketch_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="is no sketch of an embedding: 16 numbers"):
        read_sketch(text)


def test_silence_is_no_distance() -> None:
    zero = np.zeros((1, 8), np.float32)
    assert sketch_distances({"a": sketch_text(sketch(zero))}, {"a": sketch(zero)}) == {"a": 0.0}
