"""Two nodes of Ray on this machine: the rows are those of local workers, whatever is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers.needs import needs, require

from mirbench.benchmark import embed

if TYPE_CHECKING:
    from conftest import TinyPackage

pytestmark = [pytest.mark.slow, needs("ray")]

#: Some layers, and what may happen at a clip, the first time that it is embedded.
PLUGIN = """
import os, pathlib, signal, time
import numpy as np

LOG = pathlib.Path("LOG")


def happens(what):
    if not (LOG / "lose").exists():
        return False
    try:
        (LOG / what).open("x").close()
    except FileExistsError:
        return False
    return True


class Model:
    sample_rate = 8000
    dims = 16
    heard_seconds = 512 / 8000

    def __init__(self, count):
        self.layers = tuple(f"layer {n}" for n in range(count))

    def embed(self, audio, sr):
        with (LOG / "embedded.txt").open("a") as file:
            file.write(f"{os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES')}\\n")
        number = len((LOG / "embedded.txt").read_text().splitlines())
        if number > 40 and happens("the end of an actor"):
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        if number > 80 and happens("the end of a worker"):
            os.kill(os.getpid(), signal.SIGKILL)
        while number > 60 and (LOG / "hold").exists():
            time.sleep(0.05)
        if (LOG / "crash").exists():
            os.abort()
        time.sleep(SLEEP)
        bands = np.array_split(np.abs(np.fft.rfft(audio, 512)), 16)
        row = np.log1p([band.mean() for band in bands])
        return np.stack([row ** (1 + n / 2) for n in range(len(self.layers))]).astype(np.float32)


def load_model(device="cpu", count=3):
    return Model(count)
