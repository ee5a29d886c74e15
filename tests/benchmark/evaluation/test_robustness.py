"""Rows of deformed test clips: the same probe, another table, and nothing mixed up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.here import embed_here
from helpers.submitted_rows import predictions, put

from mirbench.benchmark import run
from mirbench.benchmark.api import DataError, UsageError
from mirbench.benchmark.cli.tables import row_table
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.pair import Pair
from mirbench.benchmark.evaluation import robustness
from mirbench.benchmark.evaluation.arrange import Rows
from mirbench.benchmark.evaluation.robustness import _heard, _places
from mirbench.benchmark.evaluation.settings import Settings
from mirbench.benchmark.result import Result, Row, read_predictions, read_result
from mirbench.benchmark.scoring.metrics import evaluate
from mirbench.benchmark.submissions.validation import validate
from mirbench.leaderboard.board import make_board
from mirbench.leaderboard.build import build_pages
from mirbench.leaderboard.curves import layer_figures
from mirbench.leaderboard.frame import to_frame
from mirbench.leaderboard.lacks import explain_lacks
from mirbench.leaderboard.rows import read_rows
from mirbench.leaderboard.samples import sample_rows


@pytest.fixture
def arguments(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    embed_here(monkeypatch)
    places = {"data": tiny.data, "out": tmp_path / "out", "cache": tmp_path / "cache"}
    return {"rep": tiny.rep, "task": tiny.task, "protocol": "quick", **places}


def file_of(out: Path, name: str) -> Path:
    return out / "tinyrep" / f"tinytask.paper.{name}.json"


def test_the_row_holds_the_drop_of_the_same_probe(arguments: dict[str, Any]) -> None:
    before = run(**arguments)
    clean, gain, noise = run(**arguments, deform=["gain", "noise10"])
    assert clean == before[0]
    out = arguments["out"]
    assert gain.protocol_label == "quick + gain"
    assert not gain.protocol.main_board
    for row in (gain, noise):
        assert row.deformation is not None
        assert row.probe == clean.probe
        assert row.task.embeddings_sha256 != clean.task.embeddings_sha256
        found = read_predictions(file_of(out, f"quick.{row.deformation.name}"))
        own = read_predictions(file_of(out, "quick"))
        assert found.clean is not None
        # A probe of three, trained alone, is the same probe.
        np.testing.assert_allclose(found.clean, own.outputs, atol=1e-3)
        assert np.abs(found.outputs - found.clean).max() > 0.01
        each = [
            evaluate(["accuracy"], found.targets, outputs)["accuracy"]
            for outputs in (found.clean, found.outputs)
        ]
        drop = row.deformation.drops["accuracy"]
        assert drop.value == pytest.approx(each[0] - each[1])
        assert row.scores["accuracy"].value == pytest.approx(each[1])
        assert drop.low <= drop.value <= drop.high
    # Noise fills the bands that a tone leaves empty.
    assert noise.deformation is not None
    assert noise.deformation.drops["accuracy"].value > 0.1


def test_only_test_clips_are_embedded_again_and_never_taken_for_clean_ones(
    arguments: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    log.mkdir()
    monkeypatch.setenv("TINYREP_LOG", str(log))
    arguments |= {"protocol": "knn"}
    clean = run(**arguments)[0]
    calls = len((log / "embedded.txt").read_text().splitlines())
    run(**arguments, deform="noise20")
    more = len((log / "embedded.txt").read_text().splitlines()) - calls
    assert more == 30
    again = run(**arguments, deform="noise20", force=True)
    assert len((log / "embedded.txt").read_text().splitlines()) - calls == 30
    assert again[0].task.embeddings_sha256 == clean.task.embeddings_sha256


def test_the_identical_row_is_read_and_others_are_refused(
    arguments: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[Row] = []
    run(**arguments, deform=["mp3", "mp3"], on_row=rows.append)
    run(**arguments, deform="mp3", on_row=rows.append)
    assert [row.found for row in rows] == [False, False, True, True]
    assert rows[1].result == rows[3].result
    table = row_table(rows[:2])
    assert "accuracy, drop" in table
    assert "tinytask (paper, mp3)" in table
    for asked, message in (
        ({"deform": "echo"}, "there is no deformation 'echo'"),
        ({"deform": "pitch_up"}, "'tinytask' may depend"),
        ({"deform": "mp3", "part": "1/2"}, "leave out --part"),
    ):
        with pytest.raises(UsageError, match=message):
            run(**arguments, **asked)


@pytest.mark.parametrize("protocol", ["fewshot", "knn"])
def test_other_protocols_too(arguments: dict[str, Any], protocol: str) -> None:
    clean, noisy = run(**arguments | {"protocol": protocol}, deform="noise10")
    assert noisy.deformation is not None
    drop = clean.scores["accuracy"].value - noisy.scores["accuracy"].value
    assert noisy.deformation.drops["accuracy"].value == pytest.approx(drop)
    out = arguments["out"]
    own = read_predictions(file_of(out, protocol)).outputs
    np.testing.assert_array_equal(read_predictions(file_of(out, f"{protocol}.noise10")).clean, own)


def test_tables_of_their_own(arguments: dict[str, Any], tmp_path: Path) -> None:
    run(**arguments, deform=["gain", "noise10"])
    rows = read_rows(arguments["out"])
    tables = {table.protocol: table for table in make_board(rows)}
    assert list(tables) == ["quick", "quick + gain", "quick + noise10"]
    noise = tables["quick + noise10"]
    assert [(column.metric, column.change) for column in noise.columns] == [
        ("accuracy", False),
        ("accuracy", True),
    ]
    cell = noise.lines[0].cells["tinytask.accuracy change"]
    result = next(row.result for row in rows if row.result.protocol_label == noise.protocol)
    assert result.deformation is not None
    drop = result.deformation.drops["accuracy"]
    ends = [-100 * drop.value, -100 * drop.high, -100 * drop.low]
    assert [cell.value, cell.low, cell.high] == pytest.approx(ends)
    build_pages(arguments["out"], tmp_path / "pages")
    page = (tmp_path / "pages" / "README.md").read_text(encoding="utf-8")
    assert "Protocol quick + noise10. Not the main protocol" in page
    assert "tinytask accuracy, change" in page
    frame = to_frame([row.result for row in rows])
    assert sorted(frame["protocol"]) == ["quick", "quick + gain", "quick + noise10"]
    assert not layer_figures([row.result for row in rows])


def test_a_deformed_row_is_not_a_row_of_the_task(
    arguments: dict[str, Any],
) -> None:
    """Nor is it taken for one where the board is asked what it lacks."""
    results = run(**arguments, deform="gain")
    only = [result for result in results if result.deformation is not None]
    lines = "\n".join(explain_lacks(only, "tinyrep"))
    assert "tinytask: there" not in lines
    assert Result.model_validate_json(only[0].to_json()) == only[0]
    assert "deformation" not in results[0].to_json()


def test_validation_computes_the_drop_again(arguments: dict[str, Any]) -> None:
    arguments = arguments | {"protocol": "knn"}
    run(**arguments, deform="noise10")
    path = file_of(arguments["out"], "knn.noise10")
    content = {file: file.read_bytes() for file in path.parent.iterdir()}

    def errors(change: Any = None) -> str:
        for file, before in content.items():
            file.write_bytes(before)
        if change is not None:
            change(path)
        (verdict,) = validate([path])
        return "\n".join(verdict.errors)

    value = "deformation.drops.accuracy.value"
    assert errors() == ""
    assert value in errors(put(value, 0.0))
    assert "there is none 'echo'" in errors(put("deformation.name", "echo"))
    assert "is not the noise10 of this version" in errors(put("deformation.version", 99))
    assert "must be False" in errors(put("protocol.main_board", True))
    none = predictions(lambda _, arrays: arrays.pop("clean"))
    assert "has no array 'clean'" in errors(none)
    errors(put(value, 0.5))
    with pytest.raises(DataError, match="do not give the drop of accuracy"):
        sample_rows([Row(path, read_result(path))])


def made(ids: tuple[str, ...], clip: list[int], missing: dict[str, str]) -> Embeddings:
    rows = np.arange(len(clip), dtype=np.float32)[:, None]
    return Embeddings(ids, rows, np.array(clip), missing)


def test_a_clip_that_is_lost_when_deformed_is_wrong_there_and_only_there(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = arguments | {"protocol": "knn", "max_missing": 0.5}
    embed_task = robustness.embed_task
    lost: list[str] = []

    def lossy(pair: Pair, settings: Settings) -> Embeddings:
        whole = embed_task(pair, settings)
        if set(whole.clip_ids) != set(pair.data.split.ids("test")):
            return whole
        number = int(whole.clip[0])
        lost.append(whole.clip_ids[number])
        kept = whole.clip != number
        return replace(
            whole,
            embedding=np.asarray(whole.embedding)[kept],
            clip=whole.clip[kept],
            missing={lost[0]: "too loud"},
        )

    monkeypatch.setattr(robustness, "embed_task", lossy)
    clean, changed = run(**arguments, deform="gain")
    own = read_predictions(file_of(arguments["out"], "knn"))
    found = read_predictions(file_of(arguments["out"], "knn.gain"))
    assert found.clip_ids == own.clip_ids
    assert found.clean is not None
    np.testing.assert_array_equal(found.clean, own.outputs)
    place = found.clip_ids.index(lost[0])
    assert np.argmax(found.outputs[place]) != found.targets[place]
    assert [clip.clip_id for clip in changed.task.missing if clip.wrong] == lost
    assert changed.deformation is not None
    right = (np.argmax(own.outputs, axis=1) == own.targets).mean()
    left = (np.argmax(found.outputs, axis=1) == found.targets).mean()
    assert clean.scores["accuracy"].value == pytest.approx(right)
    assert changed.scores["accuracy"].value == pytest.approx(left)
    assert changed.deformation.drops["accuracy"].value == pytest.approx(right - left)
    (verdict,) = validate([file_of(arguments["out"], "knn.gain")])
    assert verdict.errors == []


def test_windows_are_found_again_of_the_clips_that_are_left() -> None:
    clean = made(("a", "b", "c", "d"), [0, 0, 1, 1, 1, 2, 3], {})
    rows = Rows(
        {"train": [0, 1], "valid": [], "test": [4, 5, 2, 6, 3]},
        {"train": ["a", "a"], "valid": [], "test": ["b", "c", "b", "d", "b"]},
    )
    deformed = made(("b", "c", "d"), [0, 0, 0, 2], {"c": "too quiet"})
    both = _heard(rows, deformed)
    assert both.clips["test"] == ["b", "b", "d", "b"]
    assert both.places["train"] == [0, 1]
    assert _places(both, clean, deformed) == [2, 0, 3, 1]
    shorter = replace(deformed, clip=np.array([0, 0, 2]), embedding=deformed.embedding[:3])
    with pytest.raises(DataError, match="'b' has fewer windows"):
        _places(both, clean, shorter)
