"""The rules and the search on small cases that can be worked out by hand."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbench.benchmark.api import SPLITS, DataError, Split
from mirbench.splits.emomusic import bin_values
from mirbench.splits.grouped import Groups, closest_split
from mirbench.splits.gtzan import paper_split
from mirbench.splits.make import main, split_path


def _groups(sizes: list[int]) -> Groups:
    return {f"g{k}": {f"{k}.{i}": ("a",) for i in range(size)} for k, size in enumerate(sizes)}


def test_search_meets_counts_that_can_be_met() -> None:
    groups = _groups([7, 5, 5, 4, 3, 3, 2, 1])
    clips = [clip for members in groups.values() for clip in members]
    target: dict[str, Split] = {
        clip: "train" if k < 20 else "valid" if k < 25 else "test" for k, clip in enumerate(clips)
    }
    found = closest_split(groups, target)
    assert Counter(found.values()) == {"train": 20, "valid": 5, "test": 5}


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=9, max_size=20))
def test_search_keeps_groups_whole(drawn: list[int]) -> None:
    groups = _groups(drawn)
    clips = sorted(clip for members in groups.values() for clip in members)
    target = {clip: SPLITS[k % 3] for k, clip in enumerate(clips)}
    found = closest_split(groups, target)
    assert found.keys() == set(clips)
    assert all(len({found[clip] for clip in members}) == 1 for members in groups.values())
    # The order in which groups come must not matter.
    assert closest_split(dict(reversed(groups.items())), target) == found


def test_search_says_which_label_cannot_be_everywhere() -> None:
    groups: Groups = _groups([3, 3, 3]) | {"alone": {"x": ("rare",)}}
    target = {clip: "train" for members in groups.values() for clip in members}
    with pytest.raises(ValueError, match=r"no clip of '(a|rare)' in"):
        closest_split(groups, target)


def test_quantile_bins() -> None:
    assert bin_values([10, 1, 2, 3, 4, 5, 6, 7, 8, 9]) == [4, 0, 0, 1, 1, 2, 2, 3, 3, 4]
    assert len(set(bin_values([5.0] * 9 + [1.0]))) == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("blues/jazz.00001.wav", "line 2: expected a new <genre>"),
        ("blues/blues.00000.wav", "line 2: expected a new"),
    ],
)
def test_malformed_lists_of_gtzan_are_explained(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "train_filtered.txt").write_text(f"blues/blues.00000.wav\n{line}\n")
    with pytest.raises(DataError, match=message):
        paper_split(tmp_path)


def test_absent_lists_of_gtzan_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gtzan", "--data", str(tmp_path)]) == 1
    assert "train_filtered.txt is missing" in capsys.readouterr().err


def _write_lists(folder: Path) -> None:
    frozen = split_path("gtzan", "paper").read_text().splitlines()[1:]
    for split in SPLITS:
        lines = [row.split(",")[0] for row in frozen if row.endswith(f",{split}")]
        text = "".join(f"{clip.split('.')[0]}/{clip}.wav\n" for clip in lines)
        (folder / f"{split}_filtered.txt").write_text(text)


def test_command_compares_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, frozen = tmp_path / "data", tmp_path / "frozen"
    data.mkdir()
    frozen.mkdir()
    _write_lists(data)
    for split in ("paper", "artist"):
        shutil.copy(split_path("gtzan", split), frozen)
    monkeypatch.setattr("mirbench.splits.make.split_path", lambda t, s: frozen / f"{t}.{s}.csv")
    command = ["gtzan", "--data", str(data)]
    assert main(command) == 0
    assert "443 / 197 / 290 clips, same as frozen" in capsys.readouterr().out
    valid = data / "valid_filtered.txt"
    valid.write_text(valid.read_text().partition("\n")[2])
    assert main(command) == 1
    assert "443 / 196 / 290 clips, DIFFERS from frozen" in capsys.readouterr().out
    assert main([*command, "--write"]) == 0
    assert main(command) == 0
