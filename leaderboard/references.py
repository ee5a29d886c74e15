"""Published figures: rows as others printed them, never ranked with measured ones."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mirbench.leaderboard.names import PAPER

#: Tables below ``leaderboard/published``, in the order in which they are shown.
NAMES = ("castellon2021", "marble", "mert2")

_MARKS = "†‡§¶"


@dataclass(frozen=True)
class PublishedRow:
    """One row as printed.

    Attributes
    ----------
    scores : dict
        Task to metric to score; best is 1.
    starred : tuple of str
        ``task.metric`` of scores that the table's `starred_note` is about.
    average : float or None
        As printed, if it was.
    mark : str
        Refers to its source in the notes, if that is not the table's own.
    dims : int or None
        Length of an embedding, where it was printed.
    """

    representation: str
    scores: Mapping[str, Mapping[str, float]]
    starred: tuple[str, ...]
    average: float | None
    mark: str
    dims: int | None

    def cells(self) -> list[str]:
        """Scores times 100, one per column of the paper's table; starred ones with an asterisk."""
        cells = []
        for task, metric in PAPER:
            score = self.scores.get(task, {}).get(metric)
            star = "*" if f"{task}.{metric}" in self.starred else ""
            cells.append("–" if score is None else f"{100 * score:z.1f}{star}")
        return cells

    def average_cell(self) -> str:
        """Average as printed, in the form of `cells`."""
        star = "*" if "average" in self.starred else ""
        return "–" if self.average is None else f"{100 * self.average:z.1f}{star}"


@dataclass(frozen=True)
class PublishedTable:
    """Rows of one source, with what to know about them."""

    name: str
    citation: str
    url: str
    split: str
    protocol: str
    notes: tuple[str, ...]
    rows: tuple[PublishedRow, ...]


def load_published(name: str) -> PublishedTable:
    """Read one of the tables `NAMES`."""
    folder = importlib.resources.files("mirbench.leaderboard") / "published"
    content: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    starred = content.get("starred_note")
    cited = dict.fromkeys(row["source"]["citation"] for row in content["rows"] if "source" in row)
    marks = dict(zip(cited, _MARKS, strict=False))
    return PublishedTable(
        name=name,
        citation=content["source"]["citation"],
        url=content["source"]["url"],
        split=content["split"],
        protocol=content["protocol"],
        notes=(
            content["protocol_note"],
            *([f"* {starred}"] if starred else []),
            *content.get("notes", []),
            *(f"{mark} {citation}." for citation, mark in marks.items()),
        ),
        rows=tuple(
            PublishedRow(
                representation=row["representation"],
                scores=row["scores"],
                starred=tuple(row.get("starred", ())),
                average=row.get("average"),
                mark=marks.get(row.get("source", {}).get("citation", ""), ""),
                dims=row.get("dims"),
            )
            for row in content["rows"]
        ),
    )


def published_names() -> list[str]:
    """Names of the models of which figures are published here, each once."""
    tables = map(load_published, NAMES)
    return list(dict.fromkeys(row.representation for table in tables for row in table.rows))


def published_scores(name: str) -> dict[str, Mapping[str, Mapping[str, float]]]:
    """Scores of one table: representation to task to metric to score.

    The average of a row, where one was printed, is that of the task and metric "average".
    """
    return {
        row.representation: {
            **row.scores,
            **({} if row.average is None else {"average": {"average": row.average}}),
        }
        for row in load_published(name).rows
    }
