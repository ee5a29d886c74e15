"""Models whose embeddings depend on their batch get the same batches, come what may."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from helpers.pairs import embed_clips_of

from mirbench.benchmark import run
from mirbench.benchmark.api import Clip, DataError, PluginError, Task
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.embedding.compute import embed_task, stored_embeddings
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.pair import EmbeddingSettings
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.registry import load_task, parse_representation
from mirbench.benchmark.runs.dry_run import dry_run
from mirbench.benchmark.runs.pairs import Where, pairs_of

if TYPE_CHECKING:
    from conftest import TinyPackage

SIZE = 40

#: Loudness and length of a clip, less their means over the batch.
CENTRED = f"""
import os, time
from pathlib import Path
import numpy as np

class Centred:
    sample_rate, dims = 8000, 2
    batch_dependent, batch_size = True, {SIZE}

    def embed(self, audio, sr):
        return self.embed_batch([audio], sr)[0]

    def embed_batch(self, audios, sr):
        time.sleep(float(os.environ.get("CENTRED_DELAY", 0)))
        with Path(__file__).with_name("batches.txt").open("a") as file:
            print(len(audios), file=file)
        rows = np.array([[np.abs(audio).mean(), len(audio)] for audio in audios])
        return (rows - rows.mean(axis=0)).astype(np.float32)

def load_model(device="cpu"):
    return Centred()
"""


@pytest.fixture
def task(tiny: TinyPackage) -> Task:
    return load_task("tinytask")


@pytest.fixture
def clips(tiny: TinyPackage, task: Task) -> list[Clip]:
    return read_clips(task, tiny.data / "tinytask")


@pytest.fixture
def rep(tmp_path: Path) -> str:
    path = tmp_path / "centred.py"
    path.write_text(CENTRED)
    return str(path)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give where the plugin writes; a worker may be older than the test and its environment."""
    return tmp_path / "batches.txt"


def embed(
    rep: str,
    task: Task,
    clips: Sequence[Clip],
    cache: Path,
    jobs: int = 1,
    dataset: Sequence[Clip] | None = None,
) -> Embeddings:
    spec = parse_representation(rep)
    return embed_clips_of(spec, task, clips, cache, dataset, jobs=jobs)


