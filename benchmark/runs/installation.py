"""An installation at a glance: versions, devices, folders, and what is missing."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.datasets.locate import data_root
from mirbench.benchmark.embedding.first_use import librosa_is_compiled
from mirbench.benchmark.evaluation.environment import describe_environment
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.machine.device import free_cpus, free_threads
from mirbench.benchmark.machine.launch import rules
from mirbench.benchmark.machine.limits import cpu_limit, memory_limit
from mirbench.benchmark.machine.memory import free_main_memory
from mirbench.benchmark.machine.sandbox import find_sandbox
from mirbench.benchmark.machine.secret_names import secrets_of
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.result import Environment
from mirbench.benchmark.runs.listing import Listing, list_representations, list_tasks

#: Where Linux names the NVIDIA GPUs, without any library.
_GPUS = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True)
class Place:
    """A folder: whether it is there, can be written, what it takes, and what is free.

    Attributes
    ----------
    path : str
        Absolute.
    bytes : int or None
        Of its files; None where that was not asked.
    free : int or None
        Bytes free on its disk; None where that is not known.
    """

    path: str
    exists: bool
    writable: bool
    bytes: int | None
    free: int | None


@dataclass(frozen=True)
class Installation:
    """What `mirbench doctor` tells.

    Attributes
    ----------
    environment : Environment
        Versions and commit, as in a row.
    processors : int
        Those that this process may use.
    processor_limit : float or None
        Processors' worth of time that a container leaves it; None: all.
    threads : int
        Threads that a computation takes.
    memory_free : int
        Bytes of main memory that are free.
    memory_limit : int or None
        Bytes that a container leaves it.
    gpus : tuple of str
        Names of those that the system has.
    usable_gpus : int
        How many of them PyTorch finds.
    cache, data, shared_memory : Place
    compiled : bool
        Whether what librosa needs compiled is.
    sandbox : str or None
        What makes a sandbox for plugins; None if nothing does.
    no_sandbox : str
        Why there is none.
    secrets : tuple of str
        Environment variables that plugins do not see.
    plugins : tuple of (str, str, str)
        Kind, name and distribution of each plugin that is not built in.
    representations, tasks : tuple of Listing
        Each with what it lacks.
    defaults : str or None
        File of which the command line took defaults of options.
    """

    environment: Environment
    processors: int
    processor_limit: float | None
    threads: int
    memory_free: int
    memory_limit: int | None
    gpus: tuple[str, ...]
    usable_gpus: int
    cache: Place
    data: Place
    shared_memory: Place
    compiled: bool
    sandbox: str | None
    no_sandbox: str
    secrets: tuple[str, ...]
    plugins: tuple[tuple[str, str, str], ...]
    representations: tuple[Listing, ...]
    tasks: tuple[Listing, ...]
    defaults: str | None = None


def examine(data: Path | None = None, cache: Path | None = None) -> Installation:
    """Look at this installation; PyTorch is imported only where there is a GPU.

    Parameters
    ----------
    data : Path, optional
        Folder of the datasets; default: ``MIRBENCH_DATA`` or ``./data``.
    cache : Path, optional
        The cache folder; default: ``MIRBENCH_CACHE``, or the platform's.
    """
    sandbox, no_sandbox = _sandbox()
    gpus = tuple(_gpus())
    return Installation(
        environment=describe_environment({}),
        processors=free_cpus(),
        processor_limit=cpu_limit(),
        threads=free_threads(),
        memory_free=free_main_memory(),
        memory_limit=memory_limit(),
        gpus=gpus,
        usable_gpus=_usable_gpus() if gpus else 0,
        cache=look_at_place(CacheFolder.find(cache).root, measure=True),
        data=look_at_place(data_root(data)),
        shared_memory=look_at_place(Path("/dev/shm")),
        compiled=librosa_is_compiled(),
        sandbox=sandbox,
        no_sandbox=no_sandbox,
        secrets=tuple(sorted(secrets_of(os.environ, rules().passed))),
        plugins=tuple(_plugins()),
        representations=tuple(list_representations(cache)),
        tasks=tuple(list_tasks(data, cache)),
    )


def look_at_place(folder: Path, measure: bool = False) -> Place:
    """Look at a folder; one that is not there is writable if it could be made.

    Parameters
    ----------
    folder : Path
    measure : bool
        Add up the sizes of its files.
    """
    folder = folder.absolute()
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    writable = False
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=nearest):
        writable = True
    free = None
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(nearest).free
    size = sum(_sizes(folder)) if measure else None
    return Place(str(folder), folder.is_dir(), writable, size, free)


def _sizes(folder: Path) -> Iterator[int]:
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                yield os.lstat(os.path.join(place, name)).st_size


def _sandbox() -> tuple[str | None, str]:
    try:
        with tempfile.TemporaryDirectory(prefix="mirbench-") as scratch:
            # As a run does: of the folders that are hidden, this one is shown.
            return find_sandbox(Path(scratch), [Path.cwd()]).name, ""
    except (MirbenchError, OSError) as error:
        return None, str(error)


def _gpus() -> Iterator[str]:
    for path in sorted(_GPUS.glob("*/information")):
        with contextlib.suppress(OSError):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith("Model:"):
                    yield line.removeprefix("Model:").strip()


def _usable_gpus() -> int:
    try:
        import torch
    except ImportError:
        return 0
    return torch.cuda.device_count()


def _plugins() -> Iterator[tuple[str, str, str]]:
    for plugin in [*find_plugins("representation"), *find_plugins("task")]:
        if plugin.origin != "built-in":
            yield plugin.kind, plugin.name, plugin.origin
