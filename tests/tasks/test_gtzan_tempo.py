"""The tempi of GTZAN: their reader, and what is said of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from helpers.frozen_splits import frozen_split

from mirbench.benchmark.api import DataError, tempo_label
from mirbench.benchmark.embedding.store import task_fingerprint
from mirbench.benchmark.scoring.metrics import evaluate
from mirbench.splits.make import split_path
from mirbench.tasks import gtzan
from mirbench.tasks.gtzan_tempo import TASK, read_clips, read_tempi


def _write(root: Path, folder: str = "tempo", **files: str) -> Path:
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / folder / f"gtzan_{name}.bpm").write_text(text)
    return root


@pytest.mark.parametrize("folder", ["tempo", "gtzan_tempo_beat-main/tempo", "annotations/tempo"])
def test_clips_are_those_of_gtzan_with_a_tempo(tmp_path: Path, folder: str) -> None:
    _write(tmp_path, folder, country_00000="8.553000000000000114e+01\n", rock_00012="120")
    (tmp_path / folder / "README.md").write_text("no tempo")
    audio = tmp_path / "genres" / "rock" / "rock.00012.wav"
    audio.parent.mkdir(parents=True)
    audio.touch()
    country, rock = read_clips(tmp_path)
    assert (country.id, country.label) == ("country.00000", tempo_label(85.53))
    assert rock.path == audio
    twins = {clip.id: clip for clip in gtzan.read_clips(tmp_path)}
    for clip in (country, rock):
        twin = twins[clip.id]
        assert (clip.path, clip.group, clip.min_duration) == (twin.path, twin.group, 29)


def test_embeddings_of_gtzan_are_used() -> None:
    assert task_fingerprint(TASK) == task_fingerprint(gtzan.TASK)


@pytest.mark.parametrize("split", ["paper", "artist"])
def test_splits_are_those_of_gtzan(split: str) -> None:
    assert split_path(TASK.name, split).read_bytes() == split_path("gtzan", split).read_bytes()
    assert "reggae.00086" not in frozen_split(TASK.name, split)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected a number of beats per minute, found ''"),
        ("fast", "found 'fast'"),
        ("nan", "found 'nan'"),
        ("-3", "found '-3'"),
        ("1e9", "found '1e9'"),
        ("120 0.5", "found '120 0.5'"),
        ("0.0", "a tempo of 0"),
        ("1" * 2000, "expected one short line"),
    ],
)
def test_malformed_tempi_are_explained(tmp_path: Path, text: str, message: str) -> None:
    _write(tmp_path, blues_00001=text, blues_00002="100")
    with pytest.raises(DataError, match=message) as caught:
        list(read_clips(tmp_path))
    assert "gtzan_blues_00001.bpm" in str(caught.value)


def test_without_tempi_it_says_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "tempo").mkdir()
    with pytest.raises(DataError, match=r"no gtzan_.*\.bpm in .*gtzan_tempo_beat: put"):
        list(read_clips(tmp_path))


@pytest.fixture(scope="module")
def tempi(further_annotations: Path) -> dict[str, float]:
    return read_tempi(further_annotations / "gtzan_tempo")


def test_counts(tempi: dict[str, float]) -> None:
    every = {clip.id for clip in gtzan.read_clips(Path("absent"))}
    assert every - tempi.keys() == {"reggae.00086"}
    bpm = np.array(sorted(tempi.values()))
    assert (bpm[0].round(1), np.median(bpm).round(), bpm[-1].round(1)) == (37.7, 113, 321.6)


def test_two_annotators_agree_as_is_said(
    tempi: dict[str, float], further_annotations: Path
) -> None:
    """65.5 and 96.2 on the test split: what a perfect imitator of the other would score."""
    with (further_annotations / "gtzan_tempo" / "gtzan.tsv").open() as file:
        others = {row[0]: float(row[1]) for row in csv.reader(file, delimiter="\t")}
    test = [clip for clip, part in frozen_split(TASK.name, "paper").items() if part == "test"]
    assert len(test) == 290
    ours, theirs = (
        np.array([tempo_label(source[clip]) for clip in test], dtype=np.float32)
        for source in (tempi, others)
    )
    scores = evaluate(TASK.metrics, ours, theirs)
    assert {name: round(100 * value, 1) for name, value in scores.items()} == {
        "acc2": 96.2,
        "acc1": 65.5,
    }
