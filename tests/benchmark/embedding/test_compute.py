"""Clips to embeddings: resume, missing clips, workers, broken plugins."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from helpers.pairs import embed_clips_of

from mirbench.benchmark.api import Clip, DataError, MirbenchError, PluginError, Task
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.embedding.compute import stored_embeddings
from mirbench.benchmark.embedding.embeddings import Embeddings, check_missing
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.embedding.stored import file_at, remove_damaged
from mirbench.benchmark.registry import load_task, parse_representation

if TYPE_CHECKING:
    from conftest import TinyPackage


@pytest.fixture
def task(tiny: TinyPackage) -> Task:
    return load_task("tinytask")


@pytest.fixture
def clips(tiny: TinyPackage, task: Task) -> list[Clip]:
    return read_clips(task, tiny.data / "tinytask")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TINYREP_LOG", str(tmp_path))
    return tmp_path / "embedded.txt"


def embed(
    task: Task, clips: Sequence[Clip], cache: Path, rep: str = "tinyrep", jobs: int = 1
) -> Embeddings:
    return embed_clips_of(parse_representation(rep), task, clips, cache, jobs=jobs)


def shards(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in cache.rglob("*.safetensors")}


def calls(log: Path) -> int:
    return len(log.read_text().splitlines())


def test_rows_equal_what_the_model_gives(task: Task, clips: list[Clip], tmp_path: Path) -> None:
    found = embed(task, clips[::-1], tmp_path)
    assert found.clip_ids == tuple(clip.id for clip in clips)
    assert found.embedding.shape == (150, 16)
    assert found.clip.tolist() == list(range(150))
    model = parse_representation("tinyrep").load()
    for place in (0, 77, 149):
        path = clips[place].path
        assert path is not None
        audio = soundfile.read(path, dtype="float32")[0]
        np.testing.assert_array_equal(found.embedding[place], model.embed(audio, 8000))


def test_what_is_stored_is_not_computed_again(
    task: Task, clips: list[Clip], tmp_path: Path, log: Path
) -> None:
    first = embed(task, clips, tmp_path)
    assert (first.computed, calls(log)) == (150, 150)
    again = embed(task, clips, tmp_path)
    assert (again.computed, calls(log)) == (0, 150)
    assert again.sha256 == first.sha256
    assert again.seconds == pytest.approx(first.seconds)
    assert embed(task, clips, tmp_path, "tinyrep:delay=1e-9").computed == 150


def test_a_damaged_or_absent_shard_is_computed_again(
    task: Task, clips: list[Clip], tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = embed(task, clips, tmp_path)
    paths = sorted(tmp_path.rglob("*.safetensors"))
    assert len(paths) == 3
    content = paths[0].read_bytes()
    paths[0].write_bytes(content[:-100])
    paths[2].unlink()
    again = embed(task, clips, tmp_path)
    assert again.sha256 == first.sha256
    assert again.computed == calls(log) - 150 == 64 + 22
    assert f"{paths[0]} is damaged (" in capsys.readouterr().err


def test_what_another_run_has_put_in_the_place_of_a_damaged_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "shard"
    path.write_bytes(b"damaged")
    found = file_at(path)
    (tmp_path / "anew").write_bytes(b"as it should be")
    (tmp_path / "anew").replace(path)
    remove_damaged(path, found)
    assert path.read_bytes() == b"as it should be"
    remove_damaged(path, file_at(path))
    assert not path.exists()
    remove_damaged(path, file_at(path))


def test_workers_give_the_same_rows(task: Task, clips: list[Clip], tmp_path: Path) -> None:
    one = embed(task, clips, tmp_path / "1")
    two = embed(task, clips, tmp_path / "2", jobs=2)
    assert two.computed == 150
    assert one.sha256 == two.sha256
    assert one.embedding.tobytes() == two.embedding.tobytes()
    assert set(shards(tmp_path / "1")) == set(shards(tmp_path / "2"))


def test_workers_find_files_from_where_the_run_is(
    task: Task, clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed(task, clips[:70], tmp_path / "warm", jobs=2)  # workers are kept, with this folder
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        source = Path(parse_representation("tinyrep").plugin.source.path)  # type: ignore[union-attr]
        Path("mine.py").write_text(source.read_text())
        assert embed(task, clips[:70], tmp_path / folder, "./mine.py", jobs=2).computed == 70


def test_missing_clips_are_counted_with_their_reasons(
    tiny: TinyPackage, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(tiny.data / "tinytask", data)
    (data / "clip003.wav").write_bytes(b"")
    (data / "clip070.wav").write_bytes(b"no audio" * 100)
    (data / "clip149.wav").unlink()
    moved = [replace(clip, path=data / f"{clip.id}.wav") for clip in clips]
    moved[10] = replace(moved[10], path=None)
    found = embed(task, moved, tmp_path / "cache")
    assert found.missing["clip003"] == "clip003.wav is empty (0 bytes)"
    assert found.missing["clip070"].startswith("clip070.wav cannot be decoded: ")
    assert found.missing["clip149"] == "clip149.wav does not exist"
    assert found.missing["clip010"] == "its audio file is not on disk"
    assert len(found.missing) == 4
    assert len(found.clip_ids) == 150
    assert sorted(set(range(150)) - set(found.clip.tolist())) == [3, 10, 70, 149]
    assert embed(task, moved, tmp_path / "cache").missing == found.missing

    shutil.copy(tiny.data / "tinytask" / "clip149.wav", data)
    mended = embed(task, moved, tmp_path / "cache")
    assert mended.computed == 22
    assert "clip149" not in mended.missing

    asked = found.clip_ids
    check_missing(found, asked, 4 / 150)
    with pytest.raises(DataError) as caught:
        check_missing(found, asked, 0.02)
    assert str(caught.value).startswith(
        "4 of 150 clips are missing, more than 2% (--max-missing):\n  clip003: clip003.wav is empty"
    )


def test_no_usable_clip_at_all(task: Task, tmp_path: Path) -> None:
    clips = [Clip("a", None, "low", "g"), Clip("b", tmp_path / "b.wav", "low", "g")]
    found = embed(task, clips, tmp_path)
    assert (len(found.embedding), len(found.missing), found.computed) == (0, 2, 2)
    assert embed(task, [], tmp_path).clip_ids == ()


def test_windows(task: Task, clips: list[Clip], tmp_path: Path) -> None:
    windowed = replace(task, window=0.06)
    found = embed(windowed, clips[:5], tmp_path)
    assert found.clip.tolist() == np.repeat(range(5), 3).tolist()
    assert len(embed(replace(task, window=0.15), clips[:5], tmp_path).embedding) == 5
    short = embed(replace(task, window=0.5), clips[:2], tmp_path)
    assert "shorter than one window" in short.missing["clip000"]


PLUGIN = """
import numpy as np
from mirbench.benchmark.api import UnusableClip

