"""The page of deviations: every difference has a size, and names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "deviations.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| what")
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_every_row_has_a_size_and_its_tests_exist(row: list[str]) -> None:
    if len(row) == 4:  # figures, with the reason
        assert all(re.search(r"\d", cell) for cell in row[1:3])
        return
    assert len(row) == 5
    assert re.search(r"\d|none|not measured|not run|equal", row[3])
    for name in re.findall(r"`([\w/]+\.py)`", row[4]):
        assert [path for path in (ROOT / "tests").rglob("*.py") if path.as_posix().endswith(name)]
    assert row[4].startswith("`") or row[4] == "–"


@pytest.mark.parametrize("page", ["README.md", "docs/performance.md", "docs/leaderboard.md"])
def test_other_pages_link_to_it(page: str) -> None:
    assert "deviations.md" in (ROOT / page).read_text(encoding="utf-8")