"""

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """Start a cluster of two nodes, each with a processor and what Ray takes for a GPU."""
    require("ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "num_gpus": 1, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    cluster.node = node
    try:
        yield cluster
    finally:
        cluster.shutdown()


@pytest.fixture
def two(nodes: Any) -> Any:
    """Let there be two nodes again."""
    while len(nodes.worker_nodes) < 1:
        nodes.add_node(**nodes.node)
    return nodes


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN.replace('"LOG"', repr(str(tmp_path))).replace("SLEEP", "0.01"))
    return path


def run(main: Main, plugin: Path | str, name: str, *options: object) -> tuple[int, str, str]:
    places = ("--cache", f"cache-{name}", "--out", f"rows-{name}")
    choice = ("--rep", plugin, "--task", "tinytask", "--protocol", "quick")
    return main("run", *choice, *places, *options)


def row(folder: Path) -> tuple[list[str], bytes]:
    """Read a row without what it has cost and where, and its predictions as they are."""
    (path,) = (p for p in folder.rglob("tinytask.paper*.json"))
    content = json.loads(path.read_text())
    del content["cost"], content["environment"]
    (predictions,) = (p for p in path.parent.iterdir() if p != path and p.is_file())
    return json.dumps(content, sort_keys=True, indent=1).splitlines(), predictions.read_bytes()


def when(happened: Callable[[], bool], do: Callable[[], object]) -> threading.Thread:
    """Do something in another thread as soon as something has happened."""

    def wait() -> None:
        deadline = time.monotonic() + 240
        while not happened() and time.monotonic() < deadline:
            time.sleep(0.02)
        do()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_rows_are_those_of_this_machine_whatever_is_lost(
    two: Any, main: Main, plugin: Path, tmp_path: Path
) -> None:
    log = tmp_path / "embedded.txt"
    assert run(main, plugin, "local")[0] == 0
    wanted, ray = row(tmp_path / "rows-local"), ("--engine", "ray", "--address", two.address)
    log.unlink()

    status, _, err = run(main, plugin, "whole", *ray)
    assert status == 0, err
    assert "2 Ray nodes, all with Python" in err
    assert "all nodes see the same cache folder and audio" in err
    assert "2 workers, one per processor, each with one thread" in err
    assert "on 2 nodes, 2 workers: 0 of 150 clips" in err
    assert len({line.split()[0] for line in log.read_text().splitlines()}) >= 2
    assert row(tmp_path / "rows-whole") == wanted

    log.unlink()
    (tmp_path / "lose").touch()  # an actor's process, and a worker's
    status, _, err = run(main, plugin, "killed", *ray)
    (tmp_path / "lose").unlink()
    assert status == 0, err
    assert err.count("was killed (SIGKILL)") == err.count("it is tried again") == 2
    assert row(tmp_path / "rows-killed") == wanted

    (node,) = two.worker_nodes
    log.unlink()
    (tmp_path / "hold").touch()  # or all clips are embedded before the node is gone

    def lose() -> None:
        two.remove_node(node, allow_graceful=False)
        (tmp_path / "hold").unlink()

    begun = when(lambda: log.exists() and log.read_text().count("\n") > 40, lose)
    status, _, err = run(main, plugin, "lost", *ray)
    begun.join()
    assert status == 0, err
    assert "it is tried again" in err
    assert row(tmp_path / "rows-lost") == wanted


def test_a_node_lost_while_layers_are_probed(
    two: Any, main: Main, plugin: Path, tmp_path: Path
) -> None:
    ray = ("--engine", "ray", "--address", two.address)
    many = f"{plugin}:count=24"  # so that there is work left when the node is gone
    assert run(main, many, "local")[0] == 0
    (tmp_path / "cache-local").rename(tmp_path / "cache-lost")  # with the embeddings
    (node,) = two.worker_nodes
    grids = tmp_path / "cache-lost" / "grids"
    begun = when(
        lambda: any(grids.glob("*/*/*")), lambda: two.remove_node(node, allow_graceful=False)
    )
    status, _, err = run(main, many, "lost", *ray)
    begun.join()
    assert status == 0, err
    assert "probing tinytask on 2 nodes, 2 workers" in err
    assert "it is tried again" in err
    assert row(tmp_path / "rows-lost") == row(tmp_path / "rows-local")
    assert not list(grids.glob("*"))


def test_a_plugin_that_crashes_again_and_again_is_told_with_its_clips(
    two: Any, main: Main, plugin: Path, tmp_path: Path
) -> None:
    (tmp_path / "crash").touch()
    status, _, err = run(main, plugin, "none", "--engine", "ray", "--address", two.address)
    assert status == 1
    assert "a worker process aborted (SIGABRT) while embedding clip 'clip" in err
    assert "mine.py, line" in err
    assert "tried 3 times" in err
    plugin.write_text(plugin.read_text().replace("def embed(self, audio, sr)", "def embed(self)"))
    status, _, err = run(main, plugin, "none", "--engine", "ray", "--address", two.address)
    assert status == 1
    assert "embed raised TypeError" in err


def test_gpus_have_a_model_each_and_see_no_other(
    two: Any, plugin: Path, tiny: TinyPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    where = {"data": tiny.data, "cache": tmp_path / "cache"}
    wanted = embed(str(plugin), "tinytask", **where)["tinytask"]
    (tmp_path / "embedded.txt").unlink()
    where["cache"] = tmp_path / "other"
    ray = {"engine": "ray", "address": two.address, "device": "cuda"}
    found = embed(str(plugin), "tinytask", **where, **ray)["tinytask"]
    np.testing.assert_array_equal(found.matrix(1), wanted.matrix(1))
    lines = {tuple(line.split()) for line in (tmp_path / "embedded.txt").read_text().splitlines()}
    assert len(lines) == 2
    assert {gpu for _, gpu in lines} == {"0"}


def test_nothing_is_left_of_a_command_that_was_killed(
    two: Any, plugin: Path, tiny: TinyPackage, tmp_path: Path
) -> None:
    plugin.write_text(plugin.read_text().replace("time.sleep(0.01)", "time.sleep(600)"))
    command = [sys.executable, "-m", "mirbench.benchmark.cli", "embed", "--rep", str(plugin)]
    command += ["--task", "tinytask", "--cache", "cache", "--engine", "ray"]
    environment = tiny.env | {"RAY_ADDRESS": two.address}
    log = tmp_path / "embedded.txt"
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE) as driver:
        when(lambda: log.exists() or driver.poll() is not None, driver.kill).join()
    assert driver.returncode == -signal.SIGKILL
    for line in log.read_text().splitlines():
        assert ends(int(line.split()[0]))


def ends(pid: int) -> bool:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
