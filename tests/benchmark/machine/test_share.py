"""Shares of the work: ``--part i/N``."""

from __future__ import annotations

import pytest

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.machine.share import Part, Share, share_of


@pytest.mark.parametrize("part", ["2/4", (2, 4), " 2/4 "])
def test_a_part_is_a_text_or_two_numbers(part: Part) -> None:
    assert share_of(part) == Share(2, 4)
    assert share_of(None) is None


@pytest.mark.parametrize(
    "part", ["", "0/4", "5/4", "1/0", "4", "1:4", "-1/4", "1/4/2", "a/b", "1.0/4", "²/4", (0, 4)]
)
def test_another_is_refused_in_one_sentence(part: Part) -> None:
    with pytest.raises(UsageError, match=r"^--part '.*' is none: it is i/N, [^\n]*$"):
        share_of(part)


@pytest.mark.parametrize("of", [1, 3, 4, 7])
def test_every_piece_is_in_one_share(of: int) -> None:
    shares = [Share(number, of) for number in range(1, of + 1)]
    pieces = sorted(place for share in shares for place in share.places(30, first=2))
    assert pieces == list(range(30))
    sizes = [len(share.places(30)) for share in shares]
    assert max(sizes) - min(sizes) <= 1
