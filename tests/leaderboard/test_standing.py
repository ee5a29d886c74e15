"""Who vouches for a row: beside its name, on the page and in Markdown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from helpers.made_board import verify, write_row

from mirbench.benchmark.result import Result
from mirbench.leaderboard import build_pages


def test_verified_rows_name_who_did_it(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    results = tmp_path / "results"
    verify(write_row(results, make_result, "whole", "gtzan"), "jo")
    verify(write_row(results, make_result, "half", "gtzan"), "kim")
    write_row(results, make_result, "half", "emomusic")
    changed = write_row(results, make_result, "changed", "gtzan")
    verify(changed, "jo")
    write_row(results, make_result, "changed", "gtzan", skill=1.0)
    build_pages(results, tmp_path)
    pages = {name: (tmp_path / name).read_text("utf-8") for name in ("README.md", "index.html")}
    for page in pages.values():
        assert "verified by jo (2026-11-05)" in page.replace("\\", "")
        said = "1 of 2 rows verified by kim (2026-11-05), others self-reported"
        assert said in page.replace("\\", "")
    line = next(li for li in pages["README.md"].splitlines() if li.startswith("| changed"))
    assert "self-reported" in line
    assert "verified by" not in line
