"""What ``mirbench leaderboard why`` says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.result import Result
from mirbench.leaderboard.lacks import explain_lacks

PAPER = ("magnatagatune", "gtzan", "giantsteps", "emomusic")


def test_what_a_row_lacks(make_result: Callable[..., Result]) -> None:
    rows = [make_result("whole", task=task) for task in (*PAPER, "rendered_key")]
    rows += [
        make_result("my rep:x=1", task="gtzan"),
        make_result("my rep:x=1", task="emomusic", protocol="quick"),
        make_result("whole", task="gtzan", split="artist"),
    ]
    text = "\n".join(explain_lacks(rows, "my rep:x=1"))
    assert "  gtzan: there, without 1 clip\n" in text
    assert (
        "  magnatagatune: lacking; mirbench run --rep './my rep.py:x=1' --task magnatagatune "
        "--data DIR (mirbench data doctor magnatagatune)" in text
    )
    assert "  emomusic: lacking (there is one with protocol quick); mirbench run" in text
    assert "--rep './my rep.py:x=1' --task rendered_key\n" in text
    assert "no average: 1 of the paper's four tasks" in text
    assert "split artist, protocol castellon2021:" in text
    assert "--task gtzan --split artist" in text
    assert "  it has the paper's average" in explain_lacks(rows, "whole")


def test_features_from_elsewhere_are_probed(make_result: Callable[..., Result]) -> None:
    lines = explain_lacks([make_result("theirs", task="gtzan", origin="precomputed")], "theirs")
    assert any(
        "mirbench probe --embeddings FILE.npz --name theirs --task emomusic" in x for x in lines
    )


def test_a_model_object_is_run_from_python(make_result: Callable[..., Result]) -> None:
    lines = explain_lacks([make_result("mine", task="gtzan", origin="live")], "mine")
    assert any("in Python: run(model, 'emomusic', split='paper', name='mine')" in x for x in lines)


def test_names_that_are_not_on_the_board(make_result: Callable[..., Result]) -> None:
    rows = [make_result("chroma")]
    with pytest.raises(UsageError, match=r"did you mean: chroma.*mirbench run --rep chrom$"):
        explain_lacks(rows, "chrom")
    with pytest.raises(UsageError, match="'JUKEBOX' is a published row"):
        explain_lacks(rows, "JUKEBOX")
    with pytest.raises(UsageError, match="it has: none"):
        explain_lacks([], "x")


def test_the_commands_name_a_representation_as_it_is_asked_for(
    make_result: Callable[..., Result],
) -> None:
    row = make_result("hf:m-a-p:MERT-v1-95M,chunk=5.0,layer=7", task="gtzan", origin="built-in")
    content = row.model_dump()
    params = {"target": "m-a-p/MERT-v1-95M", "layer": 7, "chunk": 5.0}
    content["representation"] |= {"params": params}
    own = Result.model_validate(content)
    text = "\n".join(explain_lacks([own], own.representation.name))
    assert "run --rep 'hf:m-a-p/MERT-v1-95M?chunk=5.0&layer=7' --task emomusic" in text
    own = make_result("musicnn:layers=pool", task="gtzan", origin="built-in")
    text = "\n".join(explain_lacks([own], own.representation.name))
    assert "run --rep musicnn:layers=pool --task emomusic" in text
