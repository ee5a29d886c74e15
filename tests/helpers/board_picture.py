"""Take the pictures of the board that the README and the site show.

``PYTHONPATH=tests python -m helpers.board_picture``, whenever the board looks different. It
needs playwright and Chromium.
"""

from __future__ import annotations

import shutil

from helpers.import_graph import ROOT
from helpers.needs import BROWSERS
from playwright.sync_api import Page, sync_playwright

IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1100, 800


def take(page: Page) -> None:
    """Write the table of the rendered tasks, and the panel of one of its scores."""
    page.goto((ROOT / "leaderboard" / "index.html").as_uri())
    section = page.locator("section", has=page.get_by_role("heading", name="Rendered tasks")).first
    section.screenshot(path=IMAGES / "board.png", style="section { padding: 1rem }")
    section.locator("tbody button").first.click()
    page.wait_for_timeout(500)  # the panel slides in
    page.screenshot(path=IMAGES / "score.png")


def main() -> None:
    """Take both pictures."""
    browser = next(path for name in BROWSERS if (path := shutil.which(name)))
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        take(chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT}))
        chromium.close()


if __name__ == "__main__":
    main()
