"""Connecting to a Ray cluster, which is left, or ended, with the command.

Ray is imported only where it is asked for: that takes a second, and makes processes.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.machine.device import free_cpus
from mirbench.benchmark.machine.launch import rules
from mirbench.benchmark.machine.ray_cluster import RayCluster


def check_ray(address: str | None) -> None:
    """Stop before anything is computed if Ray cannot be used.

    Raises
    ------
    UsageError
        If there is a sandbox, or the address is that of a Ray Client.
    MirbenchError
        If Ray is not installed.
    """
    if rules().sandbox is not None:
        raise UsageError("--sandbox goes with --engine local: on other nodes there is none")
    if address is not None and address.startswith("ray://"):
        raise UsageError(
            "--address ray://… (Ray Client) would send everything through one connection: run "
            "the command on a node of the cluster, with --address auto"
        )
    if importlib.util.find_spec("ray") is None:
        raise MirbenchError(
            "--engine ray needs Ray, which is not installed: pip install 'mirbench[ray]'"
        )


@contextmanager
def ray_cluster(
    address: str | None = None, jobs: int | None = None, gpus: int | None = None
) -> Iterator[RayCluster]:
    """Connect to a Ray cluster, or make one of this machine that ends with the block.

    Parameters
    ----------
    address : str, optional
        ``auto`` or ``host:port``; default: ``RAY_ADDRESS``, else this machine.
    jobs, gpus : int, optional
        See `RayCluster`.

    Raises
    ------
    MirbenchError
        If there is no such cluster, or it has another Python or Ray.
    """
    ray = _imported()
    if ray.is_initialized():  # by whoever calls this from Python
        yield RayCluster(ray, jobs, gpus)
        return
    with _signals_kept():
        _connect(ray, address or os.environ.get("RAY_ADDRESS") or "local")
    try:
        yield RayCluster(ray, jobs, gpus)
    finally:
        ray.shutdown()


def _imported() -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray is to leave the variables of GPUs alone for actors that have asked for none.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    return importlib.import_module("ray")


def _connect(ray: Any, address: str) -> None:
    options: Mapping[str, Any] = {}
    if address == "local":
        options = {"num_cpus": free_cpus(), "include_dashboard": False}
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error", **options)
    except (ConnectionError, RuntimeError, ValueError, AssertionError, OSError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise MirbenchError(f"cannot use the Ray cluster at {address}: {first}") from error


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Let signals mean what they meant: Ray takes SIGTERM for itself."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # not in the main thread, where Ray sets none
            for number, handler in before.items():
                signal.signal(number, handler)
