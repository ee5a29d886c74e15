"""Kill a grid again and again, and measure what saving its probes costs when nothing happens.

    python tests/bench/bench_saving.py [--dims N] [--clips N] [--patience N] [--every SECONDS]
                                       [--pairs N] [--device cpu|cuda] [--folder DIR]

A made task of three classes is probed with random features from the command line, all 216 probes
of castellon2021 with a shorter patience: undisturbed without saving and with it, alternately, for
the processor time of both; and once with the whole process group killed every so many seconds,
until the row is there. The rows must be equal but for cost and environment, the outputs on the
test set too. Exit status 1 if they are not.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TASK = """
from mirbench.benchmark.api import Clip, Task
def read_clips(root):
    for i in range({clips}):
        name = f"clip{{i:05d}}"
        yield Clip(name, root / f"{{name}}.wav", "xyz"[i % 3], f"group{{i // 3:05d}}")
TASK = Task(name="made", title="Made", version=1, kind="multiclass", labels=("x", "y", "z"),
    metrics=("accuracy",), read_clips=read_clips, folder="made", licence="none", citation="none",
    how_to_get="It is made.")
"""
CHILD = """
import dataclasses, sys
from mirbench.benchmark import protocol
from mirbench.benchmark.probing import pace
patience, saving = int(sys.argv.pop(1)), sys.argv.pop(1)
whole = protocol.get_protocol("castellon2021")
protocol.PROTOCOLS["castellon2021"] = dataclasses.replace(whole, patience=patience)
if saving == "off":
    pace.SHARE = 0.0
if saving == "always":
    pace.LEAST_SECONDS, pace.SHARE, pace.SPEED, pace.GROWTH = -1.0, 1e9, 1e15, 0.0
from mirbench.benchmark.cli.app import main
main()
"""
SIDES = ("train", "train", "train", "valid", "test")


@dataclass
class Trial:
    """One row from the beginning: what it took, and what came out."""

    row: dict[str, Any]
    predictions: bytes
    wall: float
    processor: float
    kills: int
    most_bytes: int


class Place:
    """A folder with a made task, its split, and features."""

    def __init__(self, root: Path, clips: int, dims: int, patience: int, device: str) -> None:
        self.root, self.patience, self.device = root, patience, device
        #: When the process that runs now was started.
        self.started = 0.0
        info = root / "site" / "madedist-0.1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: madedist\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text("[mirbench.tasks]\nmade = madetask\n")
        (root / "site/madetask.py").write_text(TASK.format(clips=clips))
        (root / "site/splits").mkdir()
        lines = [f"clip{i:05d},{SIDES[i // 3 % 5]}" for i in range(clips)]
        text = "\n".join(["clip_id,split", *lines, ""])
        (root / "site/splits/made.paper.csv").write_text(text)
        (root / "data/made").mkdir(parents=True)
        rng = np.random.default_rng(0)
        centres = 0.1 * rng.standard_normal((3, dims))
        rows = centres[np.arange(clips) % 3] + rng.standard_normal((clips, dims))
        np.savez(
            root / "made.npz",
            clip_id=np.array([f"clip{i:05d}" for i in range(clips)]),
            embedding=rows.astype(np.float32),
        )

    def trial(self, saving: str, ends: Callable[[Place], bool] | None = None) -> Trial:
        """Probe from an empty cache until the row is there.

        Parameters
        ----------
        saving : str
            ``off``, ``on``, or ``always``: whenever a bank can be saved.
        ends : callable, optional
            Asked again and again; the process group is killed when it returns True.
        """
        shutil.rmtree(self.root / "out", ignore_errors=True)
        shutil.rmtree(self.root / "cache", ignore_errors=True)
        began, processor, kills, most = time.monotonic(), 0.0, 0, 0
        while True:
            child = self._start(saving)
            self.started = time.monotonic()
            ended = self._wait(child, ends)
            most = max(most, sum(path.stat().st_size for path in self.states()))
            if not ended:
                os.killpg(child.pid, signal.SIGKILL)
                kills += 1
                print(f"  kill {kills}: {self._finished()} probes finished", flush=True)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            processor += usage.ru_utime + usage.ru_stime
            if ended:
                break
        if child.returncode:
            raise SystemExit((self.root / "said").read_text()[-2000:])
        (path,) = self.root.glob("out/*/made.*.json")
        (predictions,) = self.root.glob("out/*/made.*.safetensors")
        row = json.loads(path.read_text())
        del row["cost"], row["environment"]
        wall = time.monotonic() - began
        return Trial(row, predictions.read_bytes(), wall, processor, kills, most)

    def _start(self, saving: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", CHILD, str(self.patience), saving]
        command += ["probe", "--task", "made", "--embeddings", str(self.root / "made.npz")]
        command += ["--trained-on", "none", "--device", self.device]
        command += ["--out", str(self.root / "out"), "--cache", str(self.root / "cache")]
        env = dict(os.environ, PYTHONPATH=str(self.root / "site"))
        env["MIRBENCH_DATA"] = str(self.root / "data")
        with open(self.root / "said", "wb") as said:
            return subprocess.Popen(
                command, env=env, cwd=self.root, stdout=said, stderr=said, start_new_session=True
            )

    def states(self) -> list[Path]:
        """Files of probes that are learning."""
        return list(self.root.glob("cache/grids/**/learning/*.safetensors"))

    def _finished(self) -> int:
        return len(list(self.root.glob("cache/grids/**/*.safetensors"))) - len(self.states())

    def _wait(self, child: subprocess.Popen[bytes], ends: Callable[[Place], bool] | None) -> bool:
        """Wait until it has ended or shall end, without reaping it; say whether it has."""
        while ends is None or not ends(self):
            flags = os.WEXITED | os.WNOWAIT | (0 if ends is None else os.WNOHANG)
            if os.waitid(os.P_PID, child.pid, flags) is not None:
                return True
            time.sleep(0.1)
        return False


def main() -> None:
    """Run the trials and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dims", type=int, default=4800)
    parser.add_argument("--clips", type=int, default=300)
    parser.add_argument("--patience", type=int, default=8)
    parser.add_argument("--every", type=float, default=60.0)
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as root:
        place = Place(Path(root), asked.clips, asked.dims, asked.patience, asked.device)
        trials: dict[str, list[Trial]] = {"off": [], "on": []}
        for _ in range(asked.pairs):
            for saving in trials:
                trial = place.trial(saving)
                trials[saving].append(trial)
                print(f"saving {saving}: {trial.wall:.1f} s, processor {trial.processor:.1f} s")
        killed = place.trial("on", lambda p: time.monotonic() - p.started > asked.every)
    without, with_ = (statistics.median(t.processor for t in trials[s]) for s in ("off", "on"))
    print(f"processor time of saving: {100 * (with_ / without - 1):+.2f} %")
    print(f"killed every {asked.every:.0f} s: {killed.kills} kills, {killed.wall:.1f} s")
    print(f"states on disk when killed: at most {killed.most_bytes / 1e6:.0f} MB")
    whole = trials["off"][0]
    others = [*trials["on"], killed]
    same = all((t.row, t.predictions) == (whole.row, whole.predictions) for t in others)
    print("rows and predictions are", "equal" if same else "DIFFERENT")
    sys.exit(not same)


if __name__ == "__main__":
    main()
