"""A toy task, a toy model and folders for trials: what is disturbed, and compared."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

CLIPS, RATE = 96, 8000

#: Parts of a row that differ from run to run.
FREE = ("cost", "environment")

_TASK = """
from mirbench.benchmark.api import Clip, Task
LABELS = ("x", "y", "z")
def read_clips(root):
    for i in range({clips}):
        path = root / f"clip{{i:03d}}.wav"
        yield Clip(f"clip{{i:03d}}", path, LABELS[i % 3], f"group{{i // 4:02d}}")
TASK = Task(
    name="toy", title="Toy", version=1, kind="multiclass", labels=LABELS, metrics=("accuracy",),
    read_clips=read_clips, folder="toy", licence="", citation="", how_to_get="It is made.",
)
"""

#: Embeds slowly enough to be disturbed, and notes each clip by its first samples.
_MODEL = """
import os, time
import numpy as np
CARD = {"title": "t", "licence": "MIT", "trained_on": "none"}
class Model:
    sample_rate, dims, heard_seconds = 8000, 12, 1.0
    def __init__(self, layers):
        if layers:
            self.layers = ("0", "1", "2", "3", "4")
    def embed(self, audio, sr):
        if len(audio) > sr // 2:  # a synthetic clip of a look, not one of the task
            return self.heard(audio)
        with open(os.environ["TOY_LOG"], "a") as log:
            log.write(f"{os.getpid()} {audio[:8].tobytes().hex()}\\n")
        time.sleep(float(os.environ.get("TOY_SECONDS", "0.02")))
        return self.heard(audio)
    def heard(self, audio):
        spectrum = np.abs(np.fft.rfft(audio, 8000))[:1200]
        heard = np.log1p(spectrum.reshape(12, 100).mean(1)).astype(np.float32)
        if not hasattr(self, "layers"):
            return heard
        return np.stack([np.roll(heard, n) / (1 + abs(n - 2)) for n in range(5)])
def load_model(device="cpu", layers=""):
    return Model(layers)
"""


@dataclass(frozen=True)
class Ended:
    """A run that has ended."""

    status: int
    said: str

    @property
    def clean(self) -> bool:
        """Whether it ended well, or with a message and no traceback."""
        return "Traceback (most recent call last)" not in self.said and (
            self.status == 0 or "mirbench" in self.said
        )

    @property
    def last(self) -> str:
        """What it said last."""
        return (self.said.strip().splitlines() or [""])[-1][-300:]


class Ground:
    """Task, model and audio, made once below a folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.data, self.site = root, root / "data", root / "site"
        info = self.site / "toydist-0.1.dist-info"
        (self.site / "splits").mkdir(parents=True)
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toydist\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text("[mirbench.tasks]\ntoy = toytask\n")
        (self.site / "toytask.py").write_text(_TASK.format(clips=CLIPS))
        here = Path(__file__).with_name("injected.py")
        shutil.copy(here, self.site / "sitecustomize.py")
        sides = ("train", "train", "train", "valid", "test")
        rows = [f"clip{i:03d},{sides[(i // 4) % 5]}\n" for i in range(CLIPS)]
        (self.site / "splits/toy.paper.csv").write_text("clip_id,split\n" + "".join(rows))
        # In a folder of its own: files that others open beside a plugin may count as its own.
        self.model = root / "plugin" / "model.py"
        self.model.parent.mkdir()
        self.model.write_text(textwrap.dedent(_MODEL))
        (self.data / "toy").mkdir(parents=True)
        for i in range(CLIPS):
            write_clip(self.data / f"toy/clip{i:03d}.wav", i, seed=i)

    def trial(self, name: str) -> Trial:
        """Make an empty cache and an empty folder of rows."""
        folder = self.root / "trials" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return Trial(self, folder)


