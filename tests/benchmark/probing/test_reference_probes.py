"""Probes of every kind of task against those of the original code, on data drawn from seeds."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.synthetic_probes import RECIPES, synthetic_probe_data

from mirbench.benchmark.probing import train_grid

REFERENCE = Path(__file__).parents[2] / "data" / "synthetic_probes.json"
ROWS: list[dict[str, Any]] = json.loads(REFERENCE.read_text(encoding="utf-8"))["rows"]

#: The scores are printed with six digits.
PRINTED = 5.1e-7

#: One probe's outputs for two validation clips, one with and one without the tag, are so close
#: that the rounding of the matrix product decides which is first: with AVX2 (MKL) it is that of
#: the original, with AVX-512 the other. Of 62 × 238 pairs in each of 50 tags that is 1.36e-6.
CLOSE_PAIR = {("loud tags", 53): 1.4e-6}

#: The original's names of the two R².
NAMES = {"arousal_r2": "r2_arousal", "valence_r2": "r2_valence"}


PARAMETERS = [
    pytest.param(
        row,
        id=f"{row['case']}-{row['index']}",
        marks=[pytest.mark.slow] if row["updates"] > 5000 else [],
    )
    for row in ROWS
]


@pytest.mark.parametrize("row", PARAMETERS)
def test_a_probe_ends_as_that_of_the_original_code(row: dict[str, Any]) -> None:
    (record,) = train_grid(synthetic_probe_data(row["case"]), "castellon2021", [row["index"]])
    assert record.updates == row["updates"]
    close = CLOSE_PAIR.get((row["case"], row["index"]), PRINTED)
    assert record.valid == pytest.approx(row["valid"], rel=0, abs=close)
    for name, score in row["test"].items():
        assert record.test[NAMES.get(name, name)] == pytest.approx(score, rel=0, abs=PRINTED), name


def test_the_short_probes_are_of_every_case() -> None:
    short = {row["case"] for row in ROWS if row["updates"] <= 5000}
    assert short == set(RECIPES) - {"genre"}


def test_the_numbers_are_those_of_the_original_code(shared: Path) -> None:
    content = (shared / "reference" / "synthetic_probes.json").read_text(encoding="utf-8")
    assert json.loads(content)["rows"] == ROWS


@pytest.mark.parametrize("case", RECIPES)
def test_the_data_are_those_that_the_original_code_was_given(case: str, shared: Path) -> None:
    place = shared / "reference" / "synthetic.py"
    spec = importlib.util.spec_from_file_location("synthetic_reference", place)
    assert spec is not None
    assert spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    *arguments, _ = reference.CASES[case]
    data = synthetic_probe_data(case)
    for split, (X, y, clips) in reference.make(*arguments).items():
        own = [getattr(data, f"{name}_{split}") for name in "Xy"]
        for array, expected in zip(own, (X, y), strict=True):
            assert array.dtype == expected.dtype
            np.testing.assert_array_equal(array, expected)
        if split != "train":
            np.testing.assert_array_equal(getattr(data, f"clips_{split}"), clips)
