"""Metre: two to five pulses a bar, on percussion.

Pulses come at 180 to 320 a minute whatever the metre, the first of a bar is
accented by 3 to 9 dB and has a sound of its own, and a clip begins anywhere
within a bar. It takes a memory of a bar: CHROMA and MFCC, statistics over a
whole clip, are near chance, which is 25 %.
"""

from __future__ import annotations

import math
from random import Random

from mirbench.benchmark.api import Split
from mirbench.tasks._theory.concept import (
    CLIPS,
    LAST_ONSET,
    STRONG,
    WEAK,
    Concept,
    Note,
    Score,
)
from mirbench.tasks._theory.sounds import kits
from mirbench.tasks._theory.task import theory_task

METRES = ("2", "3", "4", "5")
SLOWEST, FASTEST = 180.0, 320.0


def compose(split: Split, rng: Random) -> list[Score]:
    """Write the scores of a split."""
    scores: list[Score] = []
    for metre in METRES:
        count = CLIPS[split] // len(METRES)
        for number in range(count):
            rate = SLOWEST * (FASTEST / SLOWEST) ** ((number + rng.random()) / count)
            scores.append((metre, _notes(int(metre), 60 / rate, rng)))
    return scores


def _notes(pulses: int, distance: float, rng: Random) -> tuple[Note, ...]:
    first = rng.random() * distance
    place = rng.randrange(pulses)
    weak = 10 ** (-rng.uniform(3, 9) / 20)
    return tuple(
        Note(first + i * distance, 0, STRONG)
        if (place + i) % pulses == 0
        else Note(first + i * distance, 0, WEAK, weak)
        for i in range(math.ceil((LAST_ONSET - first) / distance))
    )


CONCEPT = Concept("metre", kits, compose)
TASK = theory_task(CONCEPT, title="metre", labels=METRES)
