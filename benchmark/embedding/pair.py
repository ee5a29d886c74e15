"""What is embedded, and how: a pair of representation and dataset, and settings."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path

from mirbench.benchmark.api import Task
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.machine.device import free_cpus, gpus_of
from mirbench.benchmark.machine.here import Here
from mirbench.benchmark.machine.ray_cluster import RayCluster
from mirbench.benchmark.machine.ray_workers import RayWorkers
from mirbench.benchmark.machine.workers import Workers
from mirbench.benchmark.registry import RepresentationSpec

#: Most processes that decode ahead of each GPU by default.
DECODERS = 8


@dataclass(frozen=True, kw_only=True)
class EmbeddingSettings:
    """How embeddings are computed; the same for all pairs of a run.

    Attributes
    ----------
    store : Store
        Where embeddings are kept.
    device : str
        ``cpu``, ``cuda`` (all GPUs, for embedding) or ``cuda:1``.
    jobs : int or None
        Worker processes, as asked for; see `workers`.
    gpus : int or None
        How many GPUs are used, where the device is ``cuda``; None: all.
    cluster : RayCluster or None
        Where models are loaded and probes are trained; None: on this machine.
    full_hash : bool
        Know audio files by content instead of size and time of modification.
    max_missing : float
        Share of clips that may be missing.
    clip_timeout : float or None
        Seconds that a model may take for a clip before its process is ended; None: any time.
    here : bool
        The model is an object of this process, where it embeds; workers decode ahead of it.
    """

    store: Store = field(default_factory=Store)
    device: str = "cpu"
    jobs: int | None = None
    gpus: int | None = None
    cluster: RayCluster | None = None
    full_hash: bool = False
    max_missing: float = 0.05
    clip_timeout: float | None = None
    here: bool = False

    @property
    def on_cpu(self) -> bool:
        """Whether every worker has a model of its own; on a GPU there is one model."""
        return self.device == "cpu"

    @property
    def models(self) -> int:
        """How many models embed at once on this machine: one per worker, or per GPU."""
        return self.workers if self.on_cpu else max(1, len(gpus_of(self.device, self.gpus)))

    @property
    def workers(self) -> int:
        """Worker processes on this machine; default: one per processor.

        Where there are GPUs, which other processes use, they decode ahead of them.
        """
        if self.cluster is not None:
            return min(self.jobs or free_cpus(), free_cpus())
        if self.jobs is not None or self.on_cpu:
            return self.jobs or free_cpus()
        return min(DECODERS * self.models, free_cpus())

    @property
    def elsewhere(self) -> str:
        """Say where it is computed if that is not this machine, as for the title of a bar."""
        return "" if self.cluster is None else f" on {self.cluster.words(self.device)}"

    def model_workers(self, most: int | None = None) -> Workers | RayWorkers | Here:
        """Return the processes that have the model, one per worker, or per GPU.

        Parameters
        ----------
        most : int, optional
            How many there is work for.
        """
        if self.here:
            return Here()
        if self.cluster is not None:
            return self.cluster.workers(self.device, most)
        if not self.on_cpu:
            return Workers(1, self.device, gpus_of(self.device, self.gpus)[:most])
        return Workers(self.workers if most is None else min(self.workers, most))


@dataclass(frozen=True, slots=True)
class ModelKey:
    """Which model, in words by which another process can load it.

    Attributes
    ----------
    representation : str
        As named on the command line.
    fingerprint : str
        What it must have once it is loaded.
    device : str
    cache : Path or None
        The cache folder, in which weights lie; None: the usual one.
    """

    representation: str
    fingerprint: str
    device: str
    cache: Path | None = None


@dataclass(frozen=True, eq=False)
class Pair:
    """A representation, and the dataset that it embeds.

    Attributes
    ----------
    spec : RepresentationSpec
    data : Dataset
    others : tuple of Dataset
        Those that it embeds in other pairs of the run.
    """

    spec: RepresentationSpec
    data: Dataset
    others: tuple[Dataset, ...] = ()

    @property
    def task(self) -> Task:
        """The task of the dataset."""
        return self.data.task

    @functools.cached_property
    def fingerprint(self) -> str:
        """Fingerprint of the representation, taken once it is known which files its model reads."""
        return self.spec.fingerprint()

    def forget_fingerprint(self) -> None:
        """Take the fingerprint anew: more is known of what the model is made from."""
        self.__dict__.pop("fingerprint", None)

    def model(self, device: str) -> ModelKey:
        """Name its model on a device for worker processes."""
        return ModelKey(self.spec.text, self.fingerprint, device, self.spec.cache)
