"""The page in a real browser, opened as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.made_board import SIZES, write_board, write_row
from helpers.needs import needs

from mirbench.benchmark.result import Result, read_result, result_path
from mirbench.leaderboard import build_pages

WIDE = {"viewport": {"width": 1200, "height": 900}}

pytestmark = needs("chromium", "playwright")

HOSTILE = '<img src=x onerror="document.title=1"> </script><script>document.title=2</script>'


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory, make_result: Callable[..., Result]) -> Path:
    """Give the page of a few representations, one partial, one hostile, one with layers."""
    folder = tmp_path_factory.mktemp("board")
    rows = folder / "results"
    for number, (name, skill) in enumerate((("low", 1.0), ("high", 3.0), ("middle", 2.0))):
        for task in SIZES:
            write_row(rows, make_result, name, task, skill=skill, seed=number, seconds=10.0**number)
        write_row(rows, make_result, name, "gtzan", "artist", skill=4 - skill, seed=number)
    write_row(rows, make_result, HOSTILE, "gtzan", skill=1.5, seed=7)
    path = result_path(rows, "middle", "magnatagatune", "paper", "castellon2021")
    content = read_result(path).model_dump(mode="json")
    content["representation"]["trained_on"] = "MagnaTagATune"
    content["representation"]["layers"] = 3
    content["probe"]["layer"] = "two"
    content["curve"] = [
        {"layer": layer, "index": 0, "valid": valid}
        for layer, valid in (("one", 0.2), ("two", 0.9), ("three", 0.4))
    ]
    path.write_text(Result.model_validate(content).to_json(), encoding="utf-8")
    return build_pages(rows, folder)[1]


@pytest.fixture
def page(browser: Any, board: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Give the open page; at the end it must have been silent, and alone."""
    context = browser.new_context(**getattr(request, "param", WIDE))
    page = context.new_page()
    noise: list[str] = []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("request", lambda asked: noise.append(asked.url))
    page.goto(board.as_uri())
    yield page
    own = (board.as_uri(), "about:blank", "data:,")
    assert [words for words in noise if words.split("#")[0] not in own] == []
    context.close()


def names(page: Any, table: str = "The paper’s four tasks") -> list[str]:
    """Names of the measured rows that are seen, from the top."""
    rows = page.locator(f"section:visible:has(h2:text-is('{table}')) tbody.measured tr:visible")
    return [text.split("\n")[0] for text in rows.locator("th").all_inner_texts()]


def said(page: Any) -> str:
    return str(page.locator("#said").text_content())


def head(page: Any, key: str) -> Any:
    return page.locator(f"section:visible th[data-key='{key}']").first


def test_sorting(page: Any) -> None:
    assert names(page)[:3] == ["high", "middle", "low"]
    head(page, "gtzan.accuracy").locator("button").click()
    assert names(page)[0] == "high"
    assert head(page, "gtzan.accuracy").get_attribute("aria-sort") == "descending"
    assert said(page) == "The paper’s four tasks: sorted by GTZAN accuracy, descending."
    head(page, "gtzan.accuracy").locator("button").click()
    assert names(page)[0] == "low"
    assert head(page, "gtzan.accuracy").get_attribute("aria-sort") == "ascending"
    head(page, "magnatagatune.roc_auc").locator("button").click()
    assert page.locator("section:visible th[aria-sort]").count() == 1
    # What was not run comes last, in either direction.
    for _ in range(2):
        assert names(page)[-1] == HOSTILE
        head(page, "magnatagatune.roc_auc").locator("button").click()
    head(page, "name").locator("button").click()
    assert names(page)[1:] == ["high", "low", "middle"]
    published = page.locator("tbody.published:visible tr:not(.group) th").all_inner_texts()
    assert published[:2] == ["best from scratch (2021)", "best pre-trained (2021)"]


def test_filtering(page: Any) -> None:
    page.fill("[name=filter]", "MID")
    assert names(page) == ["middle"]
    assert names(page, "Rendered tasks") == ["middle"]
    assert said(page) == "1 of 4 measured representations shown."
    page.fill("[name=filter]", "jukebox")
    assert names(page) == []
    assert page.locator("tbody.published:visible th:text-is('JUKEBOX')").count() == 1
    page.fill("[name=filter]", "")
    assert len(names(page)) == 4
    page.uncheck("[name=published]")
    assert page.locator("tbody.published:visible").count() == 0


