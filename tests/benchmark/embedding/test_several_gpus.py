"""A process and a model for each GPU, without any: the plugin of these tests runs anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from helpers.pairs import embed_clips_of

from mirbench.benchmark.api import Clip, MirbenchError, Task, UsageError
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.machine import device
from mirbench.benchmark.machine.device import check_gpus, gpus_of
from mirbench.benchmark.machine.workers import end_idle
from mirbench.benchmark.registry import load_task, parse_representation

if TYPE_CHECKING:
    from conftest import TinyPackage

PLUGIN = """
import os
import numpy as np


class Model:
    sample_rate = 8000
    dims = 2
    batch_dependent = BATCHES
    batch_size = 4

    def embed(self, audio, sr):
        return self.embed_batch([audio], sr)[0]

    def embed_batch(self, audios, sr):
        of_all = np.mean([a.std() for a in audios]) if self.batch_dependent else 0
        return np.array([[a.std(), of_all] for a in audios], dtype=np.float32)


def load_model(device="cpu"):
    with open("LOADED", "a") as log:
        log.write(f"{os.getpid()} {device} {os.environ.get('CUDA_VISIBLE_DEVICES')}\\n")
    return Model()
"""


@pytest.fixture(autouse=True)
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let PyTorch find three GPUs."""
    monkeypatch.setattr(device, "visible_gpus", lambda: 3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def task(tiny: TinyPackage) -> Task:
    return load_task("tinytask")


@pytest.fixture
def clips(tiny: TinyPackage, task: Task) -> list[Clip]:
    return list(read_clips(task, tiny.data / "tinytask"))[:50]


def embed(
    folder: Path, batches: bool, task: Task, clips: list[Clip], **settings: object
) -> Embeddings:
    path = folder / "mine.py"
    log = folder / "loaded.txt"
    log.unlink(missing_ok=True)
    path.write_text(PLUGIN.replace("BATCHES", str(batches)).replace("LOADED", str(log)))
    cache = folder / "-".join(map(str, settings.values()))
    try:
        return embed_clips_of(
            parse_representation(str(path)), task, clips, cache, jobs=2, **settings
        )
    finally:
        end_idle()


def loaded(folder: Path) -> list[list[str]]:
    return [line.split()[1:] for line in (folder / "loaded.txt").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("batches", [False, True])
def test_each_has_a_model_and_the_rows_are_those_of_one(
    batches: bool, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    wanted = embed(tmp_path, batches, task, clips, device="cuda", gpus=1)
    assert loaded(tmp_path) == [["cuda", "0"]]
    found = embed(tmp_path, batches, task, clips, device="cuda")
    assert sorted(loaded(tmp_path)) == [["cuda", "0"], ["cuda", "1"], ["cuda", "2"]]
    assert found.sha256 == wanted.sha256
    assert found.made_with == wanted.made_with
    assert found.made_with["device"] == "cuda"
    assert len(np.unique(found.matrix()[:, 1])) == (13 if batches else 1)


@pytest.mark.slow
def test_a_device_with_a_number_is_that_one(task: Task, clips: list[Clip], tmp_path: Path) -> None:
    found = embed(tmp_path, False, task, clips, device="cuda:1")
    assert loaded(tmp_path) == [["cuda:1", "None"]]
    assert found.made_with["device"] == "cuda:1"


def test_which_gpus_have_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpus_of("cpu") == gpus_of("cuda:0") == ()
    assert gpus_of("cuda") == ("0", "1", "2")
    assert gpus_of("cuda", 2) == ("0", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, 7,GPU-8")
    assert gpus_of("cuda") == ("5", "7", "GPU-8")
    assert gpus_of("cuda", 1) == ("5",)
    monkeypatch.setattr(device, "visible_gpus", lambda: 1)
    assert gpus_of("cuda") == ()


def test_more_than_there_are() -> None:
    check_gpus("cuda", 3)
    check_gpus("cpu", None)
    with pytest.raises(MirbenchError, match="--gpus 4: PyTorch finds 3 on this machine"):
        check_gpus("cuda", 4)
    for other in ("cpu", "cuda:1"):
        with pytest.raises(
            UsageError, match=f"--gpus 2 goes with --device cuda, not with .*{other}"
        ):
            check_gpus(other, 2)
