"""Result rows: canonical JSON, their place, predictions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.old_files import read_parts
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from mirbench.benchmark.api import DataError
from mirbench.benchmark.result import (
    Predictions,
    Result,
    predictions_path,
    read_predictions,
    read_result,
    read_results,
    result_path,
    rows_below,
    slug,
    write_result,
)

MakeResult = Callable[..., Result]


@pytest.fixture
def predictions() -> Predictions:
    outputs = np.arange(6, dtype=np.float32).reshape(3, 2)
    return Predictions(("a", "b", "ç"), ("g1", "g1", "g2"), outputs, np.array([0, 1, 1]))


def test_round_trip(tmp_path: Path, make_result: MakeResult, predictions: Predictions) -> None:
    result = make_result(representation="mine:layer=3")
    path = write_result(tmp_path, result, predictions)
    assert path == tmp_path / "mine+layer=3" / "toy.paper.json"
    assert read_result(path) == result
    assert path == tmp_path / result.place
    assert read_results(tmp_path) == [result]
    again = read_predictions(path)
    assert (again.clip_ids, again.groups) == (predictions.clip_ids, predictions.groups)
    np.testing.assert_array_equal(again.outputs, predictions.outputs)
    np.testing.assert_array_equal(again.targets, predictions.targets)


def test_json_is_canonical(tmp_path: Path, make_result: MakeResult) -> None:
    text = make_result(representation="ünïcode").to_json()
    assert text == make_result(representation="ünïcode").to_json()
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert Result.model_validate_json(text).to_json() == text


def test_weights_stand_in_rows_that_have_some(make_result: MakeResult) -> None:
    result = make_result()
    assert "weights" not in json.loads(result.to_json())["representation"]
    record = result.representation.model_copy(update={"weights": {"w.bin": "0" * 64}})
    other = result.model_copy(update={"representation": record})
    assert Result.model_validate_json(other.to_json()) == other
    assert json.loads(other.to_json())["representation"]["weights"] == {"w.bin": "0" * 64}
    assert other.identity != result.identity


def test_facts_stand_in_rows_that_have_them_and_are_no_part_of_the_question(
    make_result: MakeResult,
) -> None:
    result = make_result()
    assert "facts" not in json.loads(result.to_json())
    facts = {"group": "band", "test": 30, "constants": {"accuracy": "x", "r2": [0.5], "ap": []}}
    content = result.model_dump(mode="json") | {"facts": facts}
    other = Result.model_validate(content)
    assert Result.model_validate_json(other.to_json(), strict=True) == other
    assert other.identity == result.identity


def test_identity_leaves_cost_and_scores_out(make_result: MakeResult) -> None:
    result = make_result()
    assert result.identity == make_result(value=0.9, seconds=99.0).identity
    for change in ({"representation": "b"}, {"split": "artist"}, {"protocol": "quick"}):
        assert result.identity != make_result(**change).identity


def test_other_protocols_and_splits_have_their_own_files(tmp_path: Path) -> None:
    paths = {
        result_path(tmp_path, "x", "toy", split, protocol)
        for split in ("paper", "artist")
        for protocol in ("castellon2021", "quick")
    }
    assert len(paths) == 4
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "x" / "layers.paper.png").touch()
    (tmp_path / "index.json").touch()
    assert rows_below(tmp_path) == sorted(paths)
    assert rows_below(tmp_path / "absent") == []
    assert result_path(tmp_path, "x", "toy", "paper", "castellon2021").name == "toy.paper.json"


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (lambda row: row.pop("scores"), "is not a result row: scores: Field required"),
        (lambda row: row.update(schema_version=2), "is not a result row: schema_version:"),
        (lambda row: row.update(more=1), "is not a result row: more:"),
        (
            lambda row: row["scores"]["accuracy"].update(value="high"),
            "is not a result row: scores.accuracy.value:",
        ),
    ],
)
def test_wrong_rows(
    tmp_path: Path, make_result: MakeResult, change: Callable[[dict], object], mistake: str
) -> None:
    row = json.loads(make_result().to_json())
    change(row)
    path = tmp_path / "mine" / "toy.paper.json"
    path.parent.mkdir()
    path.write_text(json.dumps(row))
    with pytest.raises(DataError) as caught:
        read_results(tmp_path)
    assert str(caught.value).startswith(f"{path} {mistake}")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]"])
def test_files_that_are_no_row(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "row.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"row\.json is not a result row: the file"):
        read_result(path)
    with pytest.raises(DataError, match=r"cannot read .*absent\.json: No such file"):
        read_result(tmp_path / "absent.json")
    with pytest.raises(DataError, match="there is no folder"):
        read_results(tmp_path / "absent")


def test_damaged_predictions(
    tmp_path: Path, make_result: MakeResult, predictions: Predictions
) -> None:
    path = write_result(tmp_path, make_result(), predictions)
    place = predictions_path(path)
    content = place.read_bytes()
    for damaged in (b"", content[:-4], b"x" * 200):
        place.write_bytes(damaged)
        with pytest.raises(DataError, match="cannot read the predictions"):
            read_predictions(path)
    place.unlink()
    with pytest.raises(DataError, match="cannot read the predictions"):
        read_predictions(path)


def test_a_flip_anywhere_in_predictions_is_seen(
    tmp_path: Path, make_result: MakeResult, predictions: Predictions
) -> None:
    path = write_result(tmp_path, make_result(), predictions)
    place = predictions_path(path)
    content = place.read_bytes()
    seen = 0
    for number in range(len(content)):
        flipped = bytearray(content)
        flipped[number] ^= 1 << number % 8
        place.write_bytes(flipped)
        try:
            found = read_predictions(path)
        except DataError:
            seen += 1
            continue
        assert (found.clip_ids, found.groups) == (predictions.clip_ids, predictions.groups)
        np.testing.assert_array_equal(found.outputs, predictions.outputs)
        np.testing.assert_array_equal(found.targets, predictions.targets)
    assert seen > 0.9 * len(content)


def test_predictions_of_older_rows_have_no_digest(
    tmp_path: Path, make_result: MakeResult, predictions: Predictions
) -> None:
    path = write_result(tmp_path, make_result(), predictions)
    facts, arrays = read_parts(predictions_path(path))
    del facts["digest"]
    save_file(arrays, predictions_path(path), metadata={"mirbench": json.dumps(facts)})
    assert read_predictions(path).clip_ids == predictions.clip_ids


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_slugs_are_safe_and_distinct(one: str, two: str) -> None:
    for name in (one, two):
        folder = slug(name)
        assert 0 < len(folder) <= 120
        assert set(folder) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._=,+-"
        )
        assert not folder.startswith(".")
    assert (slug(one) == slug(two)) == (one == two)


@pytest.mark.parametrize("name", ["../../etc", "/abs", "a/b", "..", ".hidden", "a\0b", "x" * 300])
def test_slugs_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    path = result_path(tmp_path, name, "toy", "paper", "quick")
    assert path.parent.parent == tmp_path
    assert path.resolve().parent.parent == tmp_path.resolve()


def test_slugs_are_readable() -> None:
    assert slug("mfcc") == "mfcc"
    assert slug("musicnn:model=MSD,layer=2") == "musicnn+model=MSD,layer=2"
    assert slug("a+b") != slug("a:b")


def test_the_day_stands_in_rows_that_say_it(make_result: MakeResult) -> None:
    """Older rows are written again as they were."""
    result = make_result()
    assert result.environment.date is None
    assert '"date"' not in result.to_json()
    content = result.model_dump(mode="json")
    content["environment"]["date"] = "2026-11-27"
    dated = Result.model_validate(content)
    assert '"date": "2026-11-27"' in dated.to_json()
    assert Result.model_validate_json(dated.to_json()) == dated
    assert dated.identity == result.identity


def test_a_new_row_says_its_day() -> None:
    from datetime import UTC, datetime

    from mirbench.benchmark.evaluation.environment import describe_environment

    before = datetime.now(UTC).date()
    assert before <= (describe_environment({}).date or before.min) <= datetime.now(UTC).date()
