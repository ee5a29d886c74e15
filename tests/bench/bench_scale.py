"""What a task of a million clips takes before and after its audio is embedded.

    python tests/bench/bench_scale.py [--clips N] [--dims N] [--folder DIR] [--files] [--write]

Makes a task (a table of clips, no audio), its split, and a store with an embedding of every clip in
a scratch folder, and measures each stage in a process of its own: seconds, and its largest
memory. With `--files` also links to one small audio file under as many names. Exit status 1
if a dry run takes 60 s or 2 GB, or the listing of the store 30 s.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.performance_page import PAGE, write_section

from mirbench.benchmark.embedding.compute import embed_task, stored_embeddings
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.store import Shard, Store, write_shard
from mirbench.benchmark.evaluation.arrange import arrange_rows, probe_data
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.machine.device import free_cpus
from mirbench.benchmark.registry import load_task, parse_representation
from mirbench.benchmark.runs.pairs import Where, pairs_of

TASK = """
import csv
from mirbench.benchmark.api import Clip, Task
LABELS = tuple(f"class {n}" for n in range(10))
def read_clips(root):
    with (root / "clips.csv").open(newline="") as file:
        for clip_id, label, group in csv.reader(file):
            yield Clip(clip_id, root / f"{clip_id[4:7]}/{clip_id}.wav", label, group)
TASK = Task(name="made", title="Made", version=1, kind="multiclass", labels=LABELS,
    metrics=("accuracy",), read_clips=read_clips, folder="made", licence="none", citation="none",
    how_to_get="It is made.")
"""
MODEL = """
import numpy as np
CARD = {"title": "Bands", "trained_on": "none", "requires": ["numpy"]}
class Model:
    sample_rate, dims, heard_seconds = 8000, DIMS, 512 / 8000
    def embed(self, audio, sr):
        return np.resize(np.abs(np.fft.rfft(audio, 512)), DIMS).astype(np.float32)
def load_model(device="cpu"):
    return Model()
