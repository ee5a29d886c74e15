"""The GiantSteps tempo reader on a small tree, and on the real files where they are at hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers.frozen_splits import frozen_split

from mirbench.benchmark.api import DataError, tempo_label
from mirbench.benchmark.embedding.store import task_fingerprint
from mirbench.splits import giantsteps_tempo as splits
from mirbench.splits.make import split_path
from mirbench.splits.table import format_split, sizes
from mirbench.tasks import giantsteps
from mirbench.tasks.giantsteps_tempo import (
    MTG_TABLES,
    TASK,
    TEST_FOLDER,
    list_files,
    read_clips,
    read_mtg_tempi,
    read_test_tempi,
)

MTG = giantsteps.MTG_FOLDER


ANNOTATIONS = (
    "ID\tMANUAL KEY\tC\n5061\tD# minor\t2\n7\tC# major\t2\n8\tC major\t1\n9\tF / F# minor\t2\n"
)
METADATA = "ID\tARTIST\n9\tAnna, Bert\n7\tBert\n5061\tCid\n8\tDora\n"


def _write(root: Path, suffix: str = "", line_end: str = "\n") -> None:
    annotations = root / f"{MTG}{suffix}" / "annotations"
    annotations.mkdir(parents=True)
    (annotations / "annotations.txt").write_text(ANNOTATIONS)
    (annotations / "beatport_metadata.txt").write_text(METADATA)
    for name, text in zip(
        MTG_TABLES,
        ("7\t128\tCm\tTechno\n9\t100\tF\tHouse\n", "5061\t0\tD#m\tTechno\n8\t126\tC\tHouse\n"),
        strict=True,
    ):
        (root / name).write_bytes(text.replace("\n", line_end).encode())
    base = root / f"{TEST_FOLDER}{suffix}"
    for version, bpm in (("annotations", "70.0"), ("annotations_v2", "140.0")):
        tempi = base / version / "tempo"
        tempi.mkdir(parents=True)
        (tempi / "20.LOFI.bpm").write_text(bpm + line_end)
        (tempi / "3.LOFI.bpm").write_text("0.0")
        (tempi / "100.LOFI.bpm").write_text("125.5")
    (base / "md5").mkdir()
    (base / "md5" / "20.LOFI.md5").write_text("a" * 32)


@pytest.mark.parametrize("folder", [".", "giantsteps"])
@pytest.mark.parametrize("suffix", ["", "-master", f"-{'0b7d47ba' * 5}"])
def test_tracks_that_have_a_tempo(tmp_path: Path, folder: str, suffix: str) -> None:
    root = tmp_path / folder
    _write(root, suffix, "\r\n" if suffix else "\n")
    audio = root / f"{TEST_FOLDER}{suffix}" / "audio"
    audio.mkdir()
    (audio / "100.wav").touch()
    clips = list(read_clips(tmp_path))
    # Of the MTG set, 5061 has no tempo, 8 and 9 have no certain key.
    assert [(clip.id, clip.label, clip.group) for clip in clips] == [
        ("7", tempo_label(128), "anna"),
        ("20", tempo_label(140), "track 20"),
        ("100", tempo_label(125.5), "track 100"),
    ]
    assert clips[0].path == root / f"{MTG}{suffix}" / "audio" / "7.LOFI.mp3"
    assert [clip.path for clip in clips[1:]] == [audio / "20.LOFI.mp3", audio / "100.wav"]
    left = {item.filename: item for item in list_files(tmp_path)}
    assert {Path(name).name for name in left} == {"7.LOFI.mp3", "20.LOFI.mp3"}
    for name, item in left.items():
        backup = giantsteps.BACKUPS[MTG if "mtg" in name else giantsteps.TEST_FOLDER]
        assert item.mirrors == (backup + Path(name).name,)
        assert item.md5 == (None if "mtg" in name else "a" * 32)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (MTG_TABLES[0], "7 128\n", "line 1: expected the number of a clip, found '7 128'"),
        (MTG_TABLES[0], "7\n", "line 1: expected a number of beats per minute, found ''"),
        (MTG_TABLES[0], "7\tfast\tC", "line 1: .* found 'fast'"),
        (MTG_TABLES[0], "7\t128\n\n7\t128\n", "line 3: track 7 stands there twice"),
        (MTG_TABLES[1], "7\t128\n", "line 1: track 7 stands there twice"),
        (f"{TEST_FOLDER}/annotations_v2/tempo/20.LOFI.bpm", "", "line 1: .* found ''"),
        (f"{TEST_FOLDER}/annotations_v2/tempo/20.bpm", "1", "a second bpm file of track 20"),
        (f"{TEST_FOLDER}/annotations_v2/tempo/20 (1).bpm", "1", "copy of the bpm file of track 20"),
    ],
)
def test_malformed_files_are_explained(
    tmp_path: Path, file: str, content: str, message: str
) -> None:
    _write(tmp_path)
    (tmp_path / file).write_text(content)
    with pytest.raises(DataError, match=message):
        list(read_clips(tmp_path))


@pytest.mark.parametrize("absent", [MTG, TEST_FOLDER, *MTG_TABLES, f"{TEST_FOLDER}/annotations_v2"])
def test_absent_files_are_explained(tmp_path: Path, absent: str) -> None:
    _write(tmp_path)
    (tmp_path / absent).rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"https://github\.com/GiantSteps/"):
        list(read_clips(tmp_path))


def test_embeddings_of_the_key_task_are_used() -> None:
    assert task_fingerprint(TASK) == task_fingerprint(giantsteps.TASK)


@pytest.mark.parametrize(
    ("split", "expected"), [("paper", (920, 236, 661)), ("artist", (904, 232, 661))]
)
def test_frozen_splits(split: str, expected: tuple[int, int, int]) -> None:
    frozen, key = frozen_split(TASK.name, split), frozen_split("giantsteps", split)
    assert sizes(dict(frozen)) == expected
    trained = {track: part for track, part in frozen.items() if part != "test"}
    assert all(key[track] == part for track, part in trained.items())
    assert not {"1327052", "3041381", "3041383", "99805", "5148970", "299801"} & frozen.keys()


@pytest.fixture(scope="module")
def real(
    annotation_files: Path, further_annotations: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    root = tmp_path_factory.mktemp("giantsteps")
    for name in (MTG, giantsteps.TEST_FOLDER):
        (root / name).symlink_to(annotation_files / name)
    shutil.copytree(further_annotations / "giantsteps_tempo", root / TEST_FOLDER)
    for name in MTG_TABLES:
        (root / TEST_FOLDER / name).rename(root / name)
    return root


def test_the_real_files(real: Path) -> None:
    tempi = read_mtg_tempi(real)
    assert len(tempi) == 1158
    assert sorted(track for track, bpm in tempi.items() if bpm == 0) == ["299801", "5148970"]
    test = read_test_tempi(real)
    assert (len(test), min(test.values()), max(test.values())) == (661, 64.0, 197.0)
    clips = {clip.id: clip for clip in read_clips(real)}
    assert len(clips) == 1156 + 661
    for split, rule in (("paper", splits.paper_split), ("artist", splits.artist_split)):
        assert format_split(rule(real)).encode() == split_path(TASK.name, split).read_bytes()
    key_test = {track.id: track.artists for track in giantsteps.read_test_tracks(real)}
    shared = key_test.keys() & test.keys()
    assert (len(shared), [key_test[track] for track in shared if key_test[track]]) == (43, [])


@pytest.mark.parametrize(("split", "crossing"), [("paper", {"constantine"}), ("artist", set())])
def test_groups_of_the_splits(real: Path, split: str, crossing: set[str]) -> None:
    frozen = frozen_split(TASK.name, split)
    sides: dict[str, set[str]] = {part: set() for part in ("train", "valid", "test")}
    for clip in read_clips(real):
        if clip.id in frozen:
            sides[frozen[clip.id]].add(clip.group)
    assert sides["train"] & sides["valid"] == crossing
    assert not (sides["train"] | sides["valid"]) & sides["test"]
