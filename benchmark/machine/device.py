"""Processors and GPUs of this machine."""

from __future__ import annotations

import os
import re
import sys

from mirbench.benchmark.api import MirbenchError, UsageError


def free_cpus() -> int:
    """Count the processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def free_threads() -> int:
    """Count the threads a computation may take: `free_cpus`, or ``OMP_NUM_THREADS`` if fewer."""
    most = os.environ.get("OMP_NUM_THREADS", "")
    return min(free_cpus(), int(most)) if most.isdigit() and int(most) > 0 else free_cpus()


def check_device(device: str) -> None:
    """Stop before anything is computed if there is no such device.

    Raises
    ------
    UsageError
        If it is neither ``cpu`` nor ``cuda`` (nor ``cuda:1``, …).
    MirbenchError
        If PyTorch finds no GPU.
    """
    if device == "cpu":
        return
    if re.fullmatch(r"cuda(:\d+)?", device) is None:
        raise UsageError(f"there is no device {device!r}; choose one of: cpu, cuda")
    import torch

    if torch.cuda.device_count() <= int(device.partition(":")[2] or 0):
        raise MirbenchError(f"PyTorch finds no GPU for --device {device} on this machine")


def visible_gpus() -> int:
    """Count the GPUs that PyTorch finds."""
    import torch

    return torch.cuda.device_count()


def gpus_of(device: str, most: int | None = None) -> tuple[str, ...]:
    """Name the GPUs that have a process each, as ``CUDA_VISIBLE_DEVICES`` names them.

    Parameters
    ----------
    device : str
        ``cuda`` is all that are visible.
    most : int, optional
        How many of them are used.

    Returns
    -------
    tuple of str
        Empty where the device is a processor or one GPU.
    """
    if device != "cuda":
        return ()
    count = visible_gpus()
    if count < 2:
        return ()
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    names = [name for name in named if name] or [str(number) for number in range(count)]
    return tuple(names[:count][:most])


def check_gpus(device: str, gpus: int | None) -> None:
    """Stop before anything is computed if there are not so many GPUs.

    Raises
    ------
    UsageError
        If the device is not ``cuda``, which alone may be several.
    MirbenchError
        If PyTorch finds fewer.
    """
    if gpus is None:
        return
    if device != "cuda":
        raise UsageError(f"--gpus {gpus} goes with --device cuda, not with --device {device}")
    there = visible_gpus()
    if gpus > there:
        raise MirbenchError(f"--gpus {gpus}: PyTorch finds {there} on this machine")


def give_back_memory(device: str) -> None:
    """Give the memory of a GPU back that PyTorch keeps in this process, but does not use."""
    torch = sys.modules.get("torch")
    if torch is not None and device != "cpu" and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
