"""Which data a page shows: a digest of its rows, and the day of the newest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mirbench.benchmark.files.checksums import digest, file_sha256
from mirbench.benchmark.progress import count
from mirbench.benchmark.result import Row


@dataclass(frozen=True)
class DataVersion:
    """The rows of a board in short.

    Attributes
    ----------
    digest : str
        Of all rows, byte for byte: equal rows, equal digest.
    newest : str or None
        Day on which the newest row was made, as the rows say, ``2026-11-27``; None if none says.
    undated : int
        Rows that do not say when they were made.
    """

    rows: int
    digest: str
    newest: str | None
    undated: int

    @property
    def words(self) -> str:
        """All of it in a sentence."""
        if not self.rows:
            return "no rows"
        if self.newest is None:
            dated = ", without dates"
        else:
            dated = f"; the newest was made on {self.newest}"
            if self.undated:
                dated += f" ({self.undated:,} without a date)"
        return f"{count(self.rows, 'row')}{dated}; version {self.digest}"


def data_version(rows: Sequence[Row]) -> DataVersion:
    """Describe rows; nothing but them decides what comes out."""
    dates = [row.result.environment.date for row in rows]
    known = [date for date in dates if date is not None]
    return DataVersion(
        rows=len(rows),
        digest=digest([[str(row.result.place), file_sha256(row.path)] for row in rows])[:12],
        newest=max(known).isoformat() if known else None,
        undated=len(dates) - len(known),
    )
