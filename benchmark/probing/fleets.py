"""Fleets side by side: the groups of a grid that are trained at the same time on a GPU.

One group waits for its random numbers while another one computes, and what is too
small to fill the device is done beside what is not. All take turns, a round each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from mirbench.benchmark.probing.bank import Learner
from mirbench.benchmark.probing.data import ProbeRecord
from mirbench.benchmark.probing.fleet import Fleet
from mirbench.benchmark.probing.setup import Shared
from mirbench.benchmark.protocol import ProbeConfig

#: Called after some rounds: updates made, the probes that still learn, and the updates since
#: the last call.
OnRound = Callable[[int, list[Learner], int], None]
#: Rounds are short, and what is told of them costs the CPU more than they do.
TELL_EVERY_SECONDS = 0.2


def train_fleets(
    parts: Sequence[tuple[Shared, Sequence[ProbeConfig]]], on_round: OnRound
) -> Iterator[ProbeRecord]:
    """Train probes of several groups, or of one; yield each when it has stopped.

    Parameters
    ----------
    parts : sequence of (Shared, sequence of ProbeConfig)
        What the probes of a group share, and those of them that are trained.
    on_round : callable
        As `OnRound`.
    """
    fleets: dict[Fleet, Iterator[list[ProbeRecord]]] = {}
    try:
        for shared, configs in parts:
            fleet = Fleet(shared, configs)
            fleets[fleet] = fleet.rounds()
        number = told = 0
        when = time.monotonic()
        while fleets:
            number, finished = max(fleet.number for fleet in fleets), False
            for fleet, rounds in list(fleets.items()):
                records = next(rounds, None)
                if records is None:
                    fleet.close()
                    del fleets[fleet]
                    continue
                finished = finished or bool(records)
                yield from records
            number = max([number, *(fleet.number for fleet in fleets)])
            if finished or not fleets or time.monotonic() - when > TELL_EVERY_SECONDS:
                learners = [learner for fleet in fleets for learner in fleet.learners]
                on_round(number, learners, number - told)
                told, when = number, time.monotonic()
    finally:
        for fleet in fleets:
            fleet.close()
