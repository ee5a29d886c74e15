"""What results show of themselves: a line, a table in a notebook, a tidy frame."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.result import Result, Results, Row
from mirbench.benchmark.result.shown import COLUMNS, MOST_LINES
from mirbench.leaderboard import frame

Make = Callable[..., Result]


def displayed(value: object) -> str:
    """HTML that a notebook shows, by IPython where it is installed."""
    if importlib.util.find_spec("IPython") is not None:
        from IPython.core.formatters import DisplayFormatter

        content, _ = DisplayFormatter().format(value)
        assert content["text/plain"] == repr(value)
        return str(content["text/html"])
    return str(value._repr_html_())  # type: ignore[attr-defined]


class Table(HTMLParser):
    """Reads the cells of a table, row by row, and the names of all tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def rows(*results: Result) -> Results:
    return Results(Row(Path(f"{n}.json"), result) for n, result in enumerate(results))


def test_a_line(make_result: Make) -> None:
    result = make_result("mfcc", "tags", metrics=("roc_auc", "average_precision"), value=0.612)
    text = "mfcc on tags, castellon2021: roc_auc 61.2 [51.2, 71.2], average_precision 61.2"
    assert repr(result).startswith(f"Result({text}")
    assert str(result) == repr(result)
    assert repr(rows(result, result)).splitlines()[:2] == [
        "Results of 2:",
        f"  {text} [51.2, 71.2]",
    ]
    assert repr(Results()) == "Results of 0"
    assert repr(Row(Path("a.json"), result)) == f"Row({text} [51.2, 71.2]; a.json)"
    near = make_result(value=-0.0001)
    assert "accuracy 0.0 [-10.0, 10.0]" in repr(near)


def test_a_table_with_intervals(make_result: Make) -> None:
    results = rows(
        make_result("a", value=0.25), make_result("b", "tags", metrics=("roc_auc", "x"), value=0.75)
    )
    table = Table(displayed(results))
    assert table.rows == [
        ["representation", "task", "split", "protocol", "metric", "score × 100 [95 %]", "n"],
        ["a", "toy", "paper", "castellon2021", "accuracy", "25.0 [15.0, 35.0]", "30"],
        ["b", "tags", "paper", "castellon2021", "roc_auc", "75.0 [65.0, 85.0]", "30"],
        ["b", "tags", "paper", "castellon2021", "x", "75.0 [65.0, 85.0]", "30"],
    ]
    for value in (results[1], Row(Path("b.json"), results[1])):
        assert Table(displayed(value)).rows == [table.rows[0], *table.rows[2:]]
    assert displayed(Results()) == "<p>no rows</p>"


def test_a_table_is_escaped_and_says_what_is_live(make_result: Make) -> None:
    result = make_result("<script>alert('x')</script>", task='"&<b>', origin="live")
    table = Table(displayed(result))
    assert table.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert table.rows[1][:2] == ["<script>alert('x')</script> (live)", '"&<b>']


def test_a_long_table_says_what_it_leaves_out(make_result: Make) -> None:
    results = rows(*[make_result(f"m{n}") for n in range(MOST_LINES + 7)])
    text = displayed(results)
    assert len(Table(text).rows) == 1 + MOST_LINES
    assert "and 7 more: see to_frame()" in text


def test_a_frame_has_the_columns_of_the_board(make_result: Make) -> None:
    results = rows(
        make_result("b", task="tags", metrics=("roc_auc", "average_precision"), value=0.25),
        make_result("a", protocol="quick"),
    )
    own, theirs = results.to_frame(), frame.to_frame(results)
    assert tuple(own.columns) == COLUMNS
    assert [name for name in theirs.columns if name != "overlap"] == list(own.columns)
    assert list(own["representation"]) == ["b", "b", "a"]  # in the order of the results
    ordered = own.sort_values(["board", "task", "split"], ignore_index=True)
    assert ordered.equals(theirs.drop(columns="overlap"))
    assert results[1].to_frame().equals(Row(Path("a"), results[1]).to_frame())
    assert tuple(Results().to_frame().columns) == COLUMNS


def embeddings(**given: Any) -> Embeddings:
    return Embeddings(
        clip_ids=("a", "b", "c"),
        clip=np.array([0, 0, 2]),
        missing={"b": "it is silent"},
        task="toy",
        **given,
    )


def test_embeddings_are_shown_without_their_values() -> None:
    found = embeddings(embedding=np.ones((3, 4), np.float32), computed=1)
    text = "task: toy, clips: 2, missing: 1, rows: 3, dims: 4, embedded now: 1 clip"
    assert repr(found) == f"Embeddings({text})"
    header, cells = Table(displayed(found)).rows
    assert dict(zip(header, cells, strict=True))["embedded now"] == "1 clip"


@pytest.mark.parametrize("n_layers", [0, 2])
def test_embeddings_as_a_frame(n_layers: int) -> None:
    shape = (3, n_layers, 4) if n_layers else (3, 4)
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    found = embeddings(embedding=values, layers=("low", "high")[:n_layers])
    table = found.to_frame()
    each = max(1, n_layers)
    assert list(table.columns) == ["clip_id", "window", *["layer"] * (n_layers > 0), 0, 1, 2, 3]
    assert list(table["clip_id"]) == [name for name in "aac" for _ in range(each)]
    assert list(table["window"]) == [window for window in (0, 1, 0) for _ in range(each)]
    assert (table[[0, 1, 2, 3]].to_numpy() == values.reshape(-1, 4)).all()
    if n_layers:
        assert list(table["layer"]) == ["low", "high"] * 3
        high = table[(table["clip_id"] == "c") & (table["layer"] == "high")]
        assert high[[0, 1, 2, 3]].to_numpy().tolist() == [values[2, 1].tolist()]
