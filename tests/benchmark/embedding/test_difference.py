"""How far embeddings are apart."""

from __future__ import annotations

import numpy as np

from mirbench.benchmark.embedding.difference import Difference, alike, difference


def test_difference_is_by_the_size_of_the_numbers() -> None:
    rows = {"a": np.array([100, 2, 0], np.float32), "b": np.array([50, -1, 0], np.float32)}
    assert difference(rows, rows) == Difference(0.0, "")
    others = rows | {"b": np.array([50, -2, 0], np.float32)}
    assert difference(rows, others) == Difference(0.1, "b")  # by a tenth of the largest number
    others = rows | {"b": np.array([75, -1, 0], np.float32)}
    assert difference(rows, others) == Difference(0.25, "b")
    assert difference(rows, {"a": rows["a"]}) == Difference(np.inf, "b")
    assert difference({}, {}) == Difference()
    zero = {"a": np.zeros(3, np.float32)}
    assert difference(zero, zero) == Difference()
    layers = {"a": np.array([[100.0, 100.0], [1.0, 1.0]], np.float32)}
    apart = {"a": np.array([[100.0, 100.0], [1.0, 0.5]], np.float32)}
    assert difference(layers, apart) == Difference(0.5, "a")


def test_small_numbers_count_beside_large_ones() -> None:
    levels = np.array([0.1, 0.02, 520_000], np.float32)
    louder = np.array([0.2, 0.02, 520_000], np.float32)
    rounded = np.array([0.1 + 1e-5, 0.02, 520_000], np.float32)
    assert difference({"": levels}, {"": louder}).share < 3e-6
    assert not alike(levels, louder, 3e-6)
    assert alike(levels, rounded, 3e-6)
    many = np.linspace(0, 1, 1000, dtype=np.float32)
    assert alike(many, many + np.float32(1e-7), 3e-6)  # the smallest by more than a hundredth
