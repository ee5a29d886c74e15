"""Train every probe of a grid at once, with the random numbers of the original code.

Probes that share an architecture and a batch size see the same batches, and
those that share the dropout rate too see the same masks. So the grid of
`mirbench.benchmark.protocol` is trained as four groups of 54 probes instead
of 216 times one, and every probe still ends as if it had been trained alone.

=============  ========================================================================
`Grid`         The probes on one set of embeddings: those that were kept, and those to train.
`Setup`        What all probes of a grid share: data, rules, inputs, score, threads.
`Group`        The probes of one architecture and batch size: same batches, same masks.
`Cohort`       Those of a group that are trained at the same time: as many as fit into
               memory.
`Bank`         Those of a cohort that are one computation, because they see the same
               input; one thread trains a bank.
`Fleet`        A cohort on a GPU: all of it is one computation, which is recorded and replayed.
`Stack`        The weights of a fleet, as a few large tensors.
`Round`        What a fleet does at once: an evaluation, and the updates up to the next.
`Ahead`        The random numbers of the rounds to come, drawn and sent meanwhile.
`Pass`         Forward and backward pass of a bank on a CPU, by compiled kernels.
`Learner`      One probe that has not stopped: its best score, and evaluations since.
`Inputs`       The embeddings on the device, as they are or standardised.
`Views`        The batches of one round as banks see them: standardised and masked.
`Draws`        The random numbers of a cohort: batches, initial weights, masks.
`Update`       The rows and masks of one update.
`Layout`       Where the weights of a bank lie in one flat buffer.
`Pieces`       The same for the optimiser: stretches of the buffer, cut into blocks.
`Scorer`       The validation score of all probes of a bank at once.
`SavedStates`  The probes that are still learning, on disk.
`Pace`         When they are saved.
`Threads`      The threads that train banks side by side.
`Clock`        How far the grid is, and how long it will still take.
=============  ========================================================================
"""

from __future__ import annotations

from mirbench.benchmark.probing.beside import train_beside
from mirbench.benchmark.probing.clock import Progress
from mirbench.benchmark.probing.data import ProbeData, ProbeRecord, clip_targets, select
from mirbench.benchmark.probing.estimate import Estimate, estimate_seconds
from mirbench.benchmark.probing.grid import Grid
from mirbench.benchmark.probing.train import train_grid

__all__ = [
    "Estimate",
    "Grid",
    "ProbeData",
    "ProbeRecord",
    "Progress",
    "clip_targets",
    "estimate_seconds",
    "select",
    "train_beside",
    "train_grid",
]
