"""Pages are rendered again if, and only if, something that they are made from has changed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.made_board import verify, write_row

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.result import Result, predictions_path
from mirbench.leaderboard import build, build_pages, refresh_pages
from mirbench.leaderboard.fresh import NOTE


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders whose pages were rendered."""
    folders, render = list[Path](), build._pages

    def watched(rows: list[build.Row], tables: list[build.Table], out: Path) -> dict[Path, str]:
        folders.append(out)
        return render(rows, tables, out)

    monkeypatch.setattr(build, "_pages", watched)
    return folders


@pytest.fixture
def rows(tmp_path: Path, make_result: Callable[..., Result]) -> Path:
    write_row(tmp_path / "results", make_result, "good", "gtzan", skill=3.0)
    return tmp_path / "results"


def test_the_same_rows_are_rendered_once(rows: Path, tmp_path: Path, rendered: list[Path]) -> None:
    first = {page: page.read_bytes() for page in refresh_pages(rows, tmp_path)}
    assert refresh_pages(rows, tmp_path) == list(first) == build_pages(rows, tmp_path)[:3]
    assert {page: page.read_bytes() for page in first} == first
    assert len(rendered) == 2  # the first of `refresh_pages`, and `build_pages`


@pytest.mark.parametrize("what", ["row", "page", "no page", "note", "new row", "verified"])
def test_whatever_changes_is_seen(
    what: str,
    rows: Path,
    tmp_path: Path,
    rendered: list[Path],
    make_result: Callable[..., Result],
) -> None:
    pages = refresh_pages(rows, tmp_path)
    row = rows / "good" / "gtzan.paper.json"
    if what == "row":
        row.write_text(row.read_text("utf-8") + "\n", encoding="utf-8")
    elif what == "page":
        pages[0].write_text(pages[0].read_text("utf-8")[:-1], encoding="utf-8")
    elif what == "no page":
        pages[1].unlink()
    elif what == "note":
        (tmp_path / NOTE).write_text("[1", encoding="utf-8")
    elif what == "verified":
        verify(row, "jo")
    else:
        write_row(rows, make_result, "bad", "gtzan", skill=1.0)
    refresh_pages(rows, tmp_path)
    assert len(rendered) == 2
    fresh = {page: page.read_bytes() for page in pages}
    build_pages(rows, tmp_path)
    assert {page: page.read_bytes() for page in pages} == fresh


def test_damaged_predictions_are_not_passed_over(rows: Path, tmp_path: Path) -> None:
    refresh_pages(rows, tmp_path)
    path = predictions_path(rows / "good" / "gtzan.paper.json")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MirbenchError, match=path.name):
        refresh_pages(rows, tmp_path)


def test_another_code_renders_again(
    rows: Path, tmp_path: Path, rendered: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh_pages(rows, tmp_path)
    code = tmp_path / "other.py"
    code.write_text("# another\n", encoding="utf-8")
    monkeypatch.setattr("mirbench.leaderboard.fresh._code", lambda: iter([code]))
    refresh_pages(rows, tmp_path)
    assert len(rendered) == 2


def test_pages_of_others_are_never_noted(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process, which read older rows, writes its pages last."""
    refresh_pages(rows, tmp_path)
    note = json.loads((tmp_path / NOTE).read_text("utf-8"))
    page = tmp_path / "README.md"
    write = build._write

    def overtaken(pages: dict[Path, str]) -> None:
        write(pages)
        page.write_text(page.read_text("utf-8") + "older", encoding="utf-8")

    (tmp_path / NOTE).unlink()
    monkeypatch.setattr(build, "_write", overtaken)
    refresh_pages(rows, tmp_path)
    assert json.loads((tmp_path / NOTE).read_text("utf-8")) == note
    monkeypatch.undo()
    refresh_pages(rows, tmp_path)
    assert not page.read_text("utf-8").endswith("older")


def test_fresh_pages_of_tags_need_no_torch(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    write_row(tmp_path / "results", make_result, "good", "rendered_instruments")
    refresh_pages(tmp_path / "results", tmp_path)
    code = (
        "import sys; from pathlib import Path; from mirbench.leaderboard import refresh_pages; "
        f"here = Path({str(tmp_path)!r}); refresh_pages(here / 'results', here); "
        "assert 'torch' not in sys.modules and 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
