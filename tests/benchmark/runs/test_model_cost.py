"""A representation that tells what it costs is planned without its weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.submitted_rows import put

from mirbench.benchmark.api import MirbenchError, MissingWeights, PluginError, UsageError
from mirbench.benchmark.machine.device import free_cpus
from mirbench.benchmark.registry import parse_representation
from mirbench.benchmark.runs import dry_run as planning
from mirbench.benchmark.runs.commands import run
from mirbench.benchmark.runs.dry_run import dry_run

if TYPE_CHECKING:
    from conftest import TinyPackage

PLUGIN = '''
"""A large model."""

from mirbench.benchmark.api import ModelCost, weights_file

CARD = {
    "title": "Large",
    "trained_on": "none",
    "requires": [],
    "weights": {
        "large": {
            "licence": "CC0",
            "files": {"large.safetensors": {"source": "https://example.org/large.safetensors"}},
        }
    },
}


def load_model(device="cpu", layers=1):
    weights_file("large", "large")


def plan_model(seconds, device="cpu", layers=1):
    if layers == 10:
        raise ValueError("so many layers")
    if layers == 11:
        raise SystemExit("enough")
    if layers == 9:
        return {"seconds": 2.0}
    return ModelCost(
        parameters=2_500_000_000, nbytes=5_000_000_000, flops=2e12 * seconds, seconds=20 * seconds,
        shape=(layers, 100),
    )
'''


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "large.py"
    path.write_text(PLUGIN)
    return path


@pytest.mark.slow
def test_dry_run_tells_the_cost_and_what_is_missing(
    plugin: Path, tiny_task_package: TinyPackage, tmp_path: Path
) -> None:
    done = tiny_task_package.mirbench(
        *("run", "--rep", plugin, "--rep", "tinyrep", "--task", "tinytask", "--dry-run"),
        *("--cache", tmp_path / "cache", "--protocol", "quick"),
    )
    assert done.returncode == 1
    assert "large: 2.50 billion parameters, 5.0 GB in memory, 0.4 Tflop per clip" in done.stdout
    # 150 clips of 0.2 s, four seconds each
    assert "large             tinytask (paper)  150      0         60 kB   10 min" in done.stdout
    assert "tinyrep " in done.stdout
    assert "would not be run:\nthe weights of " in done.stderr
    assert "mirbench weights fetch " in done.stderr


def test_a_plan_multiplies_by_clips_and_layers(
    plugin: Path, tiny: TinyPackage, tmp_path: Path
) -> None:
    missing: list[str] = []
    (plan,) = dry_run(
        f"{plugin}:layers=3",
        "tinytask",
        protocol="quick",
        cache=tmp_path / "cache",
        jobs=1,
        data=tiny.data,
        on_missing=missing.append,
    )
    assert plan.cost is not None
    assert plan.cost.shape == (3, 100)
    assert plan.embed_seconds == pytest.approx(150 * 20 * 0.2 * free_cpus())  # one worker
    assert plan.disk_bytes == 150 * 3 * 100 * 4
    assert plan.probe_seconds is not None
    assert len(missing) == 1


def test_workers_beside_a_gpu_do_not_share_its_work(
    plugin: Path, tiny: TinyPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "check_engine", lambda *_, **__: None)
    monkeypatch.setattr(planning, "_probe_seconds", lambda *_: 0.0)
    options = {"protocol": "quick", "cache": tmp_path, "data": tiny.data, "device": "cuda"}
    for jobs in (None, 8):
        (plan,) = dry_run(str(plugin), "tinytask", jobs=jobs, on_missing=print, **options)  # type: ignore[arg-type]
        assert plan.embed_seconds == pytest.approx(150 * 20 * 0.2)


def test_a_plan_is_for_a_device_that_is_there(tiny: TinyPackage) -> None:
    import torch

    with pytest.raises(UsageError, match="there is no device 'gpu'; choose one of: cpu, cuda"):
        list(dry_run("tinyrep", "tinytask", data=tiny.data, device="gpu"))
    absent = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(MirbenchError, match=f"PyTorch finds no GPU for --device {absent}"):
        list(dry_run("tinyrep", "tinytask", data=tiny.data, device=absent))


def test_a_plan_is_for_an_engine_that_there_is(tiny: TinyPackage) -> None:
    with pytest.raises(UsageError, match="there is no engine 'rey'; choose one of: local, ray"):
        list(dry_run("tinyrep", "tinytask", data=tiny.data, engine="rey"))
    with pytest.raises(UsageError, match="--address auto goes with --engine ray"):
        list(dry_run("tinyrep", "tinytask", data=tiny.data, address="auto"))


@pytest.mark.slow
def test_a_plan_tells_a_row_of_another_version_from_one_that_stays(
    tiny: TinyPackage, tmp_path: Path
) -> None:
    options = {"data": tiny.data, "cache": tmp_path / "cache", "protocol": "quick"}

    def state(rep: str) -> tuple[bool, bool]:
        (plan,) = dry_run(rep, "tinytask", out=tmp_path / "out", **options)  # type: ignore[arg-type]
        return plan.row_exists, plan.row_fits

    assert state("tinyrep") == (False, False)
    list(run("tinyrep", "tinytask", out=tmp_path / "out", **options))  # type: ignore[arg-type]
    assert state("tinyrep") == (True, True)
    (row,) = (tmp_path / "out" / "tinyrep").glob("*.json")
    put("representation.fingerprint", "0" * 16)(row)
    assert state("tinyrep") == (True, False)
    row.write_text("{")
    assert state("tinyrep") == (True, False)


def test_a_plan_ends_where_a_clip_takes_too_long(tiny: TinyPackage, tmp_path: Path) -> None:
    options = {"data": tiny.data, "cache": tmp_path, "protocol": "quick", "clip_timeout": 0.5}
    with pytest.raises(MirbenchError, match="longer than --clip-timeout allows"):
        list(dry_run("tinyrep:delay=60.0", "tinytask", **options))  # type: ignore[arg-type]


def test_what_tells_no_cost_is_left_out_as_before(plugin: Path, tiny: TinyPackage) -> None:
    plugin.write_text(PLUGIN.replace("def plan_model", "def plan_another"))
    with pytest.raises(MissingWeights):
        list(dry_run(str(plugin), "tinytask", protocol="quick", data=tiny.data))


def test_a_plan_that_fails_is_explained(plugin: Path) -> None:
    with pytest.raises(PluginError, match="plan_model raised ValueError: so many layers"):
        parse_representation(f"{plugin}:layers=10").cost(30.0, "cpu")
    with pytest.raises(PluginError, match="plan_model raised SystemExit: enough"):
        parse_representation(f"{plugin}:layers=11").cost(30.0, "cpu")
    with pytest.raises(PluginError, match="plan_model returned dict, not a mirbench ModelCost"):
        parse_representation(f"{plugin}:layers=9").cost(30.0, "cpu")
