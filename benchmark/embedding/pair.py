"""What is embedded, and how: a pair of representation and dataset, and settings."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path

from mirbench.benchmark.api import Task
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.machine.device import free_cpus
from mirbench.benchmark.machine.workers import Workers
from mirbench.benchmark.registry import RepresentationSpec

#: Most processes that decode ahead of a GPU by default.
DECODERS = 8


@dataclass(frozen=True, kw_only=True)
class EmbeddingSettings:
    """How embeddings are computed; the same for all pairs of a run.

    Attributes
    ----------
    store : Store
        Where embeddings are kept.
    device : str
        ``cpu``, ``cuda`` or ``cuda:1``.
    jobs : int or None
        Worker processes, as asked for; see `workers`.
    full_hash : bool
        Know audio files by content instead of size and time of modification.
    max_missing : float
        Share of clips that may be missing.
    clip_timeout : float or None
        Seconds that a model may take for a clip before its process is ended; None: any time.
    """

    store: Store = field(default_factory=Store)
    device: str = "cpu"
    jobs: int | None = None
    full_hash: bool = False
    max_missing: float = 0.05
    clip_timeout: float | None = None

    @property
    def on_cpu(self) -> bool:
        """Whether every worker has a model of its own; on a GPU there is one model."""
        return self.device == "cpu"

    @property
    def workers(self) -> int:
        """Worker processes; default: one per processor.

        On a GPU, which one more process uses, they decode ahead of it.
        """
        return self.jobs or (free_cpus() if self.on_cpu else min(DECODERS, free_cpus()))

    def model_workers(self, most: int | None = None) -> Workers:
        """Return the processes that have the model: on a GPU, whose memory has room for one, one.

        Parameters
        ----------
        most : int, optional
            How many there is work for.
        """
        if not self.on_cpu:
            return Workers(1, kind=self.device)
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
