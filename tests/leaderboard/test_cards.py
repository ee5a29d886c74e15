"""What the pages say of a representation beside its rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.made_board import write_row

from mirbench.benchmark.result import RepresentationRecord, Result, read_result
from mirbench.leaderboard import build_pages
from mirbench.leaderboard.bibliography import entry_of
from mirbench.leaderboard.cards import ALLOWED, FORBIDDEN, UNCLEAR, Known, known_of
from mirbench.leaderboard.facets import facets_of
from mirbench.leaderboard.scores_csv import spreadsheet


def record(name: str, origin: str = "built-in", **params: Any) -> RepresentationRecord:
    return RepresentationRecord(
        name=name, origin=origin, params=params, fingerprint="0", dims=8, layers=0, trained_on=None
    )


def test_a_card_is_that_of_the_weights_that_were_used() -> None:
    tiny, full = known_of(record("crepe:model=tiny", model="tiny")), known_of(record("crepe"))
    assert (tiny.parameters, tiny.weights) == (486_552, "tiny")
    assert (full.parameters, full.weights) == (22_239_976, "full")
    assert tiny.year == full.year == 2018
    assert known_of(record("musicnn")).parameters == 7_980_235  # of the larger


def test_features_without_a_model_have_no_parameters() -> None:
    assert known_of(record("mfcc")).parameters == 0
    assert known_of(record("mert")).parameters is None  # which its card does not say


@pytest.mark.parametrize(
    "stranger",
    [
        record("mfcc", origin="file"),
        record("mfcc", origin="somebodys-package"),
        record("../setup"),
        record("_crc32c"),
        record("__init__"),
        record("absent"),
    ],
    ids=lambda one: f"{one.name} {one.origin}",
)
def test_of_others_nothing_is_known(stranger: RepresentationRecord) -> None:
    assert known_of(stranger) == Known()
    assert known_of(stranger).commercial == UNCLEAR
    assert entry_of(stranger, known_of(stranger)) is None


def test_own_weights_are_not_those_of_the_card() -> None:
    own = known_of(record("mert:weights=/mine", weights="/mine"))
    assert own.licence is own.parameters is None
    assert own.title == "MERT v1"


@pytest.mark.parametrize(
    ("licence", "says"),
    [
        ("MIT", ALLOWED),
        ("ISC (librosa)", ALLOWED),
        ("MIT or Apache 2.0, sources differ", ALLOWED),
        ("CC BY 4.0", ALLOWED),
        ("CC BY-NC 4.0", FORBIDDEN),
        ("CC BY-NC-SA 4.0", FORBIDDEN),
        ("Noncommercial Use License (OpenAI)", FORBIDDEN),
        ("MIT or CC BY-NC 4.0, sources differ", UNCLEAR),
        ("MIT (not checked)", UNCLEAR),
        ("none stated", UNCLEAR),
        ("that of the model", UNCLEAR),
        ("permitted for limited use", UNCLEAR),
        (None, UNCLEAR),
    ],
)
def test_commercial_use(licence: str | None, says: str) -> None:
    assert Known(licence=licence).commercial == says


def test_every_built_in_card_can_be_read() -> None:
    folder = Path(__file__).resolve().parents[2] / "representations"
    names = [path.stem for path in folder.glob("[!_]*.py")]
    names += [path.parent.name for path in folder.glob("*/__init__.py")]
    assert len(names) > 20
    for name in names:
        known = known_of(record(name))
        assert known.title, name
        assert known.licence, name
        assert known.year, name
        entry = entry_of(record(name), known)
        assert entry is not None
        assert entry.count("{") == entry.count("}")


def test_a_preprint_gives_the_year_where_nothing_else_does() -> None:
    assert known_of(record("jukebox")).year == 2020


def test_authors_and_titles_of_references() -> None:
    def fields(name: str) -> list[str]:
        entry = entry_of(record(name), known_of(record(name)))
        assert entry is not None
        return entry.splitlines()

    assert "  author = {Kim and others}," in fields("crepe")
    assert "  title = {{Kim et al., ICASSP 2018, arXiv:1802.06182}}," in fields("crepe")
    assert "  author = {Choi and Fazekas and Sandler and Cho}," in fields("choi")
    title = "Large-scale contrastive language-audio pretraining"
    assert f"  title = {{{{{title}}}}}," in fields("clap")
    assert not any("author" in line for line in fields("w2v_bert"))


def test_csv_holds_no_formula() -> None:
    for text in ("=1", "+1", "-1", "@a", "＝1"):
        assert spreadsheet(text) == f"'{text}"
    assert spreadsheet("a=1") == "a=1"


def test_overlap_and_layers(make_result: Callable[..., Result]) -> None:
    def found(trained_on: str | None, layer: str | None = None) -> tuple[str, str]:
        content = make_result("one", task="gtzan").model_dump(mode="json")
        content["representation"]["trained_on"] = trained_on
        content["probe"]["layer"] = layer
        facets = facets_of([Result.model_validate(content)])
        return facets.overlap, facets.layer

    assert found("none") == ("none", "fixed")
    assert found("GTZAN", "three") == ("some", "chosen")
    assert found(None)[0] == found("music, not published")[0] == "unknown"


def test_a_page_says_what_is_not_stated(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    path = write_row(tmp_path / "results", make_result, "a b;c", "gtzan")
    build_pages(tmp_path / "results", tmp_path)
    text = (tmp_path / "rep" / f"{path.parent.name}.html").read_text("utf-8")
    for term in ("Licence", "Year", "Paper", "Parameters", "Trained on"):
        assert f"<dt>{term}</dt><dd>not stated" in text
    assert "mirbench run --rep &#39;./a b;c.py&#39; --task gtzan" in text
    assert "1 row, without dates; version " in text
    write_row(tmp_path / "quick", make_result, "mine", "rendered_key", protocol="quick")
    build_pages(tmp_path / "quick", tmp_path / "out")
    text = (tmp_path / "out" / "rep" / "mine.html").read_text("utf-8")
    assert "mirbench run --rep ./mine.py --task rendered_key --protocol quick" in text


def test_a_page_shows_card_curves_and_overlaps(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    path = write_row(tmp_path / "results", make_result, "clmr", "gtzan", origin="built-in")
    content = read_result(path).model_dump(mode="json")
    content["representation"] |= {"trained_on": "MagnaTagATune", "weights": {"w.pt": "ab" * 32}}
    content["probe"]["layer"] = "two"
    content["curve"] = [
        {"layer": layer, "index": 0, "valid": valid} for layer, valid in (("1", 0.2), ("two", 0.9))
    ]
    path.write_text(Result.model_validate(content).to_json(), encoding="utf-8")
    build_pages(tmp_path / "results", tmp_path)
    text = (tmp_path / "rep" / "clmr.html").read_text("utf-8")
    for words in (
        "<dt>Licence</dt><dd>MIT (commercial use: allowed)",
        "<dt>Year</dt><dd>2021",
        "<dt>Parameters</dt><dd>2,368,512",
        "<dt>Code</dt><dd>representations/clmr.py of mirbench",
        "<dt>Overlaps</dt><dd>MagnaTagATune",
        "<dt>Layer used</dt><dd>chosen on validation",
        f"w.pt, SHA-256 {'ab' * 32}",
        "mirbench weights fetch clmr:clmr",
        '<svg class="layer-curve"',
        "../results/clmr/gtzan.paper.json",
        "@misc{clmr,",
    ):
        assert words in text
