"""The pages are a pure function of the rows."""

from __future__ import annotations

import html
import importlib
import json
import re
import shutil
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from helpers.made_board import write_board, write_row

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.result import Result, predictions_path, read_result, result_path
from mirbench.benchmark.submissions.files import find_rows
from mirbench.leaderboard import build as build_module
from mirbench.leaderboard import build_pages, stale_pages

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "<script>alert(1)</script> | **x** `y` [z](w)\n## & \"q\" 'p' \\input{x} \u2028"


class Page(HTMLParser):
    """Elements and text of a page, without script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip() and self.tags[-1][0] not in ("script", "style"):
            self.texts.append(data.strip())


def build(folder: Path) -> tuple[str, str]:
    paths = build_pages(folder / "results", folder)
    assert [path.name for path in paths[:3]] == ["README.md", "index.html", "compare.html"]
    assert [path.name for path in paths[3:]] in ([], ["rep"])
    markdown, page = (path.read_text("utf-8") for path in paths[:2])
    return markdown, page


def other_pages(folder: Path) -> dict[str, str]:
    """Pages besides the main ones: names to texts."""
    paths = [folder / "compare.html", *(folder / "rep").iterdir()]
    return {path.name: path.read_text("utf-8") for path in paths}


def cells_of(markdown: str, name: str) -> list[str]:
    """Cells of the first line of that representation."""
    line = next(line for line in markdown.splitlines() if line.startswith(f"| {name}"))
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_an_empty_folder_gives_pages(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    for page in build(tmp_path):
        assert "There are no results yet." in page


def test_markdown_and_page_have_the_same_numbers(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    rows = tmp_path / "results"
    for name, skill in (("good", 3.0), ("bad", 1.0)):
        write_row(rows, make_result, name, "gtzan", skill=skill)
    write_row(rows, make_result, "good", "rendered_tempo")
    markdown, page = build(tmp_path)
    good, bad = cells_of(markdown, "good"), cells_of(markdown, "bad")
    assert good[2] == bad[2] == "1 of 4 tasks"
    assert good[3] == bad[3] == "self-reported"
    assert good[4] == bad[4] == "–"  # no average
    value, low, high, group = re.findall(r"[\d.]+", good[7])
    assert group == "1"
    assert bad[7].endswith("2")
    assert f">{value}<sup>1</sup><p>{low}–{high}<" in page
    texts = Page(page).texts
    assert texts.index("good") < texts.index("bad")
    assert "1 of 4 tasks, self-reported" in texts


def test_to_be_first_of_one_is_no_rank(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    write_row(tmp_path / "results", make_result, "only", "gtzan", skill=3.0)
    pages = build_pages(tmp_path / "results", tmp_path, latex=True)
    markdown, page, _, latex = (path.read_text("utf-8") for path in pages if path.is_file())
    assert re.fullmatch(r"[\d.]+ \[[\d.]+, [\d.]+\]", cells_of(markdown, "only")[7])
    assert "<sup></sup>" in page
    assert "<td class=best>" not in page
    assert r"\textsuperscript" not in latex
    assert r"\textbf" not in latex


def test_published_averages_stand_in_both(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    markdown, page = build(tmp_path)
    assert cells_of(markdown, "JUKEBOX")[1:4] == ["4800", "69.9", "91.5"]
    assert cells_of(markdown, "state of the art \\(2021\\)")[2] == "72.5\\*"
    assert "JUKEBOX<td>4800<td>69.9<td>91.5" in page


def test_same_rows_same_bytes(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    made = [
        (name, task, protocol)
        for name in ("a", "b", "c:x=1")
        for task in ("gtzan", "rendered_key")
        for protocol in ("castellon2021", "quick")
    ]
    for folder, order in (("1", made), ("2", made[::-1])):
        for name, task, protocol in order:
            write_row(
                tmp_path / folder / "results",
                make_result,
                name,
                task,
                protocol=protocol,
                seed=made.index((name, task, protocol)),
            )
    first, second = build(tmp_path / "1"), build(tmp_path / "2")
    assert first == second
    others = [other_pages(tmp_path / number) for number in "12"]
    assert others[0] == others[1]
    assert set(others[0]) == {"compare.html", "a.html", "b.html", "c+x=1.html"}
    assert not any(str(tmp_path) in page for page in (*first, *others[0].values()))
    figures = [
        [
            path.read_bytes()
            for path in build_pages(tmp_path / n / "results", tmp_path / n, True, True)
            if path.is_file()
        ]
        for n in "12"
    ]
    assert figures[0] == figures[1]
    assert len(figures[0]) == 3 + 2 * 4


def test_protocols_and_boards_stand_in_order(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    for task in ("rendered_key", "gtzan"):
        for protocol in ("quick", "castellon2021"):
            write_row(tmp_path / "results", make_result, f"{protocol} one", task, protocol=protocol)
    markdown, page = build(tmp_path)
    sections = re.split(r"^## ", markdown, flags=re.MULTILINE)[1:]
    assert [section.split(",")[0] for section in sections[:4]] == [
        "The paper’s four tasks",
        "Rendered tasks",
    ] * 2
    for section in sections[:2]:
        assert "not comparable" not in section
        assert "quick one" not in section
    for section in sections[2:4]:
        assert "Not the main protocol: not comparable" in section
        assert "castellon2021 one" not in section
    assert page.count("Not the main protocol") == 2 + 2  # and those of two tables of others


def test_names_are_only_names(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    rows = tmp_path / "results"
    write_row(rows, make_result, HOSTILE, "gtzan")
    write_row(rows, make_result, "plain", "gtzan", seed=1)
    paths = build_pages(rows, tmp_path, latex=True, svg=True)
    markdown, page, compared, latex, svg = (
        path.read_text("utf-8") for path in paths if path.is_file()
    )
    shown = " ".join(HOSTILE.split())
    parsed = Page(page)
    assert [tag for tag, _ in parsed.tags].count("script") == 2
    assert shown in parsed.texts
    own = next(text for name, text in other_pages(tmp_path).items() if name.startswith("_script"))
    for text, scripts in ((page, 2), (compared, 2), (own, 1)):
        assert [tag for tag, _ in Page(text).tags].count("script") == scripts
        assert not {"img", "z", "x"} & {tag for tag, _ in Page(text).tags}
        assert "\u2028" not in text
        if scripts == 2:
            script = text.split('id="data">')[1].split("</script>")[0]
            assert "<" not in script
            assert json.dumps(shown)[1:-1].replace("<", "\\u003c")[:8] in script
    assert shown in Page(own).texts
    for table in re.findall(r"(?:^\|.*\n)+", markdown, flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert "\\<script\\>" in markdown
    assert "<script>" not in markdown
    assert r"\input" not in latex
    assert r"\textbackslash{}input" in latex
    texts = [text.text for text in ElementTree.fromstring(svg).iter() if text.text]
    assert any(shown.startswith(text.rstrip("…")) and len(text) > 20 for text in texts)


def test_figures_for_papers(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    for name, skill in (("good", 3.0), ("bad", 0.5)):
        for task in ("gtzan", "emomusic"):
            write_row(tmp_path / "results", make_result, name, task, skill=skill)
    latex, svg = (
        path.read_text("utf-8")
        for path in build_pages(tmp_path / "results", tmp_path, latex=True, svg=True)
        if path.parent.name == "figures"
    )
    body = latex.split(r"\midrule")[1].split(r"\bottomrule")[0]
    assert {line.count("&") for line in body.strip().splitlines()} == {7}
    assert body.count(r"\textbf") >= 3
    assert "$-$" in body  # the R² of a bad probe
    drawing = ElementTree.fromstring(svg)
    name = "{http://www.w3.org/2000/svg}"
    assert len(drawing.findall(f"{name}circle")) == 6  # 2 × (accuracy, arousal, valence)


def test_figures_stay_in_their_folder(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    """Even if a row that nobody validated says otherwise."""
    path = write_row(tmp_path / "results", make_result, "one", "gtzan")
    content = read_result(path).model_dump(mode="json")
    content["task"]["board"] = "../../elsewhere"
    path.write_text(Result.model_validate(content).to_json(), encoding="utf-8")
    pages = build_pages(tmp_path / "results", tmp_path / "out", latex=True, svg=True)
    figures = [page for page in pages if page.suffix in (".tex", ".svg")]
    assert {page.resolve().parent for page in figures} == {tmp_path / "out" / "figures"}


def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(MirbenchError, match="was not written by mirbench"):
        build_pages(tmp_path / "rows", tmp_path)
    assert (tmp_path / "index.html").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_in_the_place_of_the_folder_is_left_alone(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    write_row(tmp_path / "results", make_result, "one", "gtzan")
    (tmp_path / "rep").write_text("mine")
    with pytest.raises(MirbenchError, match="rep was not written by mirbench"):
        build_pages(tmp_path / "results", tmp_path)
    assert (tmp_path / "rep").read_text() == "mine"
    assert not (tmp_path / "index.html").exists()


def test_pages_beside_their_rows_lead_to_them(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    """As a run leaves them; a representation may even be called as the folder of the pages."""
    write_row(tmp_path, make_result, "rep", "gtzan")
    build_pages(tmp_path, tmp_path)
    own = Page((tmp_path / "rep" / "rep.html").read_text("utf-8"))
    links = [attributes.get("href") or "" for tag, attributes in own.tags if tag == "a"]
    assert "../rep/gtzan.paper.json" in links
    assert '"place":""' in (tmp_path / "index.html").read_text("utf-8")
    rows, strays = find_rows([tmp_path])
    assert rows == [tmp_path / "rep" / "gtzan.paper.json"]
    assert strays == []


def test_pages_of_another_run_are_left_alone(
    tmp_path: Path, make_result: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which wrote its row and pages after this one had read the rows."""
    rows, out = tmp_path / "results", tmp_path / "pages"
    write_row(rows, make_result, "gone", "gtzan")
    build_pages(rows, out)
    shutil.rmtree(rows / "gone")
    write_row(rows, make_result, "one", "gtzan")
    write = build_module._write

    def overtaken(pages: dict[Path, str]) -> None:
        monkeypatch.setattr(build_module, "_write", write)
        write_row(rows, make_result, "new:a=1", "gtzan", seed=1)
        build_pages(rows, out)
        write(pages)

    monkeypatch.setattr(build_module, "_write", overtaken)
    build_pages(rows, out)
    names = sorted(path.name for path in (out / "rep").iterdir())
    assert names == ["new+a=1.html", "one.html"]