"""
#: Of every ten groups.
SIDES = ("train",) * 8 + ("valid", "test")
GROUP = 5
#: Seconds and bytes that issue no complaint.
DRY_RUN_SECONDS, DRY_RUN_BYTES, LISTING_SECONDS = 60.0, 2 * 10**9, 30.0


@dataclass(frozen=True)
class Taken:
    """What a stage took."""

    stage: str
    seconds: float
    #: Of processors, which is not longer on a machine that does other things meanwhile.
    worked: float
    peak: int


class Place:
    """A scratch folder with the task, the model and the store."""

    def __init__(self, root: Path) -> None:
        self.root, self.site, self.cache = root, root / "site", root / "cache"
        self.data, self.files, self.model = root / "data", root / "files", root / "plugin/model.py"

    def make(self, clips: int, dims: int) -> None:
        """Write the tables and the model."""
        info = self.site / "madedist-0.1.dist-info"
        for folder in (info, self.site / "splits", self.data / "made", self.model.parent):
            folder.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: madedist\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text("[mirbench.tasks]\nmade = madetask\n")
        (self.site / "madetask.py").write_text(TASK)
        self.model.write_text(MODEL.replace("DIMS", str(dims)))
        with (self.site / "splits/made.paper.csv").open("w") as split:
            split.write("clip_id,split\n")
            split.writelines(f"{_name(n)},{SIDES[n // GROUP % 10]}\n" for n in range(clips))
        with (self.data / "made/clips.csv").open("w") as table:
            rows = (f"{_name(n)},class {n % 10},group{n // GROUP:06d}\n" for n in range(clips))
            table.writelines(rows)

    def link_files(self) -> None:
        """Put one audio file under the name of every clip into a folder of its own."""
        (self.files / "made").mkdir(parents=True)
        noise = np.random.default_rng(0).normal(0, 0.1, 8000)
        soundfile.write(self.files / "one.wav", noise, 8000)
        os.link(self.data / "made/clips.csv", self.files / "made/clips.csv")
        with (self.files / "made/clips.csv").open() as table:
            for line in table:
                name = line.partition(",")[0]
                folder = self.files / "made" / name[4:7]
                if not folder.exists():
                    folder.mkdir()
                (folder / f"{name}.wav").symlink_to(self.files / "one.wav")

    @property
    def environ(self) -> dict[str, str]:
        """Environment in which the task is installed."""
        return {**os.environ, "PYTHONPATH": str(self.site), "MIRBENCH_CACHE": str(self.cache)}

    def mirbench(self, *arguments: str) -> list[str]:
        """Command line of a command of mirbench."""
        return [sys.executable, "-m", "mirbench.benchmark.cli", *arguments]


def _name(number: int) -> str:
    return f"clip{number:07d}"


def take(place: Place, stage: str, line: list[str]) -> Taken:
    """Run a command, for its seconds and largest memory; a stage tells its own seconds."""
    began = time.monotonic()
    said = place.root / "said.txt"
    with said.open("wb") as file:
        child = subprocess.Popen(line, env=place.environ, stdout=file, cwd=place.root)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{stage} ended with status {child.returncode}")
    seconds, worked = time.monotonic() - began, usage.ru_utime + usage.ru_stime
    last = said.read_text().strip().splitlines()[-1:]
    if last and last[0].startswith("["):
        seconds, worked = json.loads(last[0])
    taken = Taken(stage, seconds, worked, usage.ru_maxrss * 1024)
    print(f"{stage}: {seconds:.1f} s ({worked:.1f}), {taken.peak / 1e9:.2f} GB", flush=True)
    return taken


def pair_of(place: Place, data: Path) -> Pair:
    """Read the task and name the model, as every command does."""
    where = Where(split="paper", data=data, cache=CacheFolder(place.cache))
    (pair,) = pairs_of(str(place.model), "made", where)
    return pair


def fill_store(place: Place, data: Path) -> None:
    """Write a shard for every 64 clips, as they are named while their files are absent."""
    pair, store = pair_of(place, data), Store(place.cache)
    rng = np.random.default_rng(0)
    dims = int(
        place.model.read_text().partition("sample_rate, dims = 8000, ")[2].partition("\n")[0]
    )
    labels = [int(clip.label[-1]) for clip in pair.data.clips if isinstance(clip.label, str)]
    centres, first = rng.standard_normal((10, dims)), 0
    for spec in store.shards_for(pair.fingerprint, pair.task, pair.data.clips):
        count = len(spec.clips)
        rows = centres[labels[first : first + count]] + rng.standard_normal((count, dims))
        first += count
        shard = Shard(
            clip_ids=spec.clip_ids,
            embedding=rows.astype(np.float32),
            clip=np.arange(count),
            missing={},
            seconds=1.0,
            peak_bytes=1,
            made_with={"device": "cpu"},
        )
        write_shard(spec.path, shard, durable=False)


def read_tables(place: Place, data: Path) -> None:
    """Task, split and targets."""
    pair_of(place, data)


def plan(place: Place, data: Path) -> None:
    """Which shards there should be."""
    pair = pair_of(place, data)
    with clock():
        Store(place.cache).shards_for(pair.fingerprint, pair.task, pair.data.clips)


def list_store(place: Place, data: Path) -> None:
    """Which shards there are."""
    spec = parse_representation(str(place.model), place.cache)
    with clock():
        Store(place.cache).all_shards(spec.fingerprint(), load_task("made"))


def read_store(place: Place, data: Path) -> None:
    """Every shard read, checked and joined, and its rows picked, as by ``mirbench probe``."""
    pair = pair_of(place, data)
    ids = [clip.id for clip in pair.data.clips]
    with clock():
        stored_embeddings(pair.spec, pair.task, ids, Store(place.cache))


def find_stored(place: Place, data: Path) -> None:
    """Every shard found by the name that it should have, read and joined, as by ``run``."""
    pair = pair_of(place, data)
    with clock():
        embed_task(pair, EmbeddingSettings(store=Store(place.cache)))


def arrange(place: Place, data: Path) -> None:
    """Rows of each split in order, and what a grid is trained on."""
    pair = pair_of(place, data)
    ids = [clip.id for clip in pair.data.clips]
    embeddings = stored_embeddings(pair.spec, pair.task, ids, Store(place.cache))
    with clock():
        probe_data(pair.data, embeddings, arrange_rows(pair.data, embeddings))


@contextlib.contextmanager
def clock() -> Iterator[None]:
    """Print for the parent how long this takes."""
    began = time.monotonic(), time.process_time()
    yield
    print(json.dumps([time.monotonic() - began[0], time.process_time() - began[1]]))


STAGES: dict[str, Callable[[Place, Path], None]] = {
    "fill": fill_store,
    "read": read_tables,
    "plan": plan,
    "list": list_store,
    "find": find_stored,
    "load": read_store,
    "arrange": arrange,
}


def measure(place: Place, files: bool) -> list[Taken]:
    """Measure every stage; those that read the store come after it is filled."""
    run = ("run", "--task", "made", "--rep", str(place.model), "--protocol", "quick")
    data = ("--data", str(place.data))

    def stage(name: str, key: str, folder: Path = place.data) -> Taken:
        line = [sys.executable, __file__, "--folder", str(place.root), "--stage", key]
        return take(place, name, [*line, "--data", str(folder)])

    taken = [
        stage("tables of the task, the split and the labels", "read"),
        stage("which shards there should be, no audio there", "plan"),
        take(place, "`run --dry-run`, nothing stored", place.mirbench(*run, *data, "--dry-run")),
    ]
    if files:
        place.link_files()
        taken.append(stage("which shards there should be, files there", "plan", place.files))
    stage("(the store is filled)", "fill")
    probe = place.mirbench("probe", *run[1:], *data, "--out", str(place.root / "out"))
    return [
        *taken,
        take(place, "`run --dry-run`, all stored", place.mirbench(*run, *data, "--dry-run")),
        stage("which shards there are (`Store.all_shards`)", "list"),
        take(place, "`cache info`", place.mirbench("cache", "info")),
        take(place, "`cache verify`", place.mirbench("cache", "verify")),
        stage("all shards found by `run`, read and joined", "find"),
        stage("all shards read and joined by `probe`", "load"),
        stage("rows arranged, and the arrays of a grid", "arrange"),
        take(place, "`probe --protocol quick`, to the row", probe),
    ]


def verdict(taken: Sequence[Taken]) -> list[str]:
    """Say what took too long, or too much."""
    limits = {"--dry-run": DRY_RUN_SECONDS, "shards there are": LISTING_SECONDS}
    return [
        f"{each.stage}: {each.seconds:.0f} s, {each.peak / 1e9:.1f} GB"
        for word, limit in limits.items()
        for each in taken
        if word in each.stage and (each.seconds >= limit or each.peak >= DRY_RUN_BYTES)
    ]


def lines_of(taken: Sequence[Taken], clips: int, dims: int) -> list[str]:
    """Write the section of the page."""
    return [
        f"Measured by `tests/bench/bench_scale.py` on {free_cpus()} cores: a made task of "
        f"{clips:,} clips, and a store of as many embeddings of {dims} values "
        f"({-(-clips // 64):,} shards). Stages marked with a command include its start.",
        "",
        "| stage | seconds | of a processor | largest memory, GB |",
        "|---|---|---|---|",
        *(
            f"| {each.stage} | {each.seconds:.1f} | {each.worked:.1f} | {each.peak / 1e9:.2f} |"
            for each in taken
        ),
    ]


def main() -> None:
    """Measure all stages, or one of them in a child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--dims", type=int, default=64)
    parser.add_argument("--folder", type=Path, help="scratch folder, which is kept")
    parser.add_argument("--files", action="store_true", help="also link to an audio file")
    parser.add_argument("--write", action="store_true", help="write docs/scaling.md")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        STAGES[options.stage](Place(options.folder), options.data)
        return
    with contextlib.ExitStack() as stack:
        folder = options.folder or stack.enter_context(tempfile.TemporaryDirectory())
        place = Place(Path(folder).absolute())
        place.make(options.clips, options.dims)
        taken = measure(place, options.files)
    if options.write:
        page = PAGE.with_name("scaling.md")
        write_section("scale", lines_of(taken, options.clips, options.dims), page)
    if wrong := verdict(taken):
        raise SystemExit("\n".join(["too slow or too large:", *wrong]))


if __name__ == "__main__":
    main()
