"""Interval of two notes, 1 to 12 semitones: up, down, or together.

Their middle lies anywhere between MIDI 51 and 69 whatever the interval (so the
lower note between 45 and 69), and pitch height tells nothing. Transposition
makes it a question that no linear probe answers from chroma: CHROMA needs the
hidden layer, and is then far above MFCC; chance is 8.3 %.
"""

from __future__ import annotations

from random import Random

from mirbench.benchmark.api import Split
from mirbench.tasks._theory.concept import CLIPS, Concept, Note, Score, rhythm
from mirbench.tasks._theory.sounds import voices
from mirbench.tasks._theory.task import theory_task

#: Of 1 to 12 semitones.
INTERVALS = ("m2", "M2", "m3", "M3", "P4", "TT", "P5", "m6", "M6", "m7", "M7", "P8")
WAYS = ("up", "down", "together")
LOWEST, HIGHEST = 51, 69


def compose(split: Split, rng: Random) -> list[Score]:
    """Write the scores of a split."""
    scores: list[Score] = []
    for semitones, name in enumerate(INTERVALS, start=1):
        count = CLIPS[split] // len(INTERVALS)
        for number in range(count):
            # Another way comes first for each interval, should they not divide evenly.
            way = WAYS[(semitones + number) % len(WAYS)]
            middle = LOWEST + (HIGHEST - LOWEST) * (number + rng.random()) / count
            lower = round(middle - semitones / 2)
            scores.append((name, _notes(lower, lower + semitones, way, rng)))
    return scores


def _notes(lower: int, upper: int, way: str, rng: Random) -> tuple[Note, ...]:
    """Play two notes twice."""
    beats = rhythm(4, rng)
    if way != "together":
        pitches = (lower, upper) if way == "up" else (upper, lower)
        return tuple(
            Note(beat.onset, beat.duration, pitches[i % 2], beat.velocity)
            for i, beat in enumerate(beats)
        )
    return tuple(
        Note(beat.onset, 2 * beat.duration, pitch, beat.velocity)
        for beat in beats[::2]
        for pitch in (lower, upper)
    )


CONCEPT = Concept("interval", voices, compose)
TASK = theory_task(CONCEPT, title="interval", labels=INTERVALS)
