"""The pages are a pure function of the rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from mirbench.benchmark.api import DataError, MirbenchError
from mirbench.benchmark.result import Predictions, Result, write_result
from mirbench.leaderboard import build_pages

NONE = Predictions((), (), np.zeros((0, 2), np.float32), np.zeros(0, np.int64))


class Page(HTMLParser):
    """Elements and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


def build(folder: Path, *results: Result) -> tuple[str, str]:
    rows = folder / "results"
    rows.mkdir(parents=True, exist_ok=True)
    for result in results:
        write_result(rows, result, NONE)
    paths = build_pages(rows, folder)
    assert [path.name for path in paths] == ["README.md", "index.html"]
    markdown, html = (path.read_text("utf-8") for path in paths)
    return markdown, html


def measured(folder: Path, *results: Result) -> tuple[str, str]:
    """Give the pages without the published figures, which stand below the measured ones."""
    markdown, html = build(folder, *results)
    parts = (
        markdown.partition("\n## Published figures"),
        html.partition('<section class="published">'),
    )
    assert all(mark for _, mark, _ in parts)
    return parts[0][0], parts[1][0]


def test_an_empty_folder_gives_pages(tmp_path: Path) -> None:
    for page in build(tmp_path):
        assert "There are no results yet." in page


def test_scores_and_order(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    rows = [
        make_result("low", value=0.25),
        make_result("high", value=0.75),
        make_result("high", task="zoo", value=0.5),
    ]
    markdown, html = measured(tmp_path, *rows)
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in lines[0].split("|")[1:-1]] == [
        "representation",
        "toy: accuracy",
        "zoo: accuracy",
    ]
    high, low = lines[2:]
    assert "| 75.0 [65.0, 85.0] | 50.0 [40.0, 60.0]" in high
    assert low.rstrip(" |").endswith("–")
    texts = Page(html).texts
    assert texts.index("high") < texts.index("low")
    assert "not run" in texts
    assert ("td", {"title": "30 test clips, 1 clips missing"}) in Page(html).tags


def test_same_rows_same_bytes(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    rows = [
        make_result(name, task=task, protocol=protocol, board=board)
        for name in ("a", "b", "c:x=1")
        for task, board in (("toy", "other"), ("gtzan", "paper"), ("key", "rendered"))
        for protocol in ("castellon2021", "quick")
    ]
    assert build(tmp_path / "1", *rows) == build(tmp_path / "2", *reversed(rows))


def test_quick_rows_have_their_own_section(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    markdown, html = measured(
        tmp_path,
        make_result("main", task="gtzan", board="paper"),
        make_result("tried", task="gtzan", board="paper", protocol="quick"),
    )
    main, quick = re.split(r"^## ", markdown, flags=re.MULTILINE)[1:]
    assert "castellon2021" in main
    assert "not comparable" not in main
    assert "tried" not in main
    assert "quick" in quick
    assert "Not the main protocol: not comparable" in quick
    assert "| main" not in quick
    sections = html.split("<section>")[1:]
    assert ["not comparable" in section for section in sections] == [False, True]


def test_the_main_protocol_comes_first(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    quick = make_result("tried", protocol="quick")
    early = quick.model_copy(update={"protocol": quick.protocol.model_copy(update={"name": "a"})})
    markdown, _ = measured(tmp_path, early, make_result("main"))
    assert re.findall(r"protocol `(\w+)`", markdown) == ["castellon2021", "a"]


def test_boards_stand_in_order(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    boards = ("other", "rendered", "own", "paper")
    markdown, _ = measured(tmp_path, *(make_result(task=board, board=board) for board in boards))
    headings = re.findall(r"^## (\w+)", markdown, flags=re.MULTILINE)
    assert headings == ["The", "Rendered", "Other", "own"]


HOSTILE = "<script>alert(1)</script> | **x** `y` [z](w)\n## & \"q\" 'p'"


def test_names_are_escaped(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    plain = make_result("plain", metrics=("accuracy", "r2_x"))
    markdown, html = measured(
        tmp_path,
        make_result(HOSTILE, metrics=("accuracy", "r2_x"), board=HOSTILE),
        plain.model_copy(update={"scores": {"r2_<b>: | c": plain.scores["accuracy"]}}),
    )
    page = Page(html)
    assert not {"script", "b"} & {tag for tag, _ in page.tags}
    assert HOSTILE in page.texts
    assert any(text.endswith("<b>: | c") for text in page.texts)
    assert "<script>" not in markdown
    assert "<b>" not in markdown.replace("\\<b\\>", "")
    for table in re.findall(r"(?:^\|.*\n)+", markdown, flags=re.MULTILINE):
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1
    assert len(re.findall(r"^## ", markdown, flags=re.MULTILINE)) == 2
    assert "\\*\\*x\\*\\*" in markdown
    assert "\\[z\\](w)" in markdown


def test_the_page_needs_no_network(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    _, html = build(tmp_path, make_result())
    page = Page(html)
    for tag, attributes in page.tags:
        # A link is followed by the reader, not by the page.
        for name in ("src", "href") if tag != "a" else ():
            assert (attributes.get(name) or "data:").startswith(("data:", "#"))
    assert "url(" not in html
    assert "@import" not in html


def test_a_file_that_is_no_row_stops_the_build(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    before = build(tmp_path, make_result())
    stray = tmp_path / "results" / "mine" / "zz.json"
    stray.write_text("{}")
    with pytest.raises(DataError, match=re.escape(str(stray))):
        build_pages(tmp_path / "results", tmp_path)
    assert (tmp_path / "README.md").read_text("utf-8") == before[0]


@pytest.mark.parametrize("name", ["README.md", "index.html"])
def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / name).write_text("mine")
    with pytest.raises(MirbenchError, match="was not written by mirbench"):
        build_pages(tmp_path / "rows", tmp_path)
    assert (tmp_path / name).read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 2