def test_choosing_columns(page: Any) -> None:
    assert head(page, "gtzan.accuracy").is_visible()
    assert not head(page, "giantsteps.accuracy").is_visible()
    page.click("#columns summary")
    page.get_by_label("GTZAN accuracy").first.uncheck()
    page.get_by_label("GiantSteps accuracy").first.check()
    assert said(page) == "Column GiantSteps accuracy shown."
    assert not head(page, "gtzan.accuracy").is_visible()
    assert head(page, "giantsteps.accuracy").is_visible()
    row = page.locator("section:visible tbody.measured tr").first
    assert row.locator("td:visible").count() == 9 - 1  # dims, average, six, one less, one more
    page.keyboard.press("Escape")
    assert not page.locator("#columns div").is_visible()


def test_switching_split_and_protocol(page: Any) -> None:
    page.get_by_label("artist").check(force=True)
    assert said(page) == "Split artist, protocol castellon2021: The paper’s four tasks."
    assert names(page) == ["low", "middle", "high"]
    assert page.locator("tbody.published:visible").count() == 0
    assert page.locator("section:visible h2:text-is('Rendered tasks')").count() == 0
    page.get_by_label("paper", exact=True).check(force=True)
    page.select_option("[name=protocol]", "marble-constrained")
    assert page.locator("tbody.published:visible th:text-is('MERT-v1-330M')").count() == 1
    assert page.locator("tbody.measured:visible").count() == 0
    page.get_by_label("artist").check(force=True)
    assert page.get_by_text("There are no rows with this split and protocol.").is_visible()


def test_the_view_is_in_the_address(page: Any, board: Path) -> None:
    page.get_by_label("artist").check(force=True)
    head(page, "name").locator("button").click()
    page.fill("[name=filter]", "o")
    address = page.evaluate("location.href")
    assert "split=artist" in address
    page.goto("about:blank")
    page.goto(address)
    assert page.get_by_label("artist").is_checked()
    assert names(page) == ["low"]
    assert head(page, "name").get_attribute("aria-sort") == "ascending"


def test_provenance(page: Any) -> None:
    row = page.locator("section:visible tbody.measured tr:has(a:text-is('middle'))").first
    row.locator("td button").nth(1).click()
    dialog = page.get_by_role("dialog")
    text = dialog.inner_text()
    for words in (
        "middle: MagnaTagATune ROC-AUC",
        "rank group 2",
        "Distinguishable from all 2 others.",
        "pre-training data overlaps",
        "sha256 0000000000000000",
        "number 2: linear, standardised features, batch 64",
        "two",
        "5,329 test",
        "100 s embedding",
        "Python 3.12.0",
        "Trained on\nMagnaTagATune",
    ):
        assert words in text
    assert dialog.locator("dd a").get_attribute("href") == "results/middle/magnatagatune.paper.json"
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    row.locator("td button").first.click()
    assert dialog.locator("h3").count() == 4
    assert dialog.locator("dd a").count() == 4
    dialog.get_by_label("Close").click()
    assert not dialog.is_visible()


def test_bars_are_the_intervals(page: Any) -> None:
    """Over all cells of a column they reach from end to end, and dots lie within."""
    bars = page.evaluate(
        """[...document.querySelectorAll("section:not([hidden]) tbody.measured tr")]
        .map((row) => [...row.cells].slice(2, 9).map((cell) =>
          ["--l", "--v", "--h"].map((end) => cell.style.getPropertyValue(end))))"""
    )
    assert len(bars) == 4 + 3
    for place in range(7):
        column = [[float(end) for end in row[place]] for row in bars[:4] if row[place][0]]
        assert len(column) == (4 if place == 3 else 3)
        assert all(low <= value <= high for low, value, high in column)
        assert min(low for low, _, _ in column) == 0
        assert max(high for _, _, high in column) == 100


def test_links_to_rows_lead_to_files(page: Any, board: Path) -> None:
    row = page.locator("section:visible tbody.measured tr").last
    row.locator("td button").first.click()
    href = page.get_by_role("dialog").locator("dd a").evaluate("a => decodeURI(a.href)")
    assert Path(href.removeprefix("file://")).is_file()


