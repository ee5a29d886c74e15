"""Published figures are carried as printed: complete, in our units, with their averages."""

from __future__ import annotations

import importlib.resources
import json
from pathlib import Path
from typing import Any

import pytest

from mirbench.leaderboard import build_pages, load_results
from mirbench.leaderboard.references import load_published

METRICS = {
    "magnatagatune": {"roc_auc", "average_precision"},
    "gtzan": {"accuracy"},
    "giantsteps": {"weighted_key_score"},
    "emomusic": {"r2_arousal", "r2_valence"},
}


def _load(name: str) -> dict[str, Any]:
    folder = importlib.resources.files("mirbench.leaderboard") / "published"
    content: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize(("name", "n_rows"), [("castellon2021", 9), ("marble", 9), ("mert2", 11)])
def test_rows_are_complete(name: str, n_rows: int) -> None:
    table = _load(name)
    assert (table["status"], table["split"]) == ("published", "paper")
    places = ("https://arxiv.org/abs/", "https://huggingface.co/m-a-p/")
    assert table["source"]["url"].startswith(places)
    assert len({row["representation"] for row in table["rows"]}) == n_rows
    for row in table["rows"]:
        assert {task: set(scores) for task, scores in row["scores"].items()} == METRICS
        assert all(0 < value < 1 for scores in row["scores"].values() for value in scores.values())
        paths = {f"{task}.{metric}" for task in METRICS for metric in METRICS[task]}
        assert set(row.get("starred", ())) <= paths | {"average"}


def test_averages_of_table_3_follow_from_its_cells() -> None:
    for row in _load("castellon2021")["rows"]:
        tasks = [sum(scores.values()) / len(scores) for scores in row["scores"].values()]
        assert sum(tasks) / len(tasks) == pytest.approx(row["average"], abs=0.001), row


def test_stars_mark_what_another_subset_of_emomusic_was_used_for() -> None:
    starred = {row["representation"]: row["starred"] for row in _load("castellon2021")["rows"]}
    assert starred["JUKEBOX"] == []
    assert starred["state of the art (2021)"] == [
        "emomusic.r2_arousal",
        "emomusic.r2_valence",
        "average",
    ]


def test_a_few_figures_as_printed() -> None:
    table_3 = {row["representation"]: row for row in _load("castellon2021")["rows"]}
    assert table_3["CHROMA"]["scores"]["giantsteps"]["weighted_key_score"] == 0.565
    assert table_3["JUKEBOX"]["scores"]["emomusic"]["r2_valence"] == 0.617
    assert table_3["MUSICNN"]["dims"] == 4194
    marble = {row["representation"]: row for row in _load("marble")["rows"]}
    assert marble["MULE"]["scores"]["magnatagatune"]["average_precision"] == 0.401
    assert "MuQ" in marble["MuQ (m4a)"]["source"]["citation"]
    mert2 = {row["representation"]: row for row in _load("mert2")["rows"]}
    assert mert2["MERT-v2-30s"]["scores"]["gtzan"]["accuracy"] == 0.9172
    assert mert2["MERT-v2-FullSong"]["scores"]["giantsteps"]["weighted_key_score"] == 0.6705
    assert "source" not in mert2["MERT-v2-30s"]
    assert "PupuJEPA" in mert2["MuQ"]["source"]["citation"]


def test_the_board_shows_them_apart_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    markdown, html = (path.read_text() for path in build_pages(tmp_path / "rows", tmp_path)[:2])
    for page in (markdown, html):
        assert "As published, not run by mirbench" in page
        assert "https://arxiv.org/abs/2107.05677" in page
        assert "MERT-v1-330M" in page
        assert "marble-constrained" in page
        assert "70.4" in page
    measured, published = html.split('<tbody class="published">', 1)
    assert 'class="measured"' not in html
    assert "MERT" not in measured
    assert "<tr data-n=" not in published.split("<script", 1)[0]
    assert load_results(tmp_path / "rows").empty


def test_rows_with_a_source_of_their_own_are_marked() -> None:
    table = load_published("marble")
    marked = [row.representation for row in table.rows if row.mark]
    assert marked == ["MusicFM (MSD)", "MuQ (m4a)"]
    assert any(note.startswith("† H. Zhu") for note in table.notes)
