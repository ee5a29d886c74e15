"""CHROMA and MFCC as mirbench measured them, to stand beside rows of the same test.

A first row alone says little. ``known/baselines.json`` holds scores of the built-in baselines
under the complete protocol and under ``quick``; they are shown where task, version, split and
protocol are the same to the last byte, and never ranked, since their outputs are not there to be
compared.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mirbench.benchmark.result import Result
from mirbench.leaderboard.facts import read_known


@dataclass(frozen=True)
class ScoreCell:
    """A score with its 95 % interval, times 100."""

    value: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """Value and interval, one decimal."""
        return f"{self.value:z.1f} [{self.low:z.1f}, {self.high:z.1f}]"


@dataclass(frozen=True)
class BaselineLine:
    """One baseline in a table.

    Attributes
    ----------
    cells : dict
        (task, metric) to a cell, where there is one.
    """

    name: str
    dims: int
    cells: Mapping[tuple[str, str], ScoreCell]


#: Task, version, split, digest of the split, protocol, digest of the protocol.
_Test = tuple[str, int, str, str, str, str]


def baseline_lines(results: Sequence[Result]) -> tuple[BaselineLine, ...]:
    """Find the baselines of the tests that rows of one table took, but for those measured there.

    Parameters
    ----------
    results : sequence of Result
        The rows of the table.
    """
    tests = {_test_of(result) for result in results if _is_plain(result)}
    measured = {(result.representation.name, result.task.name) for result in results}
    lines = []
    for name, by_test in _baselines().items():
        found = {
            (test[0], metric): cell
            for test, (_, cells) in by_test.items()
            if test in tests and (name, test[0]) not in measured
            for metric, cell in cells.items()
        }
        if found:
            dims = max(dims for dims, _ in by_test.values())
            lines.append(BaselineLine(name, dims, found))
    return tuple(lines)


def _is_plain(result: Result) -> bool:
    return result.task.origin == "built-in" and result.deformation is None


def _test_of(result: Result) -> _Test:
    task, protocol = result.task, result.protocol
    return (
        task.name,
        task.version,
        task.split,
        task.split_sha256,
        protocol.name,
        protocol.hash,
    )


@functools.cache
def _baselines() -> dict[str, dict[_Test, tuple[int, dict[str, ScoreCell]]]]:
    """Dimensions and scores by representation and test."""
    found: dict[str, dict[_Test, tuple[int, dict[str, ScoreCell]]]] = {}
    for row in read_known("baselines"):
        test = (
            row["task"],
            row["version"],
            row["split"],
            row["split_sha256"],
            row["protocol"],
            row["protocol_hash"],
        )
        cells = {
            metric: ScoreCell(*(100 * end for end in ends))
            for metric, ends in row["scores"].items()
        }
        found.setdefault(row["representation"], {})[test] = (row["dims"], cells)
    return found
