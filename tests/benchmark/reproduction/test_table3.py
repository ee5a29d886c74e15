"""Table 3 from archives of features in the published form."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers.feature_archives import write_archive

from mirbench.benchmark.api import DataError, Task, UsageError
from mirbench.benchmark.cli.reproduce_report import table_3
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.registry import load_task
from mirbench.benchmark.reproduction.published_features import (
    DATASETS,
    REPRESENTATIONS,
    Archive,
    read_archive,
    read_checksums,
)
from mirbench.benchmark.reproduction.table3 import reproduce
from mirbench.leaderboard.references import published_scores
from mirbench.tasks.gtzan import GENRES, feature_stem

Features = dict[str, npt.NDArray[Any]]


def gtzan_features() -> Features:
    """Real features where the development data is, else vectors that carry the genre."""
    path = Path(__file__).parents[3].parent / "shared/reference/gtzan_choi_embeddings.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as file:
            pairs = zip(file["clip_id"].tolist(), file["embedding"], strict=True)
            return {feature_stem(str(clip_id)): vector for clip_id, vector in pairs}
    rng = np.random.default_rng(0)
    return {
        feature_stem(f"{genre}.{n:05d}"): rng.normal(np.eye(10)[number].repeat(4) * 2, 1).astype(
            np.float32
        )
        for number, genre in enumerate(GENRES)
        for n in range(100)
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("features")
    shadow = {"gtzan_ff-choi/._x.npy": b"not an array", "gtzan_ff-choi/README": b"hello"}
    sums = {"gtzan_ff-choi": write_archive(folder, "gtzan_ff-choi", gtzan_features(), shadow)}
    write_archive(folder, "gtzan_ff-mfcc", {"a": np.ones(4, dtype=np.float32)})
    sums["gtzan_ff-mfcc"] = "0" * 64
    lines = [f"{sha256}  {name}.tar.gz\n" for name, sha256 in sums.items()]
    (folder / "SHA256SUMS").write_text("".join(lines))
    return folder


def small_task(window: float | None = None) -> Task:
    return load_task("gtzan" if window is None else "giantsteps")


def one_archive(folder: Path, features: Mapping[str, npt.NDArray[Any]]) -> tuple[Path, str]:
    sha256 = write_archive(folder, "features", features)
    return folder / "features.tar.gz", sha256


def test_the_table_of_checksums_has_the_24_archives() -> None:
    table = read_checksums()
    names = {Archive(task, rep).name for task in DATASETS for rep in REPRESENTATIONS}
    assert set(table) == names
    assert len(names) == 24
    item = Archive("gtzan", "choi").download(table)
    assert item.sha256 == "7b6ee4d2cf368a5d5006a4fd1af3f6176bae5d1cf665fac06c8cd0ffb0529d4e"
    assert item.mirrors == (
        "https://nlp.stanford.edu/data/cdonahue/jukemir/precomputed/gtzan_ff-choi.tar.gz",
    )


def test_features_find_their_clips(tmp_path: Path) -> None:
    stems = {feature_stem(f"rock.{n:05d}"): np.full(3, n, dtype=np.float64) for n in (3, 1, 7)}
    path, sha256 = one_archive(tmp_path, stems)
    wanted = ["rock.00001", "rock.00003", "rock.00004"]
    found = read_archive(path, small_task(), wanted, sha256)
    assert found.clip_ids == tuple(wanted)
    assert found.embedding.dtype == np.float32
    assert found.embedding[:, 0].tolist() == [1, 3]
    assert found.clip.tolist() == [0, 1]
    assert found.missing == {"rock.00004": "not in features.tar.gz"}


def test_windows_stand_in_order_below_their_track(tmp_path: Path) -> None:
    values = {"0005061-1": 1, "0005061-0": 0, "0005061-2": 2, "1004923-0": 10, "9999999-0": 5}
    vectors = {stem: np.full((1, 2), value, np.float32) for stem, value in values.items()}
    path, sha256 = one_archive(tmp_path, vectors)
    found = read_archive(path, small_task(30), ["1004923", "5061"], sha256)
    assert found.embedding[:, 0].tolist() == [10, 0, 1, 2]
    assert found.clip.tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"0005061-0": np.ones(2, np.float32), "0005061-2": np.ones(2, np.float32)}, "without gap"),
        ({"0005061-0": np.ones(2, np.float32), "0005061-1": np.ones(3, np.float32)}, "3 values"),
        ({"0005061-0": np.array([1, np.nan], np.float32)}, "NaN"),
        ({"0005061-0": np.ones((2, 2), np.float32)}, "expected a vector"),
        ({"0005061-0": np.array(["a"])}, "expected a vector"),
        ({"0005061-0": np.array([{}], dtype=object)}, "damaged"),
        ({"0000001-0": np.ones(2, np.float32)}, "no feature of a clip"),
    ],
)
def test_wrong_features_are_named(features: Features, message: str, tmp_path: Path) -> None:
    path, sha256 = one_archive(tmp_path, features)
    with pytest.raises(DataError, match=message):
        read_archive(path, small_task(30), ["5061"], sha256)


def test_another_archive_is_refused_whatever_is_wrong_inside(tmp_path: Path) -> None:
    path, sha256 = one_archive(tmp_path, {"0005061-0": np.array([np.nan], np.float32)})
    with pytest.raises(DataError, match="not the published file"):
        read_archive(path, small_task(30), ["5061"], "1" * 64)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="not the published file"):
        read_archive(path, small_task(30), ["5061"], sha256)
    with pytest.raises(DataError, match="there is no file"):
        read_archive(tmp_path / "absent", small_task(30), ["5061"], sha256)


def test_stems_are_distinct_in_every_task(annotation_files: Path) -> None:
    for name in DATASETS:
        task = load_task(name)
        root = annotation_files if name == "giantsteps" else annotation_files / name
        clips = read_clips(task, root)
        assert len({task.stem(clip.id) for clip in clips}) == len(clips)


@pytest.mark.slow
def test_a_cell_is_measured_once_and_shown_beside_the_published_one(
    folder: Path, tmp_path: Path
) -> None:
    arguments = ["reproduce", "castellon2021", "--rep", "choi", "--features", str(folder)]
    arguments += ["--checksums", str(folder / "SHA256SUMS"), "--protocol", "quick"]
    arguments += ["--data", str(tmp_path / "none"), "--out", str(tmp_path / "rows")]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mirbench.benchmark.cli", *arguments, *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=200)

    first = run()
    assert first.returncode == 0, first.stderr
    lines = first.stdout.splitlines()
    assert lines[2].split()[:2] == ["CHOI", "measured"]
    assert lines[3].split()[1:] == ["89.7", "36.4", "75.9", "13.1", "67.3", "43.4", "51.9"]
    assert lines[4].split()[0] == "difference"
    words = " ".join(first.stdout.split())
    assert "not measured: magnatagatune: its annotations are needed" in words
    second = run("--task", "gtzan")
    assert second.returncode == 0
    assert "found, identical" in second.stderr
    assert run("--task", "emomusic").returncode == 1
    assert run("--task", "music").returncode == 2


def test_a_wrong_checksum_is_an_error(folder: Path, tmp_path: Path) -> None:
    cells = reproduce(
        ["mfcc", "clmr"],
        ["gtzan"],
        features=folder,
        checksums=read_checksums(folder / "SHA256SUMS"),
        out=tmp_path,
        protocol="quick",
    )
    assert [cell.row for cell in cells] == [None, None]
    assert "not the published file" in cells[0].reason
    assert "is not in" in cells[1].reason
    text = table_3(cells, published_scores("castellon2021"))
    assert "not measured: gtzan, mfcc:" in text


def test_downloads_are_refused_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRBENCH_OFFLINE", "1")
    cells = reproduce(["choi"], ["gtzan"], cache=tmp_path, out=tmp_path, protocol="quick")
    assert "MIRBENCH_OFFLINE" in cells[0].reason


def test_what_table_3_lacks_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no representation 'mert'"):
        reproduce(["mert"])
    with pytest.raises(UsageError, match="no task 'gtzam'"):
        reproduce(None, ["gtzam"])
    with pytest.raises(UsageError, match="there is no folder"):
        reproduce(features=tmp_path / "absent")


def test_checksums_of_another_form_are_named(tmp_path: Path) -> None:
    (tmp_path / "sums").write_text("abc file\n")
    with pytest.raises(DataError, match="line 1"):
        read_checksums(tmp_path / "sums")
