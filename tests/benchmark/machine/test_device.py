"""Processors and devices."""

from __future__ import annotations

import pytest

from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.machine import device as module
from mirbench.benchmark.machine.device import check_device, free_cpus, free_threads

# isort: split
import torch


@pytest.mark.parametrize(
    ("value", "threads"), [("1", 1), ("3", 3), ("9", 4), ("", 4), ("0", 4), ("2,1", 4)]
)
def test_omp_num_threads_caps_threads_and_not_processors(
    value: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert (free_cpus(), free_threads()) == (4, threads)


@pytest.mark.parametrize("device", ["abacus", "cuda:", "cuda:x", "CPU", "cuda:1 "])
def test_what_is_no_device_is_refused(device: str) -> None:
    with pytest.raises(UsageError, match="choose one of: cpu, cuda"):
        check_device(device)


def test_a_gpu_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for device in ("cpu", "cuda", "cuda:0"):
        check_device(device)
    with pytest.raises(MirbenchError, match="no GPU for --device cuda:1"):
        check_device("cuda:1")
