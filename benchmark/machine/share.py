"""One of N equal shares of the work, for job arrays: ``--part i/N``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mirbench.benchmark.api import UsageError

#: As the Python API takes it: ``"2/4"`` or (2, 4).
Part = str | tuple[int, int]


@dataclass(frozen=True, slots=True)
class Share:
    """Every N-th piece of the work, from the i-th on.

    Which pieces that are depends on nothing but their numbers, not on what is there already:
    so the members of a job array need not know of each other, and none is left without owner.

    Attributes
    ----------
    number : int
        Which share, from 1.
    of : int
        How many there are.
    """

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def has(self, place: int) -> bool:
        """Whether a piece belongs to it, by its number from 0."""
        return place % self.of == self.number - 1

    def places(self, count: int, first: int = 0) -> list[int]:
        """List which of `count` pieces belong to it, the first of which has the number `first`."""
        return [place for place in range(count) if self.has(first + place)]


def share_of(part: Part | None) -> Share | None:
    """Read what was asked for with ``--part``.

    Raises
    ------
    UsageError
        If it is not i/N, with i from 1 to N.

    Examples
    --------
    >>> share_of("2/4").places(10)
    [1, 5, 9]
    """
    if part is None:
        return None
    if isinstance(part, str):
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", part.strip())
        share = Share(int(found[1]), int(found[2])) if found else None
    else:
        share = Share(*part)
    if share is None or not 1 <= share.number <= share.of:
        shown = part if isinstance(part, str) else "/".join(map(str, part))
        raise UsageError(
            f"--part {shown!r} is none: it is i/N, the i-th of N parts, as 1/4, 2/4, 3/4 and 4/4"
        )
    return share
