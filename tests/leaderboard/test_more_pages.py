"""Comparing, choosing, costs and pages of representations, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.made_board import write_row, write_short_row
from helpers.needs import needs

from mirbench.benchmark.result import Result, read_result
from mirbench.leaderboard import build_pages

HOSTILE = '=x<img src=x onerror="document.title=1"></script><script>document.title=2</script>,"/:'
TASKS = ("gtzan", "emomusic", "rendered_key", "rendered_tempo")

pytestmark = needs("chromium", "playwright")

#: Representations: skill, seed, seconds, and what else the record says.
MADE: dict[str, tuple[float, int, float, dict[str, Any]]] = {
    "mfcc": (0.6, 0, 10.0, {"origin": "built-in", "trained_on": "none", "dims": 120}),
    "mert": (3.0, 1, 1000.0, {"origin": "built-in", "trained_on": "GTZAN", "dims": 768}),
    "crepe:model=tiny": (
        2.9,
        2,
        100.0,
        {"origin": "built-in", "params": {"model": "tiny"}, "trained_on": "MIR-1K", "dims": 256},
    ),
    HOSTILE: (1.5, 3, 0.0, {}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_result: Callable[..., Result]) -> Path:
    folder = tmp_path_factory.mktemp("board")
    for name, (skill, seed, seconds, fields) in MADE.items():
        for task in TASKS[: 3 if name == "mert" else 4]:
            path = write_row(
                folder / "results", make_result, name, task, skill=skill, seed=seed, seconds=seconds
            )
            content = read_result(path).model_dump(mode="json")
            content["representation"] |= fields
            content["environment"]["date"] = "2026-11-0" + str(1 + seed)
            if name == "mert":
                content["representation"]["layers"] = 2
                content["probe"]["layer"] = "two"
                content["curve"] = [
                    {"layer": layer, "index": 0, "valid": valid}
                    for layer, valid in (("one", 0.2), ("two", 0.9))
                ]
            path.write_text(Result.model_validate(content).to_json(), encoding="utf-8")
    build_pages(folder / "results", folder)
    return folder


@pytest.fixture
def visit(browser: Any, folder: Path) -> Iterator[Callable[..., Any]]:
    """Give a function that opens a page; at the end all must have been silent, and alone."""
    noise: list[str] = []
    context = browser.new_context(viewport={"width": 1200, "height": 900})

    def visit(name: str, state: str = "") -> Any:
        page = context.new_page()
        page.on("console", lambda message: noise.append(message.text))
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.on("request", lambda asked: noise.append(asked.url))
        page.goto((folder / name).as_uri() + state)
        return page

    yield visit
    context.close()
    ours = (folder.as_uri(), "data:,", "blob:")
    assert [words for words in noise if not words.startswith(ours)] == []


def cells(page: Any, score: str) -> list[str]:
    row = page.locator(f"#differences tr:has(th:text-is('{score}'))")
    return [text.strip() for text in row.locator("td").all_text_contents()]


def test_two_are_compared_by_an_address(visit: Callable[..., Any]) -> None:
    page = visit("compare.html", "#a=mfcc&b=mert")
    assert page.locator("#words").inner_text() == (
        "mfcc is worse than mert on GTZAN, Emomusic and key."
    )
    value, low_high = cells(page, "GTZAN accuracy")[2:4]
    assert value.startswith("−")
    low, high = low_high.split(" to ")
    assert low.startswith("−")
    assert high.startswith("−")
    assert cells(page, "tempo R²")[-1] == "B was not run"
    # The other way around, everything is mirrored.
    page.select_option("[name=a]", label="mert")
    page.select_option("[name=b]", label="mfcc")
    assert cells(page, "GTZAN accuracy")[2:4] == [
        value.replace("−", "+"),
        f"{high.replace('−', '+')} to {low.replace('−', '+')}",
    ]
    assert "mert is better than mfcc on" in page.locator("#words").inner_text()
    assert "a=mert&b=mfcc" in page.evaluate("location.hash")


def test_who_does_not_differ_is_said_so(visit: Callable[..., Any]) -> None:
    page = visit("compare.html", "#a=crepe%3Amodel%3Dtiny&b=mert")
    assert "not distinguishable" in page.locator("#words").inner_text()
    page.select_option("[name=b]", label="crepe:model=tiny")
    assert page.locator("#words").inner_text() == "Choose two representations that differ."
    page = visit("compare.html", "#a=nobody&b=mert")
    assert page.locator("#words").inner_text() == (
        "There is no representation nobody on this board."
    )


def test_who_is_not_ranked_is_not_compared(
    browser: Any, tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    rows = tmp_path / "results"
    write_row(rows, make_result, "whole", "gtzan", skill=1.0)
    write_short_row(rows, make_result, "few", "gtzan", kept=4)
    page = browser.new_page()
    build_pages(rows, tmp_path)
    page.goto((tmp_path / "compare.html").as_uri() + "#a=few&b=whole")
    assert "have no score in common" in page.locator("#words").inner_text()
    assert cells(page, "GTZAN accuracy")[-1] == "A is not ranked"
    assert page.locator("#counts tbody tr").count() == 1
    assert page.locator("#map svg").count() == 0
    assert page.locator("#map").inner_text().startswith("whole is the only one that is ranked")
    own = (tmp_path / "rep" / "few.html").read_text("utf-8")
    assert "unranked: scored on 4 of 290 clips" in own
    assert "<td>not ranked</td>" in own
    # To be the first of one is no rank, and not bold.
    assert "<td>the only one ranked</td>" in (tmp_path / "rep" / "whole.html").read_text("utf-8")
    page.goto((tmp_path / "index.html").as_uri())
    assert page.locator("button.best").count() == 0
    page.locator("tr:has(a:text-is('whole')) td button").click()
    assert "the only one ranked" in page.locator(".big").inner_text()
    page.goto((tmp_path / "index.html").as_uri())
    assert page.locator("#cost circle").count() == 1
    page.close()


def test_the_map_and_its_table_agree(visit: Callable[..., Any]) -> None:
    page = visit("compare.html", "#a=mfcc&b=mert&score=gtzan.accuracy")
    rows = page.locator("#counts tbody tr")
    found = [
        [cell.strip() for cell in row.locator("th, td").all_inner_texts()] for row in rows.all()
    ]
    assert {row[0] for row in found} == set(MADE)
    better, alike, worse = (sum(int(row[place]) for row in found) for place in (3, 4, 5))
    assert better == worse > 0
    assert better + alike + worse == 4 * 3
    assert int(found[-1][5]) == 3  # the worst of all loses to all
    assert page.locator("#map svg").get_attribute("aria-label").startswith("Who beats whom: GTZAN")
    page.select_option("[name=b]", label="crepe:model=tiny")
    page.locator("#map svg").scroll_into_view_if_needed()
    box = page.locator("#map svg").bounding_box()
    page.mouse.click(box["x"] + 190 + 13, box["y"] + 120 + 3.5 * 26)
    assert page.locator("[name=a]").evaluate("e => e.selectedOptions[0].text") == "mfcc"
    assert page.locator("[name=b]").evaluate("e => e.selectedOptions[0].text") == found[0][0]
    # The comparison is read at once, and there is a way back.
    assert page.evaluate("document.activeElement.id") == "words"
    page.click("#back a")
    assert page.evaluate("document.activeElement.id") == "map"
    assert "a=mfcc" in page.evaluate("location.hash")
    labels = page.locator("#map text[transform]").all_text_contents()
    assert [label for label in labels if HOSTILE[:17] in label] == [f"{HOSTILE[:17]}…"]


def test_differences_are_those_of_the_samples(visit: Callable[..., Any], folder: Path) -> None:
    """Computed anew from the predictions, by the code that scores rows."""
    from mirbench.benchmark.result import read_predictions
    from mirbench.benchmark.scoring.bootstrap import paired_intervals

    first, second = (
        read_predictions(folder / "results" / name / "gtzan.paper.json")
        for name in ("mert", "mfcc")
    )
    labels = [str(number) for number in range(10)]
    low, high = paired_intervals(
        ["accuracy"], first.targets, first.outputs, second.outputs, first.groups, labels
    )["accuracy"]
    page = visit("compare.html", "#a=mert&b=mfcc")
    shown = [float(end) for end in cells(page, "GTZAN accuracy")[3].split(" to ")]
    # Ends are order statistics there, percentiles here: at most one clip of 290 apart.
    assert shown == pytest.approx([100 * low, 100 * high], abs=100 / 290 + 0.05)


def shown_names(page: Any) -> list[str]:
    return list(page.locator("section:visible tbody.measured tr:visible th a").all_inner_texts())


def test_filters_hide_rows_and_move_nobody(visit: Callable[..., Any]) -> None:
    page = visit("index.html")
    groups = "[...document.querySelectorAll('td sup')].map((one) => one.textContent).join()"
    before = page.evaluate(groups)
    page.click("#facets summary")
    for choice, value, left in (
        ("licence", "allowed", {"mfcc", "crepe:model=tiny"}),
        ("licence", "not allowed", {"mert"}),
        ("licence", "unclear", {HOSTILE}),
        ("overlap", "some", {"mert"}),
        ("overlap", "none", {"mfcc", "crepe:model=tiny"}),
        ("size", "0", {"mfcc"}),
        ("size", "small", {"crepe:model=tiny"}),
        ("size", "unknown", {"mert", HOSTILE}),
        ("layer", "chosen", {"mert"}),
        ("layer", "fixed", set(MADE) - {"mert"}),
    ):
        page.select_option(f"#facets [name={choice}]", value)
        assert set(shown_names(page)) == left, (choice, value)
        assert page.locator("tbody.published:visible").count() == 0
        assert page.evaluate("location.hash").find(f"{choice}=") > 0
        page.select_option(f"#facets [name={choice}]", "")
    assert page.evaluate(groups) == before
    assert set(shown_names(page)) == set(MADE)
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    page = visit("index.html", "#licence=not+allowed")
    assert set(shown_names(page)) == {"mert"}
    assert page.locator("#facets summary").inner_text() == "Filters: 1"


def test_filters_that_leave_nobody_say_so(visit: Callable[..., Any]) -> None:
    page = visit("index.html", "#licence=not+allowed&layer=fixed")
    nothing = page.locator(".nothing")
    assert nothing.inner_text() == "No representation matches the filters. Clear them"
    assert page.locator("section[data-number] .scroll:visible").count() == 0
    assert page.locator(".note.published:visible").count() == 0
    assert "they state no licence" in page.locator(".note.filtered:visible").first.inner_text()
    assert not page.locator("#cost .axes").is_visible()
    assert page.locator("#costnote").inner_text().startswith("Nothing to draw")
    page.fill("[name=filter]", "mfcc")
    nothing.get_by_role("button").click()
    assert set(shown_names(page)) == set(MADE)
    assert not nothing.is_visible()
    assert page.locator("#cost .axes").is_visible()
    assert page.locator(".note.published:visible").count() == 1
    assert page.locator(".note.filtered:visible").count() == 0
    assert "licence" not in page.evaluate("location.hash")
    page.fill("[name=filter]", "zzz")
    assert nothing.is_visible()


def test_lists_of_choices_close_when_the_focus_leaves(visit: Callable[..., Any]) -> None:
    page = visit("index.html")
    for menu in ("#columns", "#facets"):
        summary, box = page.locator(f"{menu} summary"), page.locator(f"{menu} div")
        summary.click()
        summary.focus()
        page.keyboard.press("Shift+Tab")
        assert not box.is_visible()
        summary.click()
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("Escape")
        assert not box.is_visible()
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_the_view_comes_back_from_other_pages(visit: Callable[..., Any]) -> None:
    page = visit("index.html")
    page.fill("[name=filter]", "mfcc")
    page.locator("tbody.measured th a:visible").first.click()
    assert page.locator("h1").inner_text() == "mfcc"
    page.get_by_role("link", name="Compare it with another").click()
    assert page.locator("[name=protocol]").input_value() == "castellon2021"
    page.select_option("[name=b]", label="mert")
    page.get_by_role("link", name="The leaderboard").click()
    assert set(shown_names(page)) == {"mfcc"}
    page.get_by_role("link", name="Compare two, and see who beats whom").click()
    state = page.evaluate("location.hash")
    assert "split=paper" in state
    assert "protocol=castellon2021" in state
    page.get_by_role("link", name="The leaderboard").click()
    assert set(shown_names(page)) == {"mfcc"}


@pytest.mark.parametrize("width", [1200, 390])
def test_labels_of_the_plot_meet_no_other(width: int, browser: Any, folder: Path) -> None:
    page = browser.new_page(viewport={"width": width, "height": 844})
    for cost in ("parameters", "seconds", "dims"):
        page.goto("about:blank")
        page.goto((folder / "index.html").as_uri() + f"#score=gtzan.accuracy&cost={cost}")
        boxes = page.evaluate(
            "[...document.querySelectorAll('#cost text, #cost circle')].map((one) => {"
            " const { x, y, width, height } = one.getBoundingClientRect();"
            " return [x, y + height / 4, x + width, y + 3 * height / 4]; })"
        )
        assert len(boxes) > 8
        for place, one in enumerate(boxes):
            for other in boxes[:place]:
                apart = (
                    one[0] >= other[2]
                    or other[0] >= one[2]
                    or one[1] >= other[3]
                    or other[1] >= one[3]
                )
                assert apart, (cost, one, other)
    page.close()


def test_costs(visit: Callable[..., Any]) -> None:
    page = visit("index.html", "#score=gtzan.accuracy&cost=parameters")
    assert page.locator("[name=cost]").input_value() == "parameters"
    assert page.locator("#cost circle").count() == 2  # those whose cards say it
    assert "Not drawn: 2 without a stated number" in page.locator("#costnote").inner_text()
    assert page.locator("#cost svg text:text-is('none')").count() == 1  # of the axis: no weights
    assert "mfcc" in page.locator("#front").inner_text()
    page.select_option("[name=cost]", "seconds")
    assert page.locator("#cost circle").count() == 3
    assert page.locator("#cost .front").get_attribute("d").count("H") >= 1
    assert "cost=seconds" in page.evaluate("location.hash")
    words = page.locator("#front").inner_text()
    scores = {
        name: float(page.locator(f"tr:has(a:text-is('{name}')) td button").first.inner_text()[:4])
        for name in ("mfcc", "mert", "crepe:model=tiny")
    }
    near = [name for name in scores if scores[name] >= max(scores.values()) - 1]
    cheapest = min(near, key=lambda name: MADE[name][2])
    assert words.startswith(f"Cheapest within one point of the best: {cheapest} (")
    assert "by embedding seconds as measured by each row’s own run" in words
    # A filter leaves its points out.
    page.click("#facets summary")
    page.select_option("#facets [name=licence]", "allowed")
    assert page.locator("#cost circle").count() == 2


def test_a_panel_has_an_address(visit: Callable[..., Any]) -> None:
    page = visit("index.html")
    page.locator("section:visible tr:has(a:text-is('mfcc')) td button").first.click()
    title = page.locator("#ptitle").inner_text()
    address = page.evaluate("location.hash")
    assert "panel=" in address
    page.keyboard.press("Escape")
    page.wait_for_function("() => !location.hash.includes('panel=')")
    page = visit("index.html", address)
    assert page.get_by_role("dialog").is_visible()
    assert page.locator("#ptitle").inner_text() == title
    page.get_by_role("dialog").get_by_text("compare it with another").click()
    assert page.locator("[name=a]").evaluate("e => e.selectedOptions[0].text") == "mfcc"
    assert page.locator("[name=score]").input_value() == "gtzan.accuracy"


def test_downloads(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit("index.html", "#filter=m")
    with page.expect_download() as caught:
        page.get_by_role("button", name="CSV").click()
    caught.value.save_as(tmp_path / "board.csv")
    import pandas as pd

    table = pd.read_csv(tmp_path / "board.csv")
    assert set(table["representation"]) == {"mfcc", "mert", "crepe:model=tiny", f"'{HOSTILE}"}
    assert ((table.low <= table.score) & (table.score <= table.high)).all()
    one = table[(table.representation == "mfcc") & (table.column == "GTZAN accuracy")]
    assert one.licence.item() == "ISC (librosa)"
    assert set(table.at_chance) <= {"yes", "no"}
    assert (one.dims.item(), one.parameters.item(), one.embedding_seconds.item()) == (120, 0, 10)
    assert table[table.representation == f"'{HOSTILE}"].embedding_seconds.isna().all()
    shown = page.locator("tr:has(a:text-is('mfcc')) td button").first.inner_text()
    assert shown.startswith(f"{one.score.item():.1f}")
    with page.expect_download() as caught:
        page.get_by_role("button", name="BibTeX").click()
    caught.value.save_as(tmp_path / "board.bib")
    entries = (tmp_path / "board.bib").read_text("utf-8")
    for key in ("mirbench", "castellon2021codified", "mfcc", "mert", "crepe"):
        assert f"{{{key}," in entries


def test_names_lead_to_pages(visit: Callable[..., Any]) -> None:
    page = visit("index.html")
    for name in MADE:
        link = page.locator("tbody.measured th a").filter(has_text=name).first
        own = visit("rep/" + link.get_attribute("href").removeprefix("rep/"))
        assert own.locator("h1").inner_text() == name
        assert own.title() == f"{name} · mirbench leaderboard"
        assert own.locator("img").count() == 0
        assert own.locator("script").count() == 1
        for row in own.locator("td a, th a").all():
            href = row.evaluate("a => decodeURIComponent(a.href)")
            assert Path(href.removeprefix("file://")).is_file()
        own.locator("nav a").last.click()
        assert own.locator("[name=a]").evaluate("e => e.selectedOptions[0].text") == name


def test_dates_and_versions_are_seen(visit: Callable[..., Any]) -> None:
    for name in ("index.html", "compare.html"):
        text = visit(name).locator("body").inner_text()
        assert "15 rows; the newest was made on 2026-11-04" in text
    assert "4 rows; the newest was made on 2026-11-01" in visit("rep/mfcc.html").inner_text("body")


@pytest.mark.parametrize("name", ["index.html", "compare.html", "rep/mert.html"])
def test_on_a_phone_nothing_is_wider_than_the_screen(name: str, browser: Any, folder: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto((folder / name).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    unnamed = "[...document.querySelectorAll('input, select')].filter(e => !e.labels.length).length"
    assert page.evaluate(unnamed) == 0
    regions = page.locator("[role=region]:not([aria-label]):not([aria-labelledby])")
    assert regions.count() == 0
    if name == "index.html":
        page.click("#facets summary")
        box = page.locator("#facets div").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    page.close()


def test_rows_of_a_page_fit_a_large_screen_or_say_that_they_go_on(
    browser: Any, folder: Path
) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto((folder / "rep" / "mfcc.html").as_uri())
    table = page.locator("table.rows")
    box = table.bounding_box()
    assert box["x"] + box["width"] <= 1400
    heads = table.locator("thead th").all_inner_texts()
    assert heads.index("Probing, s") < heads.index("Device")
    assert page.locator(".hint:visible").count() == 0
    details = table.locator("details").first
    assert "SHA-256" not in details.inner_text()
    details.locator("summary").click()
    assert "Embeddings, SHA-256: " in details.inner_text()
    page.set_viewport_size({"width": 390, "height": 844})
    hint = page.locator("[role=region]:has(table.rows)").locator("xpath=preceding-sibling::p[1]")
    page.wait_for_function("() => document.querySelector('.scroll.more')")
    assert hint.inner_text().endswith("more columns: scroll sideways →")
    page.close()


def test_on_a_phone_differences_stand_below_each_other(browser: Any, folder: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto((folder / "compare.html").as_uri() + "#a=mfcc&b=mert")
    row = page.locator("#differences tbody tr").first
    assert row.get_attribute("role") == "row"
    for cell in row.locator("td:visible").all():
        box = cell.bounding_box()
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
    assert row.locator("td.words").inner_text() == "B is better"
    assert page.locator("#differences td").nth(2).get_attribute("data-head") == "A − B"
    scroll = page.locator(".scroll:has(#differences)")
    assert scroll.evaluate("e => e.scrollWidth <= e.clientWidth")
    page.close()


def test_data_of_the_page_holds_every_pair_once(folder: Path) -> None:
    text = (folder / "compare.html").read_text("utf-8")
    data = json.loads(text.split('id="data">')[1].split("</script>")[0])
    for column in (column for table in data["tables"] for column in table["columns"]):
        n = len(column["order"])
        assert len(column["ends"]) == -(-(n * (n - 1) // 2 * 2 * column["size"]) // 3) * 4
        assert column["groups"][0] == "1"


def test_a_change_by_a_deformation_has_an_address(browser: Any) -> None:
    """The keys of such columns hold a space."""
    board = Path(__file__).resolve().parents[2] / "leaderboard" / "index.html"
    state = "#split=paper&protocol=castellon2021+%2B+mp3&panel=rendered_key.accuracy+change&of=mfcc"
    page = browser.new_page()
    page.goto(board.as_uri() + state)
    assert page.locator("#ptitle").inner_text() == "mfcc: key accuracy, change"
    page.keyboard.press("Escape")
    page.locator("section:visible th[data-key='rendered_key.accuracy change'] button").click()
    page.click("#columns summary")
    page.get_by_role("checkbox", name="key accuracy, change").uncheck()
    address = page.evaluate("location.href")
    page.goto("about:blank")
    page.goto(address)
    head = page.locator("section:not([hidden]) th[data-key='rendered_key.accuracy change']")
    assert head.get_attribute("aria-sort") == "descending"
    assert not head.is_visible()
    assert page.locator("section:visible th:visible[data-key='rendered_key.accuracy']").count() == 1
    page.close()