def write_clip(path: Path, number: int, seed: int) -> None:
    """Write a quarter of a second of a tone, by the class of the clip, in noise."""
    rng, t = np.random.default_rng(seed), np.arange(RATE // 4) / RATE
    tone = 0.3 * np.sin(2 * np.pi * (220, 330, 440)[number % 3] * (1 + 0.2 * rng.random()) * t)
    soundfile.write(path, (tone + 0.1 * rng.normal(size=len(t))).astype("f4"), RATE)


class Trial:
    """One cache and one folder of rows, and the processes that work on them."""

    def __init__(self, ground: Ground, folder: Path) -> None:
        self.ground, self.folder = ground, folder
        self.data, self.cache = ground.data, folder / "cache"
        self.log = folder / "log"
        self.log.touch()
        self.started: list[Run] = []

    def own_data(self) -> Path:
        """Copy the audio, so that it can be changed; returns its folder."""
        self.data = self.folder / "data"
        shutil.copytree(self.ground.data, self.data, dirs_exist_ok=True)
        return self.data / "toy"

    def start(
        self, out: str = "out", jobs: int = 2, command: Sequence[str] = ("run",), **environ: str
    ) -> Run:
        """Start a run, or another command on the same, in a process group of its own."""
        self.started.append(Run(self, out, jobs, environ, command))
        return self.started[-1]

    def finish(
        self, out: str = "out", jobs: int = 2, command: Sequence[str] = ("run",), **environ: str
    ) -> Ended:
        """Run to the end."""
        return self.start(out, jobs, command, **environ).wait()

    def row(self, out: str = "out") -> dict[str, Any] | None:
        """Read the row, without what differs from run to run; None where there is none."""
        paths = list((self.folder / out).glob("model*/toy.*.json"))
        if not paths:
            return None
        row: dict[str, Any] = json.loads(paths[0].read_text())
        return {key: value for key, value in row.items() if key not in FREE}

    def embedded(self) -> list[str]:
        """Say which clips were embedded, by their first samples, as often as they were."""
        return [line.split()[1] for line in self.log.read_text().splitlines() if " " in line]


class Run:
    """A run of ``mirbench run`` that goes on."""

    def __init__(
        self,
        trial: Trial,
        out: str,
        jobs: int,
        environ: dict[str, str],
        command: Sequence[str] = ("run",),
    ) -> None:
        self.trial = trial
        self._said = trial.folder / f"said-{time.monotonic_ns()}"
        rows = ("--protocol", "quick", "--out", str(trial.folder / out))
        line = [
            *(str(Path(sys.executable).with_name("mirbench")), *command, "--task", "toy"),
            *("--rep", str(trial.ground.model), "--jobs", str(jobs)),
            *("--cache", str(trial.cache), "--data", str(trial.data)),
            *(() if command[0] == "embed" else rows),
        ]
        self._tag = f"MIRBENCH_TRIAL={self._said}"
        env = {**os.environ, "PYTHONPATH": str(trial.ground.site), "TOY_LOG": str(trial.log)}
        with self._said.open("w") as said:
            self._process = subprocess.Popen(
                line,
                env=env | dict([self._tag.split("=", 1)]) | environ,
                cwd=trial.folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether the main process has not ended."""
        return self._process.poll() is None

    def workers(self) -> list[int]:
        """Its processes besides the main one."""
        found = []
        for place in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                pid = int(place.parent.name)
                of_this = self._tag.encode() in place.read_bytes().split(b"\0")
                if of_this and pid != self._process.pid:
                    found.append(pid)
        return sorted(found)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the main process alone."""
        self._process.send_signal(number)

    def kill_group(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to all its processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def wait(self, seconds: float = 300) -> Ended:
        """Wait until it has ended; a run that has not by then is killed, and that is its end."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill_group()
            self._process.wait()
            return Ended(-1, f"Traceback (most recent call last): not ended in {seconds} s")
        return Ended(self._process.returncode, self._said.read_text(errors="replace"))

    def wait_for_clips(self, clips: int, seconds: float = 120) -> None:
        """Wait until so many clips have been embedded on this trial's cache, or it has ended."""
        until = time.monotonic() + seconds
        while self.running and len(self.trial.embedded()) < clips and time.monotonic() < until:
            time.sleep(0.02)

    def left_over(self, seconds: float = 20) -> list[int]:
        """Wait for its processes to end; returns those that have not."""
        until = time.monotonic() + seconds
        while (left := self.workers()) and time.monotonic() < until:
            time.sleep(0.1)
        return left
