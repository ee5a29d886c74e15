"""Where a run computes: on this machine, or on a Ray cluster whose nodes see the same files."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.embedding.pair import EmbeddingSettings
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.machine.device import check_device, check_gpus
from mirbench.benchmark.machine.ray_cluster import RayCluster
from mirbench.benchmark.machine.ray_engine import check_ray, ray_cluster
from mirbench.benchmark.machine.ray_node import Common, file_size

SettingsType = TypeVar("SettingsType", bound=EmbeddingSettings)


def check_engine(
    engine: str, address: str | None = None, *, device: str = "cpu", gpus: int | None = None
) -> None:
    """Stop before anything is read if a run could not compute where it is to.

    Parameters
    ----------
    engine : str
        ``local`` or ``ray``.
    address : str, optional
        Of a Ray cluster.
    device : str
        ``cpu`` or ``cuda``; on this machine ``cuda:1``, too.
    gpus : int, optional
        How many are used.

    Raises
    ------
    UsageError
        If these do not go together.
    MirbenchError
        If this machine has no such device, or Ray is not installed.
    """
    if engine == "local":
        if address is not None:
            raise UsageError(f"--address {address} goes with --engine ray")
        check_device(device)
        check_gpus(device, gpus)
        return
    if engine != "ray":
        raise UsageError(f"there is no engine {engine!r}; choose one of: local, ray")
    if device not in ("cpu", "cuda"):
        raise UsageError(
            f"--device {device} is of one machine; with --engine ray choose one of: cpu, cuda"
        )
    if gpus is not None and device != "cuda":
        raise UsageError(f"--gpus {gpus} goes with --device cuda, not with --device {device}")
    check_ray(address)


@contextmanager
def on_engine(
    settings: SettingsType,
    datasets: Sequence[Dataset],
    engine: str = "local",
    address: str | None = None,
) -> Iterator[SettingsType]:
    """Let a run compute where it is to: yields settings that say so.

    Parameters
    ----------
    settings : EmbeddingSettings
    datasets : sequence of Dataset
        Those whose audio the nodes of a cluster must see.
    engine, address
        As for `check_engine`, which has passed them.

    Raises
    ------
    MirbenchError
        If there is no such cluster, or its nodes have not in common what they must.
    """
    if engine == "local":
        yield settings
        return
    with ray_cluster(address, settings.jobs, settings.gpus) as cluster:
        _check_nodes(cluster, settings, datasets)
        cluster.tell(settings.device)
        yield replace(settings, cluster=cluster)


def _check_nodes(
    cluster: RayCluster, settings: EmbeddingSettings, datasets: Sequence[Dataset]
) -> None:
    """Check that all nodes see a file written here just now, and one audio file of each task."""
    name = uuid.uuid4().hex
    token = settings.store.cache.token(name).absolute()
    audio = {str(path): size for data in datasets for path, size in _first_audio(data)}
    write_atomic(token, name.encode())
    try:
        cluster.check(Common(os.getcwd(), str(token), name, tuple(audio), tuple(audio.values())))
    finally:
        with contextlib.suppress(OSError):
            token.unlink()


def _first_audio(data: Dataset) -> Iterator[tuple[Path, int]]:
    for clip in data.clips:
        if clip.path is not None:
            path = clip.path.absolute()
            size = file_size(str(path))
            if size is not None:
                yield path, size
                return
