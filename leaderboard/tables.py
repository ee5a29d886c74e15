"""What the board is made of: tables of cells with intervals and rank groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.progress import count
from mirbench.benchmark.result import Result, Row
from mirbench.leaderboard.baselines import BaselineLine, ScoreCell
from mirbench.leaderboard.differences import Difference
from mirbench.leaderboard.facts import TaskTest
from mirbench.leaderboard.names import BOARDS, metric_name, task_name
from mirbench.leaderboard.pairs import Ends
from mirbench.leaderboard.samples import Measure

AVERAGE = "average"


@dataclass(frozen=True)
class Cell(ScoreCell):
    """A score with its 95 % interval, times 100, and its rank group.

    Attributes
    ----------
    group : int
        From 1; 0 if it is not ranked.
    rows : tuple of Row
        What it follows from: one row, or those of the average.
    overlap : bool
        Whether pre-training data overlaps the task.
    at_chance : bool
        Whether the interval does not lie above what the best constant answer scores.
    unranked : str or None
        Why it is not ranked.
    difference : Difference or None
        A published figure that it disagrees with, and what is known of why.
    alone : bool
        Whether nobody else is ranked in its column: being first of one is no rank.
    """

    group: int
    rows: tuple[Row, ...]
    overlap: bool
    at_chance: bool = False
    unranked: str | None = None
    difference: Difference | None = None
    alone: bool = False

    @property
    def rank(self) -> str:
        """Rank group as it is shown; empty of who is ranked alone, a dash of who is not ranked."""
        return "" if self.alone else str(self.group or "–")

    @property
    def best(self) -> bool:
        """Whether it is in rank group 1 of several, and above chance."""
        return self.group == 1 and not self.at_chance and not self.alone

    @property
    def layer(self) -> str | None:
        """Layer that validation chose; None if it is the only output, or of an average."""
        return self.rows[0].result.probe.layer if len(self.rows) == 1 else None

    @property
    def remarks(self) -> list[str]:
        """What must be seen beside the score, in few words."""
        missing = sum(len(row.result.task.missing) for row in self.rows)
        return [
            *(["≈ chance"] if self.at_chance else []),
            *([f"unranked: {self.unranked}"] if self.unranked else []),
            *([f"{count(missing, 'clip')} missing"] if missing and not self.unranked else []),
            *([f"layer {self.layer}"] if self.layer is not None else []),
            *([f"published: {self.difference.published:z.1f}"] if self.difference else []),
        ]


@dataclass(frozen=True)
class Column:
    """A column of scores.

    Attributes
    ----------
    task, metric : str
        Task "average" for the paper's average.
    main : bool
        Whether it is shown from the start.
    change : bool
        Whether it is the change of that score by a deformation of the test clips.
    names : tuple of str
        Representations with a ranked cell, the best first.
    wins : ndarray of bool
        Who of them is better than whom, as `statistics.better` gives it.
    ends : ndarray of int32
        Intervals of their differences, as `pairs.paired_ends` gives them; only of main columns.
    chance : float or None
        What the best constant answer scores, times 100; None: not known.
    """

    task: str
    metric: str
    main: bool
    change: bool = False
    names: tuple[str, ...] = ()
    wins: npt.NDArray[np.bool_] = field(
        default_factory=lambda: np.zeros((0, 0), bool), repr=False, compare=False
    )
    ends: Ends = field(
        default_factory=lambda: np.zeros((0, 2), np.int32), repr=False, compare=False
    )
    chance: float | None = None

    @property
    def measure(self) -> Measure:
        """What rows have a number for."""
        return Measure(self.metric, self.change)

    @property
    def key(self) -> str:
        """Such as ``gtzan.accuracy``; of a change ``gtzan.accuracy change``."""
        name = self.task if self.task == self.metric else f"{self.task}.{self.metric}"
        return f"{name} change" if self.change else name

    @property
    def title(self) -> tuple[str, str]:
        """Task and score for people."""
        if self.task == AVERAGE:
            return "Average", "of four tasks"
        metric = metric_name(self.metric)
        return task_name(self.task), f"{metric}, change" if self.change else metric

    @property
    def words(self) -> str:
        """Title in one line."""
        return " ".join(self.title)


@dataclass(frozen=True)
class Line:
    """One representation in a table.

    Attributes
    ----------
    cells : dict
        Key of a column to its cell, where there is one.
    covered : int
        How many of the table's tasks it was run on.
    ranked : int
        On how many of these it is ranked.
    status : str
        Who vouches for its rows.
    """

    name: str
    results: tuple[Result, ...]
    cells: Mapping[str, Cell]
    covered: int
    ranked: int
    status: str

    @property
    def dims(self) -> int:
        """Length of an embedding; the largest, should tasks differ."""
        return max(result.representation.dims for result in self.results)


@dataclass(frozen=True)
class Table:
    """One group of tasks, with one split and protocol.

    Attributes
    ----------
    tests : dict
        Task to what its rows were tested on.
    baselines : tuple of BaselineLine
        Built-in baselines that are not measured here; not ranked.
    """

    board: str
    split: str
    protocol: str
    main_board: bool
    tasks: tuple[str, ...]
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    tests: Mapping[str, TaskTest] = field(default_factory=dict)
    baselines: tuple[BaselineLine, ...] = ()

    @property
    def heading(self) -> str:
        """Name of the group of tasks."""
        return BOARDS.get(self.board, self.board)

    def scored(self, column: Column) -> bool:
        """Whether anybody has a score in a column, ranked or not."""
        return any(column.key in line.cells for line in self.lines)

    @property
    def has_chance(self) -> bool:
        """Whether the chance level of any column is known."""
        return any(column.chance is not None for column in self.columns)

    @property
    def differences(self) -> list[tuple[Line, Column, Difference]]:
        """Scores that disagree with published ones, where what is known of it is to be said."""
        return [
            (line, column, cell.difference)
            for line in self.lines
            for column in self.columns
            if (cell := line.cells.get(column.key)) is not None and cell.difference is not None
        ]


def baseline_cell(line: BaselineLine, column: Column) -> ScoreCell | None:
    """Find the score of a baseline in a column."""
    return None if column.change else line.cells.get((column.task, column.metric))
