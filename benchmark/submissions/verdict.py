"""What was found out about one row: what is wrong, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mirbench.benchmark.progress import count
from mirbench.benchmark.result import Predictions, Result

#: Problems of one row that are shown.
SHOWN = 25


@dataclass(eq=False)
class Verdict:
    """One row, or a file that belongs to none.

    Attributes
    ----------
    path : Path
        The row's JSON file, or the file that belongs to no row.
    errors : list of str
        Why it is rejected; each says how to mend it.
    notes : list of str
        What a reviewer should know, but is no mistake.
    result, predictions : Result and Predictions, or None
        The content, as far as it could be read.
    compared : bool
        Whether the targets were compared with the dataset's own annotation.
    likeness : str
        What the outputs are like: how much they correlate with the truth and with other rows'.
    """

    path: Path
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    result: Result | None = None
    predictions: Predictions | None = None
    compared: bool = False
    likeness: str = ""

    @property
    def accepted(self) -> bool:
        """Whether nothing is wrong."""
        return not self.errors


def printable(text: str) -> str:
    """Escape what a terminal or the log of a CI service might act upon."""
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return safe.replace("##[", "## [")


def verdict_lines(verdicts: Iterable[Verdict]) -> list[str]:
    """Write verdicts for people: one line per row, its problems below it, a summary at the end."""
    lines, rows, accepted, compared = [], 0, 0, 0
    for verdict in verdicts:
        rows += 1
        accepted += verdict.accepted
        compared += verdict.compared
        word = "accepted" if verdict.accepted else "REJECTED"
        lines.append(f"{word}  {verdict.path}")
        lines += [f"  error: {text}" for text in verdict.errors[:SHOWN]]
        if len(verdict.errors) > SHOWN:
            lines.append(f"  … and {count(len(verdict.errors) - SHOWN, 'more error')}")
        lines += [f"  note: {text}" for text in verdict.notes[:SHOWN]]
        lines += [f"  alike: {verdict.likeness}"] * bool(verdict.likeness)
    lines.append(
        f"{count(rows, 'file')}, {accepted:,} accepted; targets compared with the annotation in "
        f"{compared:,}"
    )
    return [printable(line) for line in lines]
