"""Fixtures that several folders of tests share."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.needs import SHARED, require
from hypothesis import settings

pytest_plugins = ["helpers.skip_report"]

# The tests of a package, which it is installed for; tests/test_plugin_package.py does so.
collect_ignore = ["plugin_package"]

# What is tried is the same at every run, on every machine, however slow that is.
settings.register_profile("mirbench", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("mirbench")

# Numba's cache of compiled functions is not made for processes that compile different forms
# of one function at once: an index may then name another's code, and calling it crashes. So
# each worker of xdist, with the commands that its tests run, has a cache of its own.
os.environ["NUMBA_CACHE_DIR"] = str(
    Path(__file__).resolve().parents[1]
    / ".pytest_cache"
    / "numba"
    / os.environ.get("PYTEST_XDIST_WORKER", "main")
)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of development data beside the checkout; the test is skipped where there is none."""
    require("shared")
    return SHARED


#: Thousands of small files that no reader opens.
_UNUSED = ("/md5/", "/jams/", "/genre/", "/giantsteps/")
_UNUSED_FURTHER = ("/md5/", "/mirex/", "/splits/", "/genre/", "_instrument-", "/mridangam/")


@pytest.fixture(scope="session")
def annotation_files(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the annotation files of the four datasets as their publishers lay them out."""
    folder = tmp_path_factory.mktemp("annotations")
    with tarfile.open(shared / "datasets" / "annotations.tar.xz") as archive:
        wanted = [m for m in archive if not any(part in m.name for part in _UNUSED)]
        archive.extractall(folder, members=wanted, filter="data")
    return folder


@pytest.fixture(scope="session")
def further_annotations(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the annotation files of the further tasks, one folder a dataset."""
    folder = tmp_path_factory.mktemp("further")
    with tarfile.open(shared / "datasets" / "further_annotations.tar.xz") as archive:
        wanted = [m for m in archive if not any(part in m.name for part in _UNUSED_FURTHER)]
        archive.extractall(folder, members=wanted, filter="data")
    return folder / "annotations"


TASK = '''
"""Three pitches."""

from mirbench.benchmark.api import Clip, Task

PITCHES = {"high": 1600, "low": 200, "middle": 640}


def read_clips(root):
    for path in sorted(root.glob("*.wav")):
        number = int(path.stem[4:])
        yield Clip(path.stem, path, list(PITCHES)[number % 3], f"group{number // 5:02d}")


TASK = Task(
    name="tinytask",
    title="Tiny task",
    version=1,
    kind="multiclass",
    labels=tuple(PITCHES),
    metrics=("accuracy",),
    read_clips=read_clips,
    folder="tinytask",
    licence="CC0",
    citation="none",
    how_to_get="the tests make it",
)
'''

REPRESENTATION = '''
"""A spectrum of sixteen bands, with NumPy alone."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

CARD = {"title": "Tiny spectrum", "trained_on": "none", "requires": ["numpy"]}


class Tiny:
    sample_rate = 8000
    dims = 16
    heard_seconds = 512 / 8000

    def __init__(self, delay, log):
        self.delay, self.log = delay, log

    def embed(self, audio, sr):
        time.sleep(self.delay or float(os.environ.get("TINYREP_DELAY", 0)))
        log = self.log or os.environ.get("TINYREP_LOG")
        if log:
            with (Path(log) / "embedded.txt").open("a") as file:
                file.write(f"{len(audio)}\\n")
        bands = np.array_split(np.abs(np.fft.rfft(audio, 512)), 16)
        return np.log1p([band.mean() for band in bands]).astype(np.float32)


def load_model(device="cpu", *, delay: float = 0.0, log: str = ""):
    return Tiny(delay, log)
'''


def lay_out_distribution(site: Path, name: str, entry_points: str) -> None:
    """Lay a distribution's metadata out as an installer does."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(textwrap.dedent(entry_points))


@dataclass(frozen=True)
class TinyPackage:
    """A third-party distribution with the task ``tinytask`` and the representation ``tinyrep``.

    ``tinyrep`` takes ``delay`` (seconds a clip) and ``log`` (a folder, where
    every call of embed adds the clip's length to ``embedded.txt``), or
    TINYREP_DELAY and TINYREP_LOG, which leave label and fingerprint alone.
    """

    site: Path
    data: Path
    env: dict[str, str]
    task: str = "tinytask"
    rep: str = "tinyrep"
    clips: int = 150

    @property
    def wavs(self) -> list[Path]:
        return sorted((self.data / "tinytask").glob("*.wav"))

    def mirbench(
        self, *arguments: str | Path, **env: str | Path
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line, with the distribution installed."""
        return subprocess.run(
            [sys.executable, "-m", "mirbench.benchmark.cli", *map(str, arguments)],
            env=self.env | {key: str(value) for key, value in env.items()},
            capture_output=True,
            text=True,
            timeout=300,
        )


@pytest.fixture(scope="session")
def tiny_task_package(tmp_path_factory: pytest.TempPathFactory) -> TinyPackage:
    """Make the distribution, its data and its split; nothing is imported here."""
    root = tmp_path_factory.mktemp("tiny")
    site, data = root / "site", root / "data"
    package = site / "tinypackage"
    (package / "splits").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "task.py").write_text(TASK)
    (package / "rep.py").write_text(REPRESENTATION)
    lay_out_distribution(
        site,
        "tinypackage",
        """
        [mirbench.tasks]
        tinytask = tinypackage.task:TASK

        [mirbench.representations]
        tinyrep = tinypackage.rep
        """,
    )
    lines = [
        f"clip{n:03d},{'train' if n < 90 else 'valid' if n < 120 else 'test'}" for n in range(150)
    ]
    (package / "splits" / "tinytask.paper.csv").write_text(
        "\n".join(["clip_id,split", *lines]) + "\n"
    )
    (data / "tinytask").mkdir(parents=True)
    rng = np.random.default_rng(0)
    times = np.arange(1600) / 8000
    for number in range(150):
        pitch = (1600, 200, 640)[number % 3] * 2 ** rng.uniform(-0.2, 0.2)
        wave = 0.3 * np.sin(2 * np.pi * pitch * times) + rng.normal(0, 0.02, 1600)
        soundfile.write(data / "tinytask" / f"clip{number:03d}.wav", wave, 8000)
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    env = {k: v for k, v in os.environ.items() if not k.startswith("MIRBENCH_")}
    return TinyPackage(site, data, env | {"PYTHONPATH": path, "MIRBENCH_DATA": str(data)})


@pytest.fixture
def tiny(tiny_task_package: TinyPackage, monkeypatch: pytest.MonkeyPatch) -> Iterator[TinyPackage]:
    """Give the same, installed in this process too."""
    from mirbench.benchmark.registry import load_named_task

    monkeypatch.syspath_prepend(tiny_task_package.site)
    monkeypatch.setenv("PYTHONPATH", tiny_task_package.env["PYTHONPATH"])
    load_named_task.cache_clear()
    yield tiny_task_package
    load_named_task.cache_clear()


@pytest.fixture
def main(
    tiny: TinyPackage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process: status, stdout, stderr."""
    from mirbench.benchmark import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MIRBENCH_DATA", str(tiny.data))

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mirbench", *map(str, arguments)])
        status: Any = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code
        output = capsys.readouterr()
        return status, output.out, output.err

    return call


@pytest.fixture(scope="session")
def make_result() -> Callable[..., Any]:
    """Give a function that makes a result row up."""
    from mirbench.benchmark.protocol import get_protocol
    from mirbench.benchmark.result import Result

    def make(
        representation: str = "mine",
        task: str = "toy",
        split: str = "paper",
        protocol: str = "castellon2021",
        board: str = "other",
        value: float = 0.5,
        metrics: tuple[str, ...] = ("accuracy",),
        seconds: float = 1.0,
        origin: str = "file",
    ) -> Result:
        rules = get_protocol(protocol)
        score = {"value": value, "low": value - 0.1, "high": min(1, value + 0.1), "n": 30}
        return Result.model_validate(
            {
                "representation": {
                    "name": representation,
                    "origin": origin,
                    "params": {},
                    "fingerprint": "0" * 16,
                    "dims": 16,
                    "layers": 0,
                    "trained_on": None,
                },
                "task": {
                    "name": task,
                    "title": task.title(),
                    "version": 1,
                    "kind": "multiclass",
                    "labels": ["x", "y"],
                    "metrics": metrics,
                    "window": None,
                    "board": board,
                    "split": split,
                    "split_sha256": "0" * 64,
                    "counts": {"train": 90, "valid": 30, "test": 30},
                    "rows": {"train": 90, "valid": 30, "test": 30},
                    "missing": [{"clip_id": "lost", "reason": "lost.wav does not exist"}],
                    "embeddings_sha256": "0" * 64,
                },
                "protocol": {
                    "name": rules.name,
                    "hash": rules.hash,
                    "main_board": rules.main_board,
                    "probes": len(rules.grid()),
                    "probes_run": len(rules.grid()),
                },
                "probe": {
                    "index": 2,
                    "layer": None,
                    "standardise": True,
                    "hidden": 0,
                    "batch_size": 64,
                    "learning_rate": 0.001,
                    "dropout": 0.25,
                    "l2": 0.0,
                    "updates": 800,
                    "best_update": 400,
                    "valid": 0.75,
                    "way": None,
                },
                "scores": {metric: score | {"groups": 6} for metric in metrics},
                "cost": {
                    "embedding_seconds": seconds,
                    "probing_seconds": seconds,
                    "peak_memory_bytes": 1000,
                    "device": "cpu",
                },
                "environment": {
                    "python": "3.12.0",
                    "platform": "Linux-x86_64",
                    "packages": {},
                    "commit": None,
                    "embedded_with": {"device": "cpu", "numpy": "2.4.6"},
                    "dirty": None,
                },
            }
        )

    return make


@pytest.fixture(scope="session")
def make_distribution() -> Callable[[Path, str, str], None]:
    """Give a function that lays a distribution's metadata out as an installer does."""
    return lay_out_distribution