def test_long_names_are_whole(
    browser: Any, tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    """Two layers of one model must not look alike."""
    name = "hf:somebody:a-rather-long-name-of-a-model,chunk=5.0,layer="
    for layer in "12":
        write_row(tmp_path / "results", make_result, name + layer, "gtzan")
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.goto(build_pages(tmp_path / "results", tmp_path)[1].as_uri())
    heads = page.locator("section:visible tbody.measured th")
    assert heads.evaluate_all("all => all.every((one) => one.scrollWidth <= one.clientWidth)")
    assert heads.first.evaluate("one => getComputedStyle(one).textOverflow") == "clip"
    page.close()


def test_what_the_panel_says_of_weights_and_remarks(
    browser: Any, tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    path = write_row(tmp_path / "results", make_result, "one", "gtzan")
    content = read_result(path).model_dump(mode="json")
    content["representation"]["weights"] = {"model.pt": "ab" * 32}
    content["task"]["notes"] = {"repeated to 3 s": 12}
    content["task"]["missing"] = [{"clip_id": "lost", "reason": "lost.wav does not exist"}]
    path.write_text(Result.model_validate(content).to_json(), encoding="utf-8")
    page = browser.new_page()
    page.goto(build_pages(tmp_path / "results", tmp_path)[1].as_uri())
    page.locator("section:visible td button").first.click()
    text = page.get_by_role("dialog").inner_text()
    assert "SHA-256 of model.pt abababababab…" in text
    assert "1 missing; repeated to 3 s: 12" in text
    assert "95 % interval" in text
    assert "not ranked" in text
    assert "Unranked: 1 clip missing, not known from which split." in text
    page.close()


def test_a_cost_that_is_known_in_part_is_not_drawn(
    browser: Any, tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    """The sum would be too small."""
    for name, unknown in (("whole", ""), ("part", "gtzan")):
        for task in list(SIZES)[:4]:
            seconds = 0.0 if task == unknown else 10.0
            write_row(tmp_path / "results", make_result, name, task, seconds=seconds)
    page = browser.new_page()
    page.goto(build_pages(tmp_path / "results", tmp_path)[1].as_uri())
    chosen = page.locator("[name=score]").evaluate("e => e.selectedOptions[0].text")
    assert chosen.startswith("Magna")  # the sum of the average is not known of one
    page.select_option("[name=score]", label="Average of four tasks")
    assert page.locator("#cost circle").count() == 1
    assert "Not drawn: 1 without a measured cost" in page.locator("#costnote").inner_text()
    page.locator("tr:has(a:text-is('part')) td button").first.click()
    assert "embedding not measured, 0 s probing" in page.get_by_role("dialog").inner_text()
    page.close()


def test_names_are_only_names(page: Any) -> None:
    page.locator("tr:has(a:text('onerror')) td button").first.click()
    assert page.locator("#ptitle").text_content() == f"{HOSTILE}: GTZAN accuracy"
    assert page.title() == "mirbench leaderboard"
    assert page.locator("img").count() == 0


PLACE = "[...document.querySelectorAll('td button')].indexOf(document.activeElement)"
FOCUS = "document.activeElement.closest('th')?.dataset.key ?? document.activeElement.tagName"


def test_keyboard_only(page: Any) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the tables"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "board"
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUS))
        if seen[-1] == "gtzan.accuracy":
            break
    assert seen[0] == "DIV"  # the table itself, so that it can be scrolled
    assert seen[1:3] == ["name", "dims"]
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    assert names(page)[0] == "low"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    while page.evaluate("document.activeElement.closest('td') === null"):
        page.keyboard.press("Tab")
    opener = page.evaluate(PLACE)
    assert opener >= 0
    page.keyboard.press("Enter")
    for _ in range(8):  # the focus stays in the panel, or with the browser's own controls
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    page.keyboard.press("Escape")
    assert page.evaluate(PLACE) == opener


def test_what_a_screen_reader_is_told(page: Any) -> None:
    assert page.locator("html").get_attribute("lang") == "en"
    for table in page.locator("section:visible table").all():
        assert table.locator("caption").count() == 1
        assert table.locator("thead th:not([scope=col])").count() == 0
        assert table.locator("tbody th:not([scope])").count() == 0
    assert page.locator("#said").get_attribute("aria-live") == "polite"
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input, select')].filter(e => !e.labels.length).length"
    )
    assert unnamed == 0
    assert (
        page.locator("#cost svg").get_attribute("aria-label").startswith("GTZAN accuracy against")
    )