def test_clips_that_count_as_wrong_are_test_clips(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    path = write_row(tmp_path / "results", make_result, "one", "gtzan")
    content = read_result(path).model_dump(mode="json")
    content["task"]["counts"]["test"] = 288
    content["task"]["missing"] = [
        {"clip_id": clip_id, "reason": "lost", "wrong": True} for clip_id in ("a", "b")
    ]
    path.write_text(Result.model_validate(content).to_json(), encoding="utf-8")
    build_pages(tmp_path / "results", tmp_path)
    index = (tmp_path / "index.html").read_text("utf-8")
    assert "290 test, 90 train, 30 valid; " in index
    assert "in test; 2 missing, 2 of them scored as wrong" in index
    own = (tmp_path / "rep" / "one.html").read_text("utf-8")
    assert ">290<" in re.sub(r"\s", "", own)
    assert ">288<" not in re.sub(r"\s", "", own)


def test_stale_pages(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    rows = tmp_path / "results"
    write_row(rows, make_result, "one", "gtzan")
    pages = [tmp_path / name for name in ("README.md", "index.html", "compare.html")]
    one, two = (tmp_path / "rep" / f"{name}.html" for name in ("one", "two"))
    assert stale_pages(rows, tmp_path) == [*pages, one]
    build_pages(rows, tmp_path)
    assert stale_pages(rows, tmp_path) == []
    pages[0].write_text(pages[0].read_text() + "x")
    assert stale_pages(rows, tmp_path) == pages[:1]
    build_pages(rows, tmp_path)
    path = write_row(rows, make_result, "two", "gtzan", seed=1)
    assert stale_pages(rows, tmp_path) == [*pages, one, two]
    build_pages(rows, tmp_path)
    # A page whose representation has no row any more is stale, and goes; others' files stay.
    path.unlink()
    (tmp_path / "rep" / "mine.html").write_text("of somebody else")
    assert two in stale_pages(rows, tmp_path)
    build_pages(rows, tmp_path)
    assert stale_pages(rows, tmp_path) == []
    assert sorted(page.name for page in (tmp_path / "rep").iterdir()) == ["mine.html", "one.html"]


def test_the_committed_board_is_what_the_committed_rows_give() -> None:
    folder = ROOT / "leaderboard"
    stale = stale_pages(folder / "results", folder)
    assert not stale, f"{stale} not up to date: mirbench leaderboard build"
    assert (folder / "index.html").stat().st_size < 500_000


def test_the_scores_of_every_committed_row_are_linked_to_it() -> None:
    page = (ROOT / "leaderboard" / "index.html").read_text("utf-8")
    for path in (ROOT / "leaderboard" / "results").glob("*/*.json"):
        assert html.escape(path.parent.name) in page
        assert path.name in page
        own = ROOT / "leaderboard" / "rep" / f"{path.parent.name}.html"
        assert f">{path.name}</a>" in own.read_text("utf-8")


@pytest.fixture(scope="session")
def large_board(
    tmp_path_factory: pytest.TempPathFactory, make_result: Callable[..., Result]
) -> Path:
    """Give the rows of 200 representations × 8 tasks × 2 splits, in the sizes of the real ones."""
    folder = tmp_path_factory.mktemp("large") / "results"
    write_board(folder, make_result, 200)
    return folder


@pytest.mark.slow
def test_a_large_board_is_built_in_time(large_board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In 37 s of processor beside other work, of which statistics take 32."""
    board = importlib.import_module("mirbench.leaderboard.board")
    spent: list[float] = []
    sample_rows = board.sample_rows

    def timed(rows: object) -> object:
        before = time.process_time()
        sampled = sample_rows(rows)
        spent.append(time.process_time() - before)
        return sampled

    monkeypatch.setattr(board, "sample_rows", timed)
    before = time.process_time()
    page = build_pages(large_board, large_board.parent)[1]
    assert time.process_time() - before < 60
    assert spent[0] < 50
    assert page.stat().st_size < 700_000
    assert page.with_name("compare.html").stat().st_size < 3_500_000
    assert max(own.stat().st_size for own in (page.parent / "rep").iterdir()) < 60_000
    first = result_path(large_board, "representation-000", "gtzan", "paper", "castellon2021")
    assert predictions_path(first).exists()
