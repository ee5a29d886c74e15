"""Which tasks a run takes that names none."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirbench.benchmark.api import DataError
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.registry import load_task
from mirbench.benchmark.runs.pairs import Where, pairs_of


@pytest.fixture
def where(tmp_path: Path) -> Where:
    """Stand on a machine without datasets."""
    return Where(split="paper", data=tmp_path / "data", cache=CacheFolder(tmp_path / "cache"))


def test_those_that_mirbench_makes_in_seconds(
    where: Where, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [pair.task.name for pair in pairs_of("mfcc", None, where)]
    assert names == ["rendered_instruments", "rendered_key", "rendered_tempo"]
    said = capsys.readouterr().err
    (line,) = [line for line in said.splitlines() if "run when named with --task" in line]
    assert "rendered_chords, rendered_interval, rendered_metre" in line
    assert "rendered_key" not in line


@pytest.mark.parametrize("name", ["rendered_triad", "rendered_chords"])
def test_others_when_they_are_named(name: str, where: Where) -> None:
    assert not load_task(name).by_default
    (pair,) = pairs_of("mfcc", name, where)
    assert pair.task.name == name


def test_no_task_at_all(where: Where) -> None:
    absent = Where(split="nowhere", data=where.data, cache=where.cache)
    with pytest.raises(DataError, match="no task with a split 'nowhere'"):
        pairs_of("mfcc", None, absent)
