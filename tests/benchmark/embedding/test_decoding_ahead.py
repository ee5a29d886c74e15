"""Decoding ahead of a GPU, without one: the plugin of these tests runs anywhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from helpers.needs import require
from helpers.pairs import embed_clips_of

from mirbench.benchmark.api import Clip, PluginError, Task
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.pair import ModelKey
from mirbench.benchmark.embedding.store import read_shard
from mirbench.benchmark.embedding.worker import decode_chunk
from mirbench.benchmark.machine.launch import Rules, under
from mirbench.benchmark.machine.sandbox import find_sandbox
from mirbench.benchmark.machine.workers import end_idle
from mirbench.benchmark.registry import load_task, parse_representation

if TYPE_CHECKING:
    from conftest import TinyPackage

PLUGIN = """
import os
import numpy as np

LOADED = "loaded.txt"


class Model:
    sample_rate = 22050
    dims = 3

    def __init__(self, device):
        self.made_with = {"dtype": "float16"} if device != "cpu" else {}

    def embed(self, audio, sr):
        return self.embed_batch([audio], sr)[0]

    def embed_batch(self, audios, sr):
        return np.array([[len(a), a.mean(), a.std()] for a in audios], dtype=np.float32)

    def note(self, audio, sr):
        return "quiet" if np.abs(audio).max() < 1 else None


def load_model(device="cpu"):
    with open(LOADED, "a") as log:
        log.write(f"{os.getpid()} {device}\\n")
    return Model(device)
"""


@pytest.fixture
def task(tiny: TinyPackage) -> Task:
    return load_task("tinytask")


@pytest.fixture
def clips(tiny: TinyPackage, task: Task) -> list[Clip]:
    return read_clips(task, tiny.data / "tinytask")[:30]


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere.py"
    path.write_text(PLUGIN.replace("loaded.txt", str(tmp_path / "loaded.txt")))
    return path


def embed(plugin: Path, task: Task, clips: Sequence[Clip], cache: Path, device: str) -> Embeddings:
    spec = parse_representation(str(plugin))
    return embed_clips_of(spec, task, clips, cache, device=device, jobs=2)


def test_one_model_is_loaded_and_the_rows_are_the_same(
    plugin: Path, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    wanted = embed(plugin, task, clips, tmp_path / "processor", "cpu")
    (tmp_path / "loaded.txt").unlink()
    found = embed(plugin, task, clips, tmp_path / "gpu", "cuda")
    np.testing.assert_array_equal(found.embedding, wanted.embedding)
    assert found.clip_ids == wanted.clip_ids
    pid, device = (tmp_path / "loaded.txt").read_text().split()
    assert (pid != str(os.getpid()), device) == (True, "cuda")


@pytest.mark.slow
def test_in_a_sandbox_the_one_model_is_there(
    plugin: Path, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    require("unshare")
    wanted = embed(plugin, task, clips, tmp_path / "outside", "cuda")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    plugin.write_text(PLUGIN.replace("loaded.txt", str(scratch / "loaded.txt")))
    readable = [tmp_path, clips[0].path.parent, *map(Path, sys.path)]  # type: ignore[union-attr]
    with under(Rules(sandbox=find_sandbox(scratch, readable))):
        found = embed(plugin, task, clips, tmp_path / "inside", "cuda")
        end_idle()
    np.testing.assert_array_equal(found.embedding, wanted.embedding)
    (line,) = (scratch / "loaded.txt").read_text().splitlines()
    process, device = line.split()
    assert int(process) != os.getpid()
    assert device == "cuda"


@pytest.mark.slow
def test_the_model_before_is_let_go_first(
    plugin: Path, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    embed(plugin, task, clips, tmp_path / "gpu", "cuda")
    (tmp_path / "loaded.txt").unlink()
    other = tmp_path / "other.py"
    counted = "sum(type(o).__name__ == 'Model' for o in __import__('gc').get_objects())"
    other.write_text(plugin.read_text().replace("{os.getpid()}", f"{{{counted}}}"))
    embed(other, task, clips, tmp_path / "gpu", "cuda")
    assert (tmp_path / "loaded.txt").read_text() == "0 cuda\n"


@pytest.mark.slow
def test_audio_is_decoded_in_other_processes(
    plugin: Path,
    task: Task,
    clips: list[Clip],
    tmp_path: Path,
) -> None:
    # The process that has the model cannot decode any more.
    lost = "from mirbench.benchmark.embedding import worker; worker._decoded = None"
    plugin.write_text(plugin.read_text().replace("import os", f"import os; {lost}"))
    assert len(embed(plugin, task, clips, tmp_path / "gpu", "cuda").embedding) == len(clips)


def test_what_cannot_be_decoded_is_missing(
    plugin: Path, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    from dataclasses import replace

    clips[3] = replace(clips[3], path=tmp_path / "nowhere.wav")
    found = embed(plugin, task, clips, tmp_path / "gpu", "cuda")
    assert found.missing == {clips[3].id: "nowhere.wav does not exist"}
    assert len(found.embedding) == len(clips) - 1


def test_notes_are_counted_and_kept(
    plugin: Path, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    for device in ("cpu", "cuda"):
        found = embed(plugin, task, clips, tmp_path / device, device)
        assert found.notes == {"quiet": 30}
        again = embed(plugin, task, clips, tmp_path / device, device)
        assert (again.notes, again.computed) == ({"quiet": 30}, 0)
        assert again.made_with.get("dtype") == (None if device == "cpu" else "float16")
    paths = list(tmp_path.rglob("*.safetensors"))
    assert {tuple(read_shard(path).notes.items()) for path in paths} == {(("quiet", 30),)}  # type: ignore[union-attr]


def test_a_note_that_fails_is_the_plugins_mistake(
    plugin: Path, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    plugin.write_text(plugin.read_text().replace("np.abs(audio).max() < 1", "audio.loudness < 1"))
    with pytest.raises(PluginError, match="'elsewhere': note raised AttributeError: "):
        embed(plugin, task, clips, tmp_path / "gpu", "cuda")


def test_decoding_is_what_a_worker_does_alone(tiny: TinyPackage, clips: list[Clip]) -> None:
    from mirbench.benchmark.embedding.model import ModelInfo
    from mirbench.benchmark.embedding.worker import Chunk

    chunk = Chunk(ModelKey("any", "", "cuda"), None, tuple(clips[:2]), 0)
    decoded = decode_chunk((chunk, ModelInfo("any", 22_050, 3)))
    assert list(decoded.audio) == [(0, 0), (1, 0)]
    assert not decoded.missing
