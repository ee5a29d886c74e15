"""The results of a run, as Python gets them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mirbench.benchmark.result.records import Result
from mirbench.benchmark.result.rows import Row
from mirbench.benchmark.result.shown import frame_of, in_a_line, table_of

if TYPE_CHECKING:
    import pandas as pd


class Results(list[Result]):
    """A list of results that shows itself as a table.

    Parameters
    ----------
    rows : iterable of Row
        Those that the results are of.

    Attributes
    ----------
    rows : tuple of Row
        The same with their files, predictions, and whether they were there before.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.rows = tuple(rows)
        super().__init__(row.result for row in self.rows)

    def to_frame(self) -> pd.DataFrame:
        """Return a tidy pandas frame: one line per score, in the order of the results.

        Its columns are those of `mirbench.leaderboard.load_results`, but for ``overlap``.
        """
        return frame_of([line for result in self for line in result.tidy()])

    def __repr__(self) -> str:
        lines = "".join(f"\n  {in_a_line(result.tidy())}" for result in self)
        return f"Results of {len(self):,}:{lines}" if self else "Results of 0"

    def _repr_html_(self) -> str:
        return table_of([line for result in self for line in result.tidy()])
