"""What embeddings were trained on: said with ``--trained-on``, and asked for on submission."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.submitted_rows import submit_row

from mirbench.benchmark.result import read_result
from mirbench.benchmark.submissions.packing import pack
from mirbench.benchmark.submissions.validation import validate
from mirbench.benchmark.submissions.verdict import verdict_lines

Main = Callable[..., tuple[int, str, str]]

PROBE = ("probe", "--task", "tinytask", "--protocol", "quick", "--out", "out")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    ids = [f"clip{n:03d}" for n in range(150)]
    np.savez(tmp_path / "mine.npz", clip_id=ids, embedding=rng.normal(size=(150, 3)))
    return tmp_path / "mine.npz"


@pytest.mark.parametrize(
    ("said", "stated"),
    [
        (None, None),
        ("none", "none"),
        ("Million Song Dataset", "Million Song Dataset"),
        ("  MTT,\n GTZAN ", "MTT, GTZAN"),
        ("2,000 h of Çalgı müziği", "2,000 h of Çalgı müziği"),
        ("x" * 1000, "x" * 1000),
    ],
)
def test_the_row_says_it(
    main: Main, file: Path, tmp_path: Path, said: str | None, stated: str | None
) -> None:
    option = () if said is None else ("--trained-on", said)
    status, _, err = main(*PROBE, "--embeddings", file, *option)
    assert status == 0, err
    (path,) = tmp_path.glob("out/*/*.json")
    assert read_result(path).representation.trained_on == stated


def test_saying_it_later_makes_the_row_again_with_the_same_scores(
    main: Main, file: Path, tmp_path: Path
) -> None:
    assert main(*PROBE, "--embeddings", file)[0] == 0
    (path,) = tmp_path.glob("out/*/*.json")
    before = read_result(path)
    for _ in range(2):
        status, out, _ = main(*PROBE, "--embeddings", file, "--trained-on", "GTZAN")
        assert status == 0
    assert "found, identical" in out
    after = read_result(path)
    assert (after.representation.trained_on, after.scores) == ("GTZAN", before.scores)


@pytest.mark.parametrize("said", ["", " ", "\n", "a\u202eb", "a\x07b", "x" * 1001])
def test_what_is_no_text_is_refused(main: Main, file: Path, tmp_path: Path, said: str) -> None:
    status, _, err = main(*PROBE, "--embeddings", file, "--trained-on", said)
    assert status == 2
    assert "name the data sets in one line of at most 1,000 characters, or say none" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_card_is_not_contradicted(main: Main, tmp_path: Path) -> None:
    assert main("embed", "--rep", "tinyrep", "--task", "tinytask", "--jobs", "1")[0] == 0
    status, _, err = main(*PROBE, "--rep", "tinyrep", "--trained-on", "GTZAN")
    assert status == 2
    assert "the card of tinyrep says that it was trained on 'none'; leave --trained-on out" in err
    assert main(*PROBE, "--rep", "tinyrep", "--trained-on", "none")[0] == 0


ASKED = [
    ("precomputed", "mirbench probe --embeddings FILE --trained-on TEXT"),
    ("file", 'write "trained_on" into the CARD of the plugin and run it again'),
    ("somepackage", 'write "trained_on" into the CARD of the plugin and run it again'),
    ("built-in", "mirbench probe --rep NAME --trained-on TEXT"),
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    board = tmp_path / "checkout" / "leaderboard" / "results"
    submit_row(board, "theirs", seed=99)
    (tmp_path / "checkout" / "pyproject.toml").write_text('[project]\nname = "mirbench"\n')
    return tmp_path / "checkout"


@pytest.mark.parametrize(("origin", "advice"), ASKED)
def test_a_row_that_does_not_say_it_is_noted_and_not_submitted(
    tmp_path: Path, checkout: Path, origin: str, advice: str
) -> None:
    facts: dict[str, Any] = {"origin": origin, "seed": 1, "trained_on": None}
    adapted = origin == "built-in"
    name = "hear:my.module" if adapted else "mine"
    facts["params"] = {"target": "my.module"} if adapted else {}
    path = submit_row(tmp_path / "rows", name, **facts)
    (verdict,) = validate([path])
    assert verdict.accepted
    assert [advice in note for note in verdict.notes if "trained_on" in note] == [True]
    packed = pack(tmp_path / "rows", checkout)
    assert not packed.accepted
    assert not packed.written
    lines = [line for line in verdict_lines(packed.verdicts) if "trained_on" in line]
    assert len(lines) == 1
    assert lines[0].startswith("  error: representation.trained_on: not stated")
    assert advice in lines[0]


@pytest.mark.parametrize("stated", ["none", "GTZAN", "not known"])
def test_any_answer_will_do(tmp_path: Path, checkout: Path, stated: str) -> None:
    submit_row(tmp_path / "rows", "mine", origin="precomputed", seed=1, trained_on=stated)
    packed = pack(tmp_path / "rows", checkout)
    assert packed.accepted
    assert not any("trained_on" in note for note in packed.verdicts[0].notes)
