"""What all probes of a grid share: data, rules, inputs, score, threads and memory."""

from __future__ import annotations

from dataclasses import dataclass

from mirbench.benchmark.probing import kernels
from mirbench.benchmark.probing.data import ProbeData, clip_targets
from mirbench.benchmark.probing.inputs import Inputs
from mirbench.benchmark.probing.losses import Loss
from mirbench.benchmark.probing.memory import SHARE, free_memory
from mirbench.benchmark.probing.scorer import Scorer
from mirbench.benchmark.probing.threads import Threads
from mirbench.benchmark.protocol import Protocol


@dataclass(frozen=True, eq=False)
class Setup:
    """What all probes of a grid share.

    Attributes
    ----------
    inputs : Inputs
        The embeddings, on the device.
    score : Scorer
        Primary score of the validation set.
    budget : int
        Bytes that training may take besides the embeddings.
    """

    data: ProbeData
    protocol: Protocol
    inputs: Inputs
    score: Scorer
    threads: Threads
    budget: int

    @classmethod
    def of(
        cls, data: ProbeData, protocol: Protocol, threads: Threads, memory: int | None = None
    ) -> Setup:
        """Load the embeddings, and what is compiled for the CPU (once in an environment, seconds).

        Parameters
        ----------
        data : ProbeData
        protocol : Protocol
        threads : Threads
            Open, on the device of the grid.
        memory : int, optional
            Bytes, as in `train_grid`.

        Raises
        ------
        DataError
            If the validation set cannot be scored.
        """
        device = threads.device
        targets = clip_targets(data.y_valid, data.clips_valid)
        score = Scorer(data.metrics[0], data.kind, targets, data.clips_valid, device)
        budget = int(SHARE * free_memory(device)) if memory is None else memory
        inputs = Inputs(data, device)
        kernels.prepare()
        return cls(data, protocol, inputs, score, threads, budget)


@dataclass(frozen=True, eq=False)
class Shared:
    """What the probes of one group share.

    Attributes
    ----------
    setup : Setup
    loss : Loss
    widths : tuple of int
        Units of the layers, the input first.
    batch : int
        Rows per batch.
    standardise : tuple of bool
        Whether their inputs are standardised; both ways, where some are.
    dropouts : tuple of float
        Their rates, ascending.
    """

    setup: Setup
    loss: Loss
    widths: tuple[int, ...]
    batch: int
    standardise: tuple[bool, ...]
    dropouts: tuple[float, ...]
