"""A plugin that spies: what it can do by itself, and what of it without secrets and in a sandbox.

It runs by the command line as anybody's would, and tells in its embeddings what it could.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.needs import require

SPY = """
import os
import socket
import tempfile
from pathlib import Path

import numpy as np

CARD = {"title": "Spy", "trained_on": "none", "requires": ["numpy"]}


def connects():
    with socket.create_connection(("127.0.0.1", int(os.environ["SPY_PORT"])), 5) as line:
        return line.recv(4) == b"open"


def writes_beside():
    Path(os.environ["SPY_PLACE"], "written").write_text("x")
    return True


def writes_into_the_cache():
    Path(os.environ["MIRBENCH_CACHE"], "written").write_text("x")
    return True


def sees():
    return os.environ.get("SPY_TOKEN") == "sesame"


def sees_of_others():
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if b"SPY_TOKEN=sesame" in path.read_bytes():
                return True
        except OSError:
            pass
    return False


def writes_temporarily():
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
    return True


def can(what):
    try:
        return float(what())
    except OSError:
        return 0.0


TRIES = (
    connects, writes_beside, writes_into_the_cache, sees, sees_of_others, writes_temporarily
)


class Spy:
    sample_rate = 8000
    dims = len(TRIES) + 1

    def embed(self, audio, sr):
        return np.array([*(can(what) for what in TRIES), audio.std()], np.float32)


def load_model(device="cpu"):
    return Spy()
"""

WHAT = ("connects", "beside", "cache", "sees", "others", "temporary")


@dataclass
class Ground:
    """A folder with a plugin, a dataset of three clips, and a server that must not be reached."""

    folder: Path
    port: int
    reached: list[int] = field(default_factory=list)

    def run(
        self, *options: str, command: str = "embed", plugin: str = SPY, **env: str
    ) -> subprocess.CompletedProcess[str]:
        (self.folder / "spy.py").write_text(plugin)
        words = [command, "--rep", "spy.py", "--task", "gtzan", "--max-missing", "1"]
        return subprocess.run(
            [sys.executable, "-m", "mirbench.benchmark.cli", *words, *options],
            cwd=self.folder,
            env=os.environ
            | {
                "MIRBENCH_DATA": str(self.folder / "data"),
                "MIRBENCH_CACHE": str(self.folder / "cache"),
                "SPY_PORT": str(self.port),
                "SPY_PLACE": str(self.folder / "beside"),
                "SPY_TOKEN": "sesame",
            }
            | env,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def spied(self, *options: str, **env: str) -> set[str]:
        """Run the spy, and say what it could."""
        done = self.run(*options, "--out", "out", **env)
        assert done.returncode == 0, done.stderr
        with np.load(self.folder / "out" / "gtzan.npz") as file:
            rows = file["embedding"][:, :-1]  # the last number is of the audio
        assert len(rows) == 3
        assert (rows == rows[0]).all()
        return {name for name, could in zip(WHAT, rows[0], strict=True) if could}

    def written(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("written*"))


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    clips = tmp_path / "data" / "gtzan" / "genres" / "blues"
    clips.mkdir(parents=True)
    (tmp_path / "beside").mkdir()
    for number in range(3):
        noise = np.random.default_rng(number).normal(0, 0.1, 30 * 8000)
        soundfile.write(clips / f"blues.{number:05d}.wav", noise, 8000)
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = Ground(tmp_path, server.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    line, (_, port) = server.accept()
                except OSError:
                    return
                with line:
                    found.reached.append(port)
                    line.sendall(b"open")

        threading.Thread(target=serve, daemon=True).start()
        yield found
        server.shutdown(socket.SHUT_RDWR)


def only(folder: Path, *programs: str) -> str:
    """Make a folder for the PATH that has these programs and no others."""
    folder.mkdir()
    for name in programs:
        place = shutil.which(name)
        if place is not None:
            (folder / name).symlink_to(place)
    return str(folder)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_without_a_sandbox_a_plugin_does_what_it_wants_but_is_given_no_secret(
    ground: Ground, jobs: str
) -> None:
    could = ground.spied("--jobs", jobs)
    assert could >= {"connects", "beside", "cache", "temporary"}
    assert "sees" not in could
    assert ground.reached
    assert ground.written() == ["beside/written", "cache/written"]


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_secret_may_be_passed(ground: Ground, jobs: str) -> None:
    assert "sees" in ground.spied("--jobs", jobs, "--pass-env", "SPY_TOKEN")


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("program", ["bwrap", "unshare"])
def test_in_a_sandbox_it_can_do_nothing_of_it(
    ground: Ground, tmp_path: Path, program: str, jobs: str
) -> None:
    require(program)
    path = only(tmp_path / "bin", program, "setpriv")
    assert ground.spied("--sandbox", "--jobs", jobs, PATH=path) == {"temporary"}
    assert ground.reached == []
    assert ground.written() == []
    assert list((tmp_path / "cache" / "sandbox").iterdir()) == []


@pytest.mark.slow
def test_in_a_sandbox_too_a_secret_may_be_passed(ground: Ground) -> None:
    require("unshare")
    could = ground.spied("--sandbox", "--pass-env", "SPY_TOKEN")
    assert could == {"sees", "others", "temporary"}  # of its own process and its neighbours


def test_where_there_is_no_sandbox_nothing_is_run(ground: Ground, tmp_path: Path) -> None:
    done = ground.run("--sandbox", PATH=only(tmp_path / "bin"))
    assert done.returncode == 1
    assert "there is no sandbox on this machine: bwrap is not installed" in done.stderr
    assert "apt install bubblewrap" in done.stderr
    assert "Traceback" not in done.stderr
    assert ground.written() == []


def test_a_variable_that_is_not_there_cannot_be_passed(ground: Ground) -> None:
    done = ground.run("--pass-env", "SPY_TOKEM")
    assert done.returncode == 2
    assert "SPY_TOKEM" in done.stderr


LEAVING = (
    SPY
    + '''

class Leaving:
    """Runs where it is read."""

    def __reduce__(self):
        return Path.write_text, (Path(os.environ["SPY_PLACE"], "written"), "x")


Spy.made_with = {"by": Leaving()}
'''
)


@pytest.mark.slow
@pytest.mark.parametrize("sandbox", [False, True])
def test_what_comes_out_of_a_sandbox_runs_nothing_outside(ground: Ground, sandbox: bool) -> None:
    require("unshare")
    plugin = LEAVING.replace("    connects, writes_beside,", "    connects,")
    done = ground.run(*(["--sandbox"] if sandbox else []), "--jobs", "2", plugin=plugin)
    if sandbox:
        assert done.returncode == 1
        assert "out of the sandbox, where only numbers, texts" in done.stderr
        assert "Traceback" not in done.stderr
    assert ("beside/written" in ground.written()) is not sandbox


@pytest.mark.slow
def test_a_cost_is_not_asked_outside(ground: Ground) -> None:
    require("unshare")
    plugin = (
        SPY
        + """
can(writes_beside)


def plan_model(seconds, device="cpu"):
    raise RuntimeError
"""
    )
    done = ground.run("--sandbox", "--dry-run", command="run", plugin=plugin)
    assert done.returncode == 0, done.stderr
    assert ground.written() == []
    ground.run("--dry-run", command="run", plugin=plugin)
    assert ground.written() == ["beside/written"]
