"""``mirbench doctor``, as a process and what it writes of other machines."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.needs import needs

from mirbench.benchmark.cli.doctor import page
from mirbench.benchmark.machine.limits import cpu_limit, memory_limit
from mirbench.benchmark.runs import installation
from mirbench.benchmark.runs.installation import Installation, Place, examine, look_at_place

if TYPE_CHECKING:
    from conftest import TinyPackage


@pytest.mark.slow
def test_a_page_and_the_same_as_json(tiny_task_package: TinyPackage, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / "weights").mkdir(parents=True)
    (cache / "weights" / "x").write_bytes(bytes(2500))
    done = tiny_task_package.mirbench("doctor", "--cache", cache, MY_TOKEN="x", HTTP_PROXY="p")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    for part in (
        "Versions mirbench",
        f"cache {cache}, 2 kB, ",
        f"data {tiny_task_package.data}, ",
        "representation tinyrep [tinypackage], task tinytask [tinypackage]",
        "MY_TOKEN",
        "choi missing weights: mirbench weights fetch choi",
        "gtzan no audio in",
    ):
        assert part in text
    assert "tinytask ready" not in text
    assert "HTTP_PROXY" not in text
    done = tiny_task_package.mirbench("doctor", "--json", "--cache", cache, MY_TOKEN="x")
    found = json.loads(done.stdout)
    assert found["cache"] | {"free": 0} == {
        "path": str(cache),
        "exists": True,
        "writable": True,
        "bytes": 2500,
        "free": 0,
    }
    assert "MY_TOKEN" in found["secrets"]
    assert found["environment"]["packages"]["numpy"]
    tasks = {line["name"]: line for line in found["tasks"]}
    assert tasks["tinytask"]["ready"]
    assert not tasks["gtzan"]["ready"]


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    for name in ("list_representations", "list_tasks"):
        monkeypatch.setattr(installation, name, lambda *_: [])
    return examine(tmp_path / "data", tmp_path / "cache")


CASES: list[tuple[Callable[[Installation], Installation], str]] = [
    (lambda f: f, "data, which does not exist: say --data, or set MIRBENCH_DATA"),
    (lambda f: f, "cache (made on first use), 0 B, "),
    (lambda f: replace(f, processors=64, processor_limit=7.5), "--jobs 8, and OMP_NUM_THREADS=8"),
    (lambda f: replace(f, memory_limit=8 * 10**9), "leaves 8.0 GB"),
    (lambda f: replace(f, gpus=("H1", "H1"), usable_gpus=2), "H1, H1; PyTorch finds 2"),
    (lambda f: replace(f, gpus=("H1",), usable_gpus=0), "H1, but PyTorch finds none: install"),
    (
        lambda f: replace(f, shared_memory=Place("/dev/shm", True, False, None, None)),
        "/dev/shm cannot be written",
    ),
    (lambda f: replace(f, cache=Place("/c", True, False, 1, 1)), "/c, which cannot be written"),
    (
        lambda f: replace(f, sandbox=None, no_sandbox="there is no sandbox: x"),
        "sandbox there is no sandbox: x",
    ),
    (lambda f: replace(f, compiled=False), "librosa compiled on first use"),
]


@pytest.mark.parametrize(("change", "said"), CASES)
def test_what_is_not_as_it_should_be_is_said(
    found: Installation, change: Callable[[Installation], Installation], said: str
) -> None:
    assert said in " ".join(page(change(found)).split())


def test_a_folder_in_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    place = look_at_place(tmp_path / "file" / "cache", measure=True)
    assert (place.exists, place.writable, place.bytes) == (False, False, 0)


def test_limits_of_both_versions_of_control_groups(tmp_path: Path) -> None:
    own, system = tmp_path / "own", tmp_path / "groups"
    for name, text in {
        "job/memory.max": "4000000000",
        "job/step/memory.max": "max",
        "job/step/cpu.max": "150000 100000",
        "job/cpu.max": "max 100000",
        "memory/a/memory.limit_in_bytes": "3000000000",
        "memory/memory.limit_in_bytes": "9223372036854771712",
        "cpu/cpu.cfs_quota_us": "-1",
        "cpu/cpu.cfs_period_us": "100000",
        "cpu/a/cpu.cfs_quota_us": "50000",
        "cpu/a/cpu.cfs_period_us": "100000",
    }.items():
        (system / name).parent.mkdir(parents=True, exist_ok=True)
        (system / name).write_text(text + "\n")
    own.write_text("0::/job/step\n")
    assert (memory_limit(system, own), cpu_limit(system, own)) == (4 * 10**9, 1.5)
    own.write_text("4:memory:/a/b\n3:cpu,cpuacct:/a\n1:name=systemd:/x\n")
    assert (memory_limit(system, own), cpu_limit(system, own)) == (3 * 10**9, 0.5)
    own.write_text("0::/elsewhere\n")
    assert (memory_limit(system, own), cpu_limit(system, own)) == (None, None)
    assert memory_limit(system, tmp_path / "absent") is None


@needs("unshare")
def test_a_working_folder_below_a_hidden_one_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="mirbench-test-") as below:
        monkeypatch.chdir(below)
        sandbox, reason = installation._sandbox()
        monkeypatch.chdir(tmp_path)
    assert sandbox is not None, reason
