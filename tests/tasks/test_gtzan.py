"""The GTZAN reader on the copies of the dataset that people have."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mirbench.benchmark.datasets.targets import encode_targets
from mirbench.benchmark.embedding.store import task_fingerprint
from mirbench.tasks import gtzan
from mirbench.tasks.gtzan import GENRES, TASK, read_clips


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def _paths(root: Path) -> dict[str, Path | None]:
    return {clip.id: clip.path for clip in read_clips(root)}


def test_all_clips_are_known_without_files(tmp_path: Path) -> None:
    root = tmp_path / "absent"
    clips = list(read_clips(root))
    assert [clip.id for clip in clips[:2]] == ["blues.00000", "blues.00001"]
    assert clips[-1].id == "rock.00099"
    assert Counter(clip.label for clip in clips) == dict.fromkeys(GENRES, 100)
    assert clips[129].path == root / "genres" / "classical" / "classical.00029.wav"
    assert all(clip.duration is None and clip.min_duration == 29 for clip in clips)
    assert Counter(encode_targets(TASK, clips).tolist()) == dict.fromkeys(range(10), 100)


@pytest.mark.parametrize(
    ("clip_id", "group"),
    [
        ("country.00061", "vince gill"),
        ("disco.00047", "barbra streisand"),
        ("disco.00067", "abba"),
        ("disco.00095", "barbra streisand"),
        ("hiphop.00040", "bob marley"),
        ("metal.00037", "metal.00037"),
        ("metal.00067", "acdc"),
        ("pop.00012", "aretha franklin"),
        ("pop.00014", "pop.00014"),
        ("pop.00059", "destinys child"),
        ("reggae.00087", "bob marley"),
        ("reggae.00092", "mick jagger"),
        ("rock.00065", "jethro tull"),
    ],
)
def test_groups_are_artists(clip_id: str, group: str) -> None:
    assert {clip.id: clip.group for clip in read_clips(Path("absent"))}[clip_id] == group


def test_every_artist_is_that_of_one_group_and_every_clip_of_one_artist() -> None:
    path = Path(gtzan.__file__).with_name("gtzan_artists.csv")
    with path.open(encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    clips = [clip_id for row in rows for clip_id in row["clips"].split()]
    assert len(clips) == len(set(clips)) == 919
    assert set(clips) <= {clip.id for clip in read_clips(Path("absent"))}
    acts = [row["act"] for row in rows]
    assert len(acts) == len(set(acts)) == 242
    # No other act may bear the name of a group.
    group_of = {row["act"]: row["group"] for row in rows}
    assert all(group_of.get(group, group) == group for group in group_of.values())
    assert len(set(group_of.values())) == 235


def test_groups_are_those_of_the_facts(shared: Path) -> None:
    with (shared / "facts" / "gtzan_groups.csv").open(encoding="utf-8", newline="") as file:
        facts = {row["clip_id"]: row["group"] for row in csv.DictReader(file)}
    assert {clip.id: clip.group for clip in read_clips(Path("absent"))} == facts


def test_other_groups_leave_the_embeddings_in_the_store() -> None:
    first = replace(TASK, version=1, audio_version=None)
    assert TASK.version > first.version
    assert task_fingerprint(TASK) == task_fingerprint(first)
    assert task_fingerprint(replace(TASK, audio_version=None)) != task_fingerprint(first)


@pytest.mark.parametrize(
    "folder", [".", "genres", "genres_original", "Data/genres_original", "gtzan/genres"]
)
@pytest.mark.parametrize("suffix", ["wav", "au"])
def test_layouts_of_known_copies(tmp_path: Path, folder: str, suffix: str) -> None:
    jazz = _touch(tmp_path / folder / "jazz" / f"jazz.00054.{suffix}")
    assert _paths(tmp_path)["jazz.00054"] == jazz


@pytest.mark.parametrize("folder", ["hiphop", "hip-hop", "Hip-Hop"])
@pytest.mark.parametrize("name", ["hiphop.00007.wav", "hip-hop.00007.au"])
def test_spellings_of_hip_hop(tmp_path: Path, folder: str, name: str) -> None:
    file = _touch(tmp_path / "genres" / folder / name)
    assert _paths(tmp_path)["hiphop.00007"] == file


def test_wav_is_preferred_and_other_files_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "genres" / "pop"
    wav = _touch(folder / "pop.00001.wav")
    for name in ("pop.00001.au", "._pop.00001.wav", "pop.00002.png", "rock.00003.wav"):
        _touch(folder / name)
    _touch(tmp_path / "images_original" / "pop" / "pop00004.png")
    paths = _paths(tmp_path)
    found = {clip_id for clip_id, path in paths.items() if path and path.exists()}
    assert found == {"pop.00001"}
    assert paths["pop.00001"] == wav


def test_nearest_copy_counts(tmp_path: Path) -> None:
    _touch(tmp_path / "a" / "backup" / "rock" / "rock.00000.wav")
    near = _touch(tmp_path / "genres" / "rock" / "rock.00000.wav")
    assert _paths(tmp_path)["rock.00000"] == near


def test_stem_is_the_sha256_of_the_id() -> None:
    assert TASK.stem("blues.00029") == hashlib.sha256(b"blues.00029").hexdigest()
