"""What is seen of the page at once, in a real browser, on large screens and small ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.made_board import made_predictions, write_row, write_short_row
from helpers.needs import needs
from helpers.task_counts import built_in_tasks

from mirbench.benchmark.registry import load_split
from mirbench.benchmark.result import Result, read_result
from mirbench.benchmark.scoring.metrics import key_score_table
from mirbench.leaderboard import build_pages

pytestmark = needs("chromium", "playwright")

TASKS = {task.name: task for task in built_in_tasks()}
#: Of the answer C major, for the keys of the made test set.
_KEYS = made_predictions("rendered_key", "paper", 1, 0).targets
CHANCE = f"{100 * key_score_table()[_KEYS, 0].mean():.1f}"
BOARD = Path(__file__).resolve().parents[2] / "leaderboard" / "index.html"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, make_result: Callable[..., Result]) -> Path:
    """Page of rows as README's first command makes them, one of them on four clips."""
    folder = tmp_path_factory.mktemp("local")
    rows = folder / "results"
    made = {"protocol": "quick", "make_result": make_result, "folder": rows}
    paths = [
        write_row(representation="mine", task="rendered_key", skill=3.0, **made),
        write_row(representation="other", task="rendered_key", skill=0.0, seed=1, **made),
        write_short_row(representation="few", task="rendered_key", kept=4, **made),
    ]
    for path in paths:
        result, task = read_result(path), TASKS["rendered_key"]
        same = {
            "version": task.version,
            "split_sha256": load_split(task, "paper").sha256,
            "labels": task.labels,
        }
        changed = result.model_copy(update={"task": result.task.model_copy(update=same)})
        path.write_text(changed.to_json(), encoding="utf-8")
    return build_pages(rows, folder)[1]


def opened(browser: Any, path: Path, width: int) -> Any:
    """Open a page; at the end it must have been silent."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.noise = []
    page.on("console", lambda message: page.noise.append(message.text))
    page.on("pageerror", lambda error: page.noise.append(str(error)))
    page.goto(path.as_uri())
    return page


@pytest.fixture
def page(browser: Any, local: Path) -> Iterator[Any]:
    page = opened(browser, local, 1400)
    yield page
    assert page.noise == []
    page.close()


def test_own_rows_are_seen_at_once_beside_baselines_and_chance(page: Any) -> None:
    """Nobody has to choose the protocol first."""
    assert page.locator("[name=protocol]").input_value() == "quick"
    assert page.locator("section[data-number]:visible").count() == 1
    rows = page.locator("section[data-number]:visible tbody tr:visible:not(.group)")
    names = [text.split("\n")[0] for text in rows.locator("th").all_inner_texts()]
    assert names == ["mine", "other", "few", "chroma", "mfcc", "chance"]
    box = rows.last.bounding_box()
    assert box["y"] + box["height"] < 900  # all of it without scrolling
    weighted = [text.split("\n")[0] for text in rows.locator("td:nth-child(3)").all_inner_texts()]
    assert weighted[3:] == ["73.9", "11.8", CHANCE]
    # Grey, and without a rank.
    assert page.locator("tbody.baselines sup, tbody.baselines button").count() == 0


def test_what_is_not_better_than_chance_or_not_ranked_says_so(page: Any) -> None:
    cell = page.locator("tr:has(a:text-is('other')) td:nth-child(3)")
    assert "≈ chance" in cell.inner_text()
    cell.locator("button").click()
    text = page.get_by_role("dialog").inner_text()
    assert f"Not above chance, which scores {CHANCE}." in text
    assert "≈" not in text
    page.keyboard.press("Escape")
    assert page.locator("tbody.measured button.best").count() == 2  # mine, twice
    few = page.locator("tr:has(a:text-is('few')) td:nth-child(3)")
    assert "unranked: scored on 4 of 72 clips" in few.inner_text()
    few.locator("button").click()
    text = page.get_by_role("dialog").inner_text()
    assert "not ranked" in text
    assert "Unranked: scored on 4 of 72 clips." in text
    assert f"Chance: {CHANCE}." in text
    assert "istinguishable" not in text
    page.keyboard.press("Escape")


def test_unranked_rows_are_sorted_behind_ranked_ones(page: Any) -> None:
    head = page.locator("section:visible th[data-key='rendered_key.weighted_key_score'] button")
    for expected in (["mine", "other", "few"], ["other", "mine", "few"]):
        head.click()
        names = page.locator("section:visible tbody.measured th").all_inner_texts()
        assert [name.split("\n")[0] for name in names] == expected
    # What is there for comparison stays when names are filtered.
    page.fill("[name=filter]", "mine")
    assert page.locator("tbody.baselines tr:visible:not(.group)").count() == 3
    assert page.locator("#said").text_content() == "1 of 3 measured representations shown."


def test_a_row_says_who_vouches_for_it(page: Any) -> None:
    assert "self-reported" in page.locator("tbody.measured th").first.inner_text()


def test_a_large_screen_is_filled(browser: Any, local: Path) -> None:
    page = opened(browser, local, 1400)
    box = page.locator("section:visible table").first.bounding_box()
    assert box["x"] < 100
    assert box["x"] + box["width"] > 1300
    assert page.locator(".hint:visible").count() == 0
    page.close()


def test_a_phone_shows_scores_and_says_that_there_are_more(browser: Any) -> None:
    page = opened(browser, BOARD, 390)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    table = page.locator("section[data-number]:visible").nth(1)
    box = table.locator(".scroll").bounding_box()
    heads = table.locator("thead th:visible")
    ends = [head.bounding_box() for head in heads.all()]
    edge = box["x"] + box["width"]
    inside = [end for end in ends[1:] if end["x"] + end["width"] <= edge + 1]
    assert len(inside) >= 3
    hint = table.locator(".hint")
    assert hint.inner_text() == f"{len(ends) - 1 - len(inside)} more columns: scroll sideways →"
    table.locator(".scroll").evaluate("e => e.scrollLeft = e.scrollWidth")
    page.wait_for_function(
        "() => !document.querySelectorAll('.hint')[1].textContent.includes('more')"
    )
    assert hint.inner_text() == "← scroll back"
    assert page.noise == []
    page.close()


def test_a_disagreement_with_the_paper_is_explained_where_it_is_seen(browser: Any) -> None:
    page = opened(browser, BOARD, 1200)
    row = page.locator("tr:has(a:text-is('choi-published-features'))").first
    assert "published: 75.9" in row.inner_text()
    row.locator("td button").first.click()
    words = page.get_by_role("dialog").locator(".why").inner_text()
    assert words.startswith("Published for CHOI: 75.9. The row is measured from the features that")
    assert page.noise == []
    page.close()
