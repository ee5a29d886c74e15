"""Ids of windows, and the keys in the order that mir_eval's score is tabled in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbench.benchmark.api import KEYS, clip_and_window, window_id


@given(st.text(), st.integers(0, 10**18 - 1))
def test_a_window_id_tells_clip_and_window(clip_id: str, window: int) -> None:
    assert clip_and_window(window_id(clip_id, window)) == (clip_id, window)


def test_ids_are_written_as_the_stored_ones_are() -> None:
    assert window_id("5061", 3) == "5061-3"
    assert window_id("a-1", None) == "a-1"


@pytest.mark.parametrize("row_id", ["", "a", "blues.00029", "a-", "a-b", "a-1.5", "a-²"])
def test_other_ids_are_of_whole_clips(row_id: str) -> None:
    assert clip_and_window(row_id) == (row_id, None)


def test_numbers_that_python_refuses_are_no_error() -> None:
    assert clip_and_window("a-" + "9" * 5000) == ("a", 10**19)
    assert clip_and_window("a-" + "0" * 5000 + "1") == ("a", 10**19)


def test_keys() -> None:
    assert KEYS[0] == "C major"
    assert KEYS[13] == "Db minor"
    assert len(set(KEYS)) == 24
