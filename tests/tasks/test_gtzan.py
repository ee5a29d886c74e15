"""The GTZAN reader on the copies of the dataset that people have."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from mirbench.benchmark.datasets.targets import encode_targets
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
    assert all(clip.group == clip.id and clip.duration is None for clip in clips)
    assert Counter(encode_targets(TASK, clips).tolist()) == dict.fromkeys(range(10), 100)


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