def expected(audios: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Centre clips by the batches of the paper's code, plainly; those that are empty drop out."""
    names = sorted(audios)
    random.seed(0)
    random.shuffle(names)
    rows = {}
    for first in range(0, len(names), SIZE):
        batch = [name for name in names[first : first + SIZE] if len(audios[name])]
        values = np.array([[np.abs(audios[n]).mean(), len(audios[n])] for n in batch])
        rows |= dict(zip(batch, (values - values.mean(axis=0)).astype(np.float32), strict=True))
    return rows


def read(clips: Sequence[Clip]) -> dict[str, np.ndarray]:
    audios = {}
    for clip in clips:
        assert clip.path is not None
        audios[clip.id] = soundfile.read(clip.path, dtype="float32")[0]
    return audios


def assert_rows(found: Embeddings, rows: dict[str, np.ndarray]) -> None:
    ids = [found.clip_ids[number] for number in found.clip]
    assert ids == sorted(rows)
    wanted = np.array([rows[clip_id] for clip_id in ids])
    np.testing.assert_allclose(found.embedding, wanted, atol=1e-6)


def copy(clips: Sequence[Clip], folder: Path) -> list[Clip]:
    folder.mkdir()
    for clip in clips:
        assert clip.path is not None
        shutil.copy2(clip.path, folder)
    return [replace(clip, path=folder / f"{clip.id}.wav") for clip in clips]


@pytest.mark.parametrize("jobs", [1, 2])
def test_batches_are_those_of_the_paper(
    rep: str, task: Task, clips: list[Clip], tmp_path: Path, log: Path, jobs: int
) -> None:
    found = embed(rep, task, clips[::-1], tmp_path / "cache", jobs)
    assert found.clip_ids == tuple(clip.id for clip in clips)
    assert_rows(found, expected(read(clips)))
    assert sorted(log.read_text().split()) == ["30", "40", "40", "40"]
    again = embed(rep, task, clips, tmp_path / "cache", jobs)
    assert (again.computed, again.sha256) == (0, found.sha256)


def test_the_order_is_that_of_the_stems(
    rep: str, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    renamed = replace(task, stem=lambda row_id: row_id[::-1])
    by_stem = {clip_id[::-1]: audio for clip_id, audio in read(clips).items()}
    rows = {stem[::-1]: row for stem, row in expected(by_stem).items()}
    found = embed(rep, renamed, clips, tmp_path)
    assert_rows(found, rows)
    # Another order is another division; what it stored stands beside, untouched.
    assert_rows(embed(rep, task, clips, tmp_path), expected(read(clips)))
    assert embed(rep, renamed, clips, tmp_path).sha256 == found.sha256


def test_batches_are_formed_over_the_whole_dataset(
    rep: str, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    rows = expected(read(clips))
    some, others = clips[20:50], clips[40:130]
    found = embed(rep, task, some, tmp_path, dataset=clips)
    assert_rows(found, {clip.id: rows[clip.id] for clip in some})
    found = embed(rep, task, others, tmp_path, dataset=clips)
    assert found.computed == 0
    assert_rows(found, {clip.id: rows[clip.id] for clip in others})


def test_a_run_gives_the_whole_dataset_to_the_batches(
    tiny: TinyPackage, rep: str, clips: list[Clip], tmp_path: Path
) -> None:
    split = tiny.site / "tinypackage" / "splits" / "tinytask.paper.csv"
    kept = split.read_text()
    split.write_text("".join(line for line in kept.splitlines(True) if "clip00" not in line))
    try:
        arguments = {"data": tiny.data, "cache": tmp_path / "cache", "protocol": "quick"}
        (planned,) = dry_run(rep, "tinytask", **arguments)  # type: ignore[arg-type]
        assert (planned.clips, planned.cached) == (140, 0)
        run(rep, "tinytask", out=tmp_path / "out", jobs=1, **arguments)  # type: ignore[arg-type]
        (planned,) = dry_run(rep, "tinytask", **arguments)  # type: ignore[arg-type]
        assert (planned.clips, planned.cached) == (140, 140)
    finally:
        split.write_text(kept)
    spec, store = parse_representation(rep), Store(tmp_path / "cache")
    stored = stored_embeddings(spec, load_task("tinytask"), [clip.id for clip in clips], store)
    assert_rows(stored, expected(read(clips)))


def test_a_clip_that_cannot_be_decoded_leaves_its_batch_smaller(
    rep: str, task: Task, clips: list[Clip], tmp_path: Path, log: Path
) -> None:
    moved = copy(clips, tmp_path / "data")
    audios = read(moved)
    lost = tmp_path / "data" / "clip077.wav"
    content = lost.read_bytes()
    lost.write_bytes(b"")
    found = embed(rep, task, moved, tmp_path / "cache")
    assert found.missing == {"clip077": "clip077.wav is empty (0 bytes)"}
    assert_rows(found, expected(audios | {"clip077": np.zeros(0)}))
    assert sum(map(int, log.read_text().split())) == 149
    log.unlink()

    lost.write_bytes(content)
    mended = embed(rep, task, moved, tmp_path / "cache")
    assert_rows(mended, expected(audios))
    assert len(log.read_text().split()) == 1, "the other batches are as they were"


def test_a_changed_file_changes_its_batch(
    rep: str, task: Task, clips: list[Clip], tmp_path: Path, log: Path
) -> None:
    moved = copy(clips, tmp_path / "data")
    first = embed(rep, task, moved, tmp_path / "cache")
    soundfile.write(tmp_path / "data" / "clip010.wav", np.full(1000, 0.5), 8000)
    log.unlink()
    changed = embed(rep, task, moved, tmp_path / "cache")
    assert changed.sha256 != first.sha256
    assert_rows(changed, expected(read(moved)))
    assert len(log.read_text().split()) == 1, "the other batches are as they were"
    stored = stored_embeddings(
        parse_representation(rep), task, changed.clip_ids, Store(tmp_path / "cache")
    )
    assert stored.sha256 == changed.sha256


def test_batches_of_different_divisions_are_never_mixed(
    rep: str, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    embed(rep, task, clips, tmp_path)
    fewer = embed(rep, task, clips[:90], tmp_path)
    assert_rows(fewer, expected(read(clips[:90])))
    for path in tmp_path.rglob("00002-*.safetensors"):
        path.unlink()  # as if a run had been killed before its last batch
    stored = stored_embeddings(
        parse_representation(rep), task, [clip.id for clip in clips], Store(tmp_path)
    )
    assert len(stored.missing) == 150 - 80
    rows = expected(read(clips[:90]))
    assert_rows(stored, {i: row for i, row in rows.items() if i not in stored.missing})


def test_windows_are_clips_of_their_own(
    rep: str, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    moved = copy(clips[:60], tmp_path / "data")
    soundfile.write(tmp_path / "data" / "clip004.wav", np.full(500, 0.5), 8000)
    soundfile.write(tmp_path / "data" / "clip005.wav", np.full(300, 0.5), 8000)
    windowed = replace(task, window=0.06)  # 480 samples
    audios = {
        f"{clip_id}-{k}": audio[480 * k : 480 * (k + 1)]
        for clip_id, audio in read(moved).items()
        for k in range(len(audio) // 480)
    }
    assert len(audios) == 58 * 3 + 1
    rows = expected(audios)
    for jobs in (1, 2):
        cache = tmp_path / f"cache{jobs}"
        found = embed(rep, windowed, moved, cache, jobs)
        assert list(found.missing) == ["clip005"]
        assert "shorter than one window" in found.missing["clip005"]
        assert [found.clip_ids[n] for n in found.clip] == [
            i.partition("-")[0] for i in sorted(rows)
        ]
        wanted = np.array([rows[row_id] for row_id in sorted(rows)])
        np.testing.assert_allclose(found.embedding, wanted, atol=1e-6)
        assert embed(rep, windowed, moved, cache, jobs).computed == 0
        stored = stored_embeddings(
            parse_representation(rep), windowed, found.clip_ids, Store(cache)
        )
        assert stored.sha256 == found.sha256


def test_no_more_clips_are_told_than_there_are(
    rep: str,
    task: Task,
    clips: list[Clip],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A clip whose windows lie in two batches is embedded with both."""
    embed(rep, replace(task, window=0.06), copy(clips[:60], tmp_path / "data"), tmp_path / "cache")
    told = re.findall(r"embedding .*: ([\d,]+)(?: of ([\d,]+))? clips", capsys.readouterr().err)
    counts = [[int(number.replace(",", "")) for number in pair if number] for pair in told]
    whole = counts[0][-1]
    assert whole > 60
    assert all(done <= whole for done, *_ in counts)


def test_no_clip_has_a_window(rep: str, task: Task, clips: list[Clip], tmp_path: Path) -> None:
    windowed = replace(task, window=0.5)
    found = embed(rep, windowed, clips[:3], tmp_path)
    assert (len(found.embedding), len(found.missing)) == (0, 3)
    assert embed(rep, windowed, clips[:3], tmp_path).computed == 0
    assert embed(rep, task, [], tmp_path).clip_ids == ()


def test_a_damaged_batch_is_computed_again(
    rep: str, task: Task, clips: list[Clip], tmp_path: Path, log: Path
) -> None:
    first = embed(rep, task, clips, tmp_path / "cache")
    path = sorted((tmp_path / "cache").rglob("*.safetensors"))[1]
    path.write_bytes(path.read_bytes()[:-8])
    log.unlink()
    assert embed(rep, task, clips, tmp_path / "cache").sha256 == first.sha256
    assert len(log.read_text().split()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_killed_run_goes_on_with_the_same_batches(
    tiny: TinyPackage, rep: str, task: Task, clips: list[Clip], tmp_path: Path, jobs: str
) -> None:
    cache = tmp_path / "cache"
    line = [sys.executable, "-m", "mirbench.benchmark.cli", "embed", "--rep", rep]
    line += ["--task", "tinytask", "--jobs", jobs, "--cache", str(cache)]
    env = tiny.env | {"CENTRED_DELAY": "0.5"}
    process = subprocess.Popen(line, env=env, start_new_session=True, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 90
        while not list(cache.rglob("*.safetensors")):
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    kept = {path: path.stat().st_mtime_ns for path in cache.rglob("*.safetensors")}
    assert 1 <= len(kept) < 4
    (tmp_path / "batches.txt").unlink()
    subprocess.run(line, env=env | {"CENTRED_DELAY": "0"}, check=True, capture_output=True)
    assert len((tmp_path / "batches.txt").read_text().split()) == 4 - len(kept)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    found = embed(rep, task, clips, cache)
    assert found.computed == 0
    assert_rows(found, expected(read(clips)))


def test_what_the_store_remembers_of_the_model_may_be_lost(
    rep: str, task: Task, clips: list[Clip], tmp_path: Path
) -> None:
    found = embed(rep, task, clips, tmp_path / "cache")
    (facts,) = (tmp_path / "cache").rglob("model.json")
    assert json.loads(facts.read_text())["batch_size"] == SIZE
    facts.write_text("{")
    assert embed(rep, task, clips, tmp_path / "cache").sha256 == found.sha256
    assert json.loads(facts.read_text())["batch_size"] == SIZE


@pytest.mark.parametrize(
    ("members", "mistake"),
    [
        ("batch_dependent = True", "batch_dependent needs a batch_size"),
        (
            "batch_dependent, batch_size = True, 4",
            "batch_dependent needs a method embed_batch(audios, sr)",
        ),
    ],
)
def test_half_a_declaration(
    task: Task, clips: list[Clip], tmp_path: Path, members: str, mistake: str
) -> None:
    path = tmp_path / "half.py"
    path.write_text(
        f"class Half:\n    sample_rate, dims = 8000, 2\n    {members}\n"
        "    def embed(self, audio, sr): ...\n"
        "def load_model(device='cpu'): return Half()\n"
    )
    with pytest.raises(PluginError) as caught:
        embed(str(path), task, clips[:2], tmp_path)
    assert str(caught.value) == f"representation 'half': {mistake}"


def test_nothing_stored(rep: str, task: Task, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the store has no embeddings of 'centred'"):
        stored_embeddings(parse_representation(rep), task, ["clip000"], Store(tmp_path))


@pytest.mark.slow
def test_of_a_few_clips_only_their_batches_are_embedded(tiny: TinyPackage, tmp_path: Path) -> None:
    path = tmp_path / "centred.py"
    path.write_text(CENTRED.replace(f"True, {SIZE}", "True, 8"))
    found, batches = [], []
    for limit in (3, None):
        store = Store(tmp_path / f"cache-{limit}")
        where = Where(split="paper", data=tiny.data, cache=store.cache, limit=limit)
        (pair,) = pairs_of(str(path), "tinytask", where)
        found.append(embed_task(pair, EmbeddingSettings(store=store, jobs=1)))
        batches.append(len(list(store.cache.embeddings.rglob("batches-*/*.safetensors"))))
    few, every = found
    assert len(few.clip_ids) == 9
    assert batches[0] <= 9 < batches[1] == 19
    places = [every.clip_ids.index(clip_id) for clip_id in few.clip_ids]
    np.testing.assert_array_equal(few.matrix(), every.matrix()[places])
