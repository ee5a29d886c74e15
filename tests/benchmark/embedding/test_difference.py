"""How far embeddings are apart."""

from __future__ import annotations

import numpy as np

from mirbench.benchmark.embedding.difference import Difference, difference


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
