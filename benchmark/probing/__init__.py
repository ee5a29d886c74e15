"""Train every probe of a grid at once, with the random numbers of the original code.

Probes that share an architecture and a batch size see the same batches, and
those that share the dropout rate too see the same masks. So the grid of
`mirbench.benchmark.protocol` is trained as four groups of 54 probes instead
of 216 times one, and every probe still ends as if it had been trained alone.
"""

from __future__ import annotations

from mirbench.benchmark.probing.clock import Progress
from mirbench.benchmark.probing.data import ProbeData, ProbeRecord, clip_targets, select
from mirbench.benchmark.probing.estimate import Estimate, estimate_seconds
from mirbench.benchmark.probing.train import train_grid

__all__ = [
    "Estimate",
    "ProbeData",
    "ProbeRecord",
    "Progress",
    "clip_targets",
    "estimate_seconds",
    "select",
    "train_grid",
]
