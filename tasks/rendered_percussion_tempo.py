"""Tempo of a percussion pattern, 60 to 180 beats per minute, without a pitch or a band.

Beats are accented and have a sound of their own; six patterns divide them,
equally often at every tempo, so that the density of onsets is not the tempo,
and a clip begins anywhere within a beat. The target is the logarithm to base
2 of the tempo over 100 BPM, as in ``rendered_tempo``. MFCC hears more of it
than CHROMA, neither much; chance is R² = 0.
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

SLOWEST, FASTEST = 60.0, 180.0
#: Onsets after the beat's own, as parts of a beat.
PATTERNS: tuple[tuple[float, ...], ...] = (
    (),
    (1 / 2,),
    (1 / 3, 2 / 3),
    (1 / 4, 1 / 2, 3 / 4),
    (1 / 2, 3 / 4),
    (3 / 4,),
)


def compose(split: Split, rng: Random) -> list[Score]:
    """Write the scores of a split."""
    scores: list[Score] = []
    count = CLIPS[split] // len(PATTERNS)
    for pattern in PATTERNS:
        for number in range(count):
            bpm = round(SLOWEST * (FASTEST / SLOWEST) ** ((number + rng.random()) / count), 1)
            scores.append(((math.log2(bpm / 100),), _notes(bpm, pattern, rng)))
    return scores


def _notes(bpm: float, pattern: tuple[float, ...], rng: Random) -> tuple[Note, ...]:
    beat = 60 / bpm
    first = rng.random() * beat - beat
    weak = 10 ** (-rng.uniform(3, 9) / 20)
    notes = []
    for number in range(math.ceil(LAST_ONSET / beat) + 1):
        onset = first + number * beat
        notes.append(Note(onset, 0, STRONG))
        notes += [Note(onset + part * beat, 0, WEAK, weak) for part in pattern]
    return tuple(note for note in notes if 0 <= note.onset < LAST_ONSET)


CONCEPT = Concept("percussion_tempo", kits, compose)
TASK = theory_task(
    CONCEPT, title="tempo of a percussion pattern", labels=("tempo",), kind="regression"
)