def test_curves_and_cost(page: Any) -> None:
    assert page.locator("svg.layer-curve:visible").count() == 1
    assert page.locator("#cost circle").count() == 4  # the score that most have
    page.select_option("[name=score]", label="Average of four tasks")
    assert page.locator("#cost circle").count() == 3
    assert "each row’s own machine" in page.locator("#costnote").inner_text()
    page.select_option("[name=cost]", "dims")
    assert "machine" not in page.locator("#costnote").inner_text()
    assert page.locator("#cost text:text-is('dimensions')").count() == 1
    page.select_option("[name=score]", label="GTZAN accuracy")
    assert page.locator("#cost circle").count() == 4
    page.get_by_label("artist").check(force=True)
    assert page.locator("svg.layer-curve:visible").count() == 0


PHONES = [
    {"viewport": {"width": 390, "height": 844}, "has_touch": True, "color_scheme": scheme}
    for scheme in ("light", "dark")
]


@pytest.mark.parametrize("page", PHONES, indirect=True, ids=["light", "dark"])
def test_a_phone(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    curve = page.locator("svg.layer-curve:visible").bounding_box()
    assert curve["width"] > 500  # or nobody could read it; it scrolls in its own box
    first = page.locator("section:visible tbody.measured th").first
    left = first.bounding_box()["x"]
    page.locator(".scroll:visible").first.evaluate("e => e.scrollLeft = 300")
    assert first.bounding_box()["x"] == left  # names stay in sight
    page.locator(".scroll:visible").first.evaluate("e => e.scrollLeft = 0")
    page.locator("section:visible td button").first.tap()
    box = page.get_by_role("dialog").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.querySelector('dialog .body').scrollWidth") <= box["width"]


@pytest.mark.parametrize("page", PHONES, indirect=True, ids=["light", "dark"])
def test_text_stands_out(page: Any) -> None:
    """Contrast of 4.5 to 1 and more (WCAG 2.2, level AA) in both themes."""
    ratios = page.evaluate(CONTRAST)
    assert min(ratios) >= 4.5


CONTRAST = """() => {
  const light = (css) => {
    const [r, g, b] = css.match(/[\\d.]+/g).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const what = ["body", ".note", "td p", "td button.best", "sup", ".published td", "a"];
  return what.map((one) => {
    const ink = light(getComputedStyle(document.querySelector(one)).color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  });
}"""


@pytest.mark.slow
def test_a_large_board_is_sorted_at_once(
    browser: Any, tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    """200 representations × 8 tasks × 2 splits; small test sets make the same page."""
    small = {task: (*size[:3], min(size[3], 60), min(size[4], 12)) for task, size in SIZES.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("helpers.made_board.SIZES", small)
        write_board(tmp_path / "results", make_result, 200)
    path = build_pages(tmp_path / "results", tmp_path)[1]
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.goto(path.as_uri())
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        """Milliseconds of processor that the page's thread has had; waiting is not counted."""
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(1000 * metric["value"] for metric in metrics if metric["name"] == "ThreadTime")

    times = []
    for column in range(7):
        spent = []
        for _ in range(4):
            before = busy()
            page.evaluate(SORT, column)
            spent.append(busy() - before)
            page.evaluate(SETTLE)
        times.append(min(spent))
    page.evaluate(SORT, 0)
    page.wait_for_function(SORTED)
    page.close()
    # 45 to 100 ms beside other work.
    assert 0 < max(times) < 150


#: Waits until the rows that are not seen have followed, frame by frame.
SETTLE = """() => new Promise((done) => {
  let frames = 8;
  const count = () => { frames -= 1; if (frames) requestAnimationFrame(count); else done(); };
  count();
})"""

#: Whether the first column of scores is in order, down to the last row.
SORTED = """() => {
  const rows = [...document.querySelector("section:not([hidden]) tbody.measured").rows];
  const texts = rows.map((row) => row.cells[2].querySelector("button").firstChild.textContent);
  const values = texts.map((text) => parseFloat(text.replace("−", "-")));
  const head = document.querySelector("section:not([hidden]) th[aria-sort]");
  if (head.ariaSort === "descending") values.reverse();
  return rows.length === 200 && values.every((value, at) => !at || value >= values[at - 1]);
}"""

#: Clicks the head of one of the columns after the name's, and has the page laid out.
SORT = """(column) => {
  const heads = [...document.querySelectorAll("section:not([hidden]) thead button")].slice(2, 9);
  heads[column].click();
  document.body.offsetHeight;
}"""
