"""How results are shown in Python: in a line, as a small table in a notebook, as a tidy frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

#: Columns of the tidy table, in order; `mirbench.leaderboard.load_results` has them too.
COLUMNS = (
    "board",
    "task",
    "title",
    "split",
    "protocol",
    "main_board",
    "representation",
    "origin",
    "trained_on",
    "dims",
    "layers",
    "metric",
    "metric_rank",
    "value",
    "low",
    "high",
    "n",
    "groups",
    "missing",
    "valid",
    "probe",
    "layer",
    "embedding_seconds",
    "probing_seconds",
    "peak_memory_bytes",
    "device",
    "split_sha256",
    "fingerprint",
)

#: Lines of a table in a notebook.
MOST_LINES = 100

#: One score with all that says whose it is, by `COLUMNS`.
Line = dict[str, Any]


class Shown:
    """What a `Result` shows of itself, whose module builds on this one."""

    def tidy(self: Any) -> list[Line]:
        """List the scores in the order of the task's metrics, each with what it is of."""
        return [
            {
                "board": self.task.board,
                "task": self.task.name,
                "title": self.task.title,
                "split": self.task.split,
                "protocol": self.protocol_label,
                "main_board": self.protocol.main_board,
                "representation": self.representation.name,
                "origin": self.representation.origin,
                "trained_on": self.representation.trained_on,
                "dims": self.representation.dims,
                "layers": self.representation.layers,
                "metric": metric,
                "metric_rank": rank,
                "value": score.value,
                "low": score.low,
                "high": score.high,
                "n": score.n,
                "groups": score.groups,
                "missing": len(self.task.missing),
                "valid": self.probe.valid,
                "probe": getattr(self.probe, "index", None),
                "layer": self.probe.layer,
                "embedding_seconds": self.cost.embedding_seconds,
                "probing_seconds": self.cost.probing_seconds,
                "peak_memory_bytes": self.cost.peak_memory_bytes,
                "device": self.cost.device,
                "split_sha256": self.task.split_sha256,
                "fingerprint": self.representation.fingerprint,
            }
            for rank, (metric, score) in enumerate(self.ordered_scores())
        ]

    def to_frame(self) -> pd.DataFrame:
        """Return a tidy pandas frame: one line per score, with the columns `COLUMNS`."""
        return frame_of(self.tidy())

    def __repr__(self) -> str:
        return f"Result({in_a_line(self.tidy())})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return table_of(self.tidy())


def frame_of(lines: Sequence[Line]) -> pd.DataFrame:
    """Make a pandas frame of lines, in their order."""
    import pandas as pd

    return pd.DataFrame(lines, columns=list(COLUMNS))


def in_a_line(lines: Sequence[Line]) -> str:
    """Write the scores of one result: ``mfcc on gtzan: accuracy 61.2 [55.0, 67.4]``."""
    if not lines:
        return ""
    scores = ", ".join(f"{line['metric']} {with_interval(line)}" for line in lines)
    first = lines[0]
    return f"{first['representation']} on {first['task']}, {first['protocol']}: {scores}"


def with_interval(line: Line) -> str:
    """Write a score and its interval, times 100, with one decimal."""
    value, low, high = (100 * line[name] for name in ("value", "low", "high"))
    return f"{value:z.1f} [{low:z.1f}, {high:z.1f}]"


def table_of(lines: Sequence[Line]) -> str:
    """Write an HTML table of scores, with 95 % intervals; what it says of itself is escaped."""
    cells = [
        {
            "representation": f"{line['representation']}{_mark(line)}",
            "task": line["task"],
            "split": line["split"],
            "protocol": line["protocol"],
            "metric": line["metric"],
            "score × 100 [95 %]": with_interval(line),
            "n": f"{line['n']:,}",
        }
        for line in lines[:MOST_LINES]
    ]
    more = len(lines) - len(cells)
    note = f"<p>and {more:,} more: see to_frame()</p>" if more else ""
    return html_table(cells) + note


def _mark(line: Line) -> str:
    return " (live)" if line["origin"] == "live" else ""


def html_table(rows: Iterable[Mapping[str, object]]) -> str:
    """Write an HTML table with a header from the keys of its first row; all is escaped."""
    listed = list(rows)
    if not listed:
        return "<p>no rows</p>"
    head = "".join(f"<th>{escape(str(name))}</th>" for name in listed[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row.values()) + "</tr>"
        for row in listed
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
