"""Intervals of differences repeat the verdict of the comparison that they belong to."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbench.leaderboard.pairs import DIGITS, NONE, UNIT, pack_ends, pack_wins, paired_ends
from mirbench.leaderboard.statistics import better


def sampled(n: int, seed: int, spread: float = 0.02) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return list(rng.normal(np.linspace(0.7, 0.6, n)[:, None], spread, (n, 2000)))


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-7, 1e-5, 0.02, 3.0]))
def test_the_ends_say_who_is_better(seed: int, spread: float) -> None:
    samples = sampled(6, seed, spread)
    samples[2][: seed % 120] = np.nan
    samples[4] = samples[3].copy()
    wins = better(samples)
    ends = paired_ends(samples, wins)
    for (low, high), first, second in zip(ends, *np.triu_indices(6, 1), strict=True):
        if low == NONE:
            assert high == NONE
            assert not wins[first, second]
            assert not wins[second, first]
            continue
        assert (low > 0) == wins[first, second]
        assert (high < 0) == wins[second, first]
        assert low <= high


def test_the_ends_are_those_of_the_paired_differences() -> None:
    samples = sampled(5, 3)
    ends = paired_ends(samples, better(samples))
    for found, first, second in zip(ends, *np.triu_indices(5, 1), strict=True):
        ordered = np.sort(samples[first] - samples[second])
        np.testing.assert_allclose(found / UNIT, [ordered[49], ordered[-50]], atol=0.6 / UNIT)
        # which are the percentiles, to within the next resample
        assert ordered[48] <= np.percentile(ordered, 2.5) <= ordered[51]


def test_who_lacks_most_resamples_has_no_interval() -> None:
    samples = sampled(3, 5)
    samples[1][:50] = np.nan
    ends = paired_ends(samples, better(samples))
    assert ends[[0, 2]].tolist() == [[NONE, NONE]] * 2
    assert NONE not in ends[1]


@pytest.mark.parametrize(("largest", "size"), [(32_767, 2), (32_768, 4), (-32_769, 4)])
def test_packed_ends_are_whole(largest: int, size: int) -> None:
    ends = np.array([[NONE, NONE], [-3, largest]], dtype=np.int32)
    found, text = pack_ends(ends)
    assert found == size
    back = np.frombuffer(base64.b64decode(text), f"<i{size}").reshape(-1, 2)
    assert (back == ends).all()


def test_one_representation_has_no_pairs() -> None:
    one = sampled(1, 0)
    assert paired_ends(one, better(one)).shape == (0, 2)
    assert pack_ends(paired_ends([], better([]))) == (2, "")


@given(st.integers(0, 2**32 - 1), st.integers(1, 150), st.sampled_from([0.0, 0.3, 1.0]))
def test_packed_wins_are_whole(seed: int, n: int, share: float) -> None:
    wins = np.triu(np.random.default_rng(seed).random((n, n)) < share, 1)
    digits = iter(map(DIGITS.index, pack_wins(wins)))
    back = np.zeros_like(wins)
    for first in range(n - 1):
        second, better = first + 1, False
        while second < n:
            run = digit = next(digits)
            while digit == 63:
                digit = next(digits)
                run += digit
            back[first, second : second + run] = better
            second, better = second + run, not better
    assert (back == wins).all()
    assert next(digits, None) is None