class Model:
    sample_rate, dims = 8000, 2
    {members}
    def embed(self, audio, sr):
        {embed}

def load_model(device="cpu"):
    return Model()
"""


def write_plugin(path: Path, embed: str, members: str = "") -> str:
    path.write_text(PLUGIN.format(embed=embed, members=members))
    return str(path)


def test_layers(task: Task, clips: list[Clip], tmp_path: Path) -> None:
    rep = write_plugin(
        tmp_path / "layered.py",
        "return np.float32([[0, 1], [2, 3], [4, len(audio)]])",
        "layers = ('low', 'middle', 'high')",
    )
    found = embed(task, clips[:3], tmp_path, rep)
    assert found.embedding.shape == (3, 3, 2)
    assert (found.n_layers, found.layers) == (3, ("low", "middle", "high"))
    stored = embed(task, clips[:3], tmp_path, rep)
    assert (stored.computed, stored.layers) == (0, found.layers)


def test_no_more_than_max_seconds_is_decoded(task: Task, clips: list[Clip], tmp_path: Path) -> None:
    for seconds, samples in ((0.1, 800), (0.2, 1600), (5, 1600)):
        rep = write_plugin(
            tmp_path / f"first{samples}{seconds > 1}.py",
            "return np.float32([0, len(audio)])",
            f"max_seconds = {seconds}",
        )
        assert embed(task, clips[:1], tmp_path, rep).embedding[0, 1] == samples
    shorter = [replace(clips[0], start=0.05, duration=0.1)]
    assert embed(task, shorter, tmp_path, rep).embedding[0, 1] == 800


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_broken_plugin_is_named_with_the_clip(
    task: Task, clips: list[Clip], tmp_path: Path, jobs: int
) -> None:
    rep = write_plugin(tmp_path / f"broken{jobs}.py", "raise KeyError('weights')")
    with pytest.raises(PluginError) as caught:
        embed(task, clips[:2], tmp_path, rep, jobs)
    said, _, place = str(caught.value).partition(" (")
    assert (
        said == f"representation 'broken{jobs}', clip 'clip000': embed raised KeyError: 'weights'"
    )
    assert place.startswith(f"{tmp_path / f'broken{jobs}.py'}, line ")


def test_a_plugin_may_refuse_a_clip(task: Task, clips: list[Clip], tmp_path: Path) -> None:
    rep = write_plugin(tmp_path / "refusing.py", "raise UnusableClip('too short for me')")
    assert embed(task, clips[:1], tmp_path, rep).missing == {"clip000": "too short for me"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_edited_plugin_is_run_as_it_is_now(
    task: Task, clips: list[Clip], tmp_path: Path, jobs: int
) -> None:
    path = tmp_path / f"edited_rep{jobs}.py"
    for value in (1, 22):
        rep = write_plugin(path, f"return np.float32([{value}, 0])")
        assert embed(task, clips[:8], tmp_path, rep, jobs).embedding[:, 0].tolist() == [value] * 8


def test_stored_embeddings_need_no_audio(
    tiny: TinyPackage, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    found = embed(task, clips, tmp_path)
    spec, store = parse_representation("tinyrep"), Store(tmp_path)
    wanted = ["clip100", "clip002", "unknown"]
    stored = stored_embeddings(spec, task, wanted, store)
    assert stored.clip_ids == ("clip002", "clip100", "unknown")
    assert stored.missing == {"unknown": "not in the store"}
    np.testing.assert_array_equal(stored.embedding, found.embedding[[2, 100]])
    with pytest.raises(DataError, match="run: mirbench embed --rep tinyrep:delay=1 --task tiny"):
        stored_embeddings(parse_representation("tinyrep:delay=1"), task, wanted, store)


def test_the_newest_of_several_stored_embeddings_counts(
    tiny: TinyPackage, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    audio = tmp_path / "a.wav"
    rows = []
    for number, source in enumerate(("clip000", "clip001")):
        shutil.copy(tiny.data / "tinytask" / f"{source}.wav", audio)
        os.utime(audio, (number, number))
        rows.append(embed(task, [Clip("a", audio, "low", "g")], tmp_path).embedding)
    stored = stored_embeddings(parse_representation("tinyrep"), task, ["a"], Store(tmp_path))
    np.testing.assert_array_equal(stored.embedding, rows[1])
    assert not np.array_equal(*rows)


@pytest.mark.slow
def test_two_processes_at_once_do_not_harm_each_other(
    tiny: TinyPackage, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "mirbench.benchmark.cli", "embed", "--rep", "tinyrep"]
    command += ["--task", "tinytask", "--jobs", "1", "--cache", str(tmp_path / "both")]
    env = tiny.env | {"TINYREP_DELAY": "0.002"}
    both = [
        subprocess.Popen(command, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    alone = embed(task, clips, tmp_path / "alone")
    found = embed(task, clips, tmp_path / "both")
    assert (found.computed, found.sha256) == (0, alone.sha256)
    assert not list((tmp_path / "both").rglob("*.tmp"))


def test_a_killed_worker_is_explained(
    task: Task, clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rep = write_plugin(tmp_path / "dying.py", "import os; os._exit(9)")
    said = r"a worker process exited with status 9 .*while embedding clip .*'dying'; mend"
    with pytest.raises(MirbenchError, match=said):
        embed(task, clips[:8], tmp_path, rep, jobs=2)
