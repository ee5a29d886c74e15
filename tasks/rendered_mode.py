"""Mode of a scale: the seven of the major scale's notes, up or down an octave from the tonic.

Modes share their sets of pitch classes (C ionian has the notes of D dorian),
so nothing but the tonic, which sounds first, last, and twice, tells them
apart. CHROMA needs the hidden layer, and is then far above MFCC; chance is
14.3 %.
"""

from __future__ import annotations

from random import Random

from mirbench.benchmark.api import Split
from mirbench.tasks._theory.concept import Concept, Note, Score, rhythm
from mirbench.tasks._theory.sounds import voices
from mirbench.tasks._theory.task import theory_task

MODES = ("ionian", "dorian", "phrygian", "lydian", "mixolydian", "aeolian", "locrian")
#: Clips of each mode: as near to those of other concepts as seven allows.
TIMES: dict[Split, int] = {"train": 42, "valid": 10, "test": 17}
LOWEST, HIGHEST = 48, 65
_MAJOR = (0, 2, 4, 5, 7, 9, 11)


def steps_of(mode: str) -> tuple[int, ...]:
    """List the eight notes of a mode in semitones above its tonic."""
    first = MODES.index(mode)
    turned = [*_MAJOR[first:], *(step + 12 for step in _MAJOR[: first + 1])]
    return tuple(step - turned[0] for step in turned)


def compose(split: Split, rng: Random) -> list[Score]:
    """Write the scores of a split."""
    scores: list[Score] = []
    tonics = range(LOWEST, HIGHEST + 1)
    for place, mode in enumerate(MODES):
        for number in range(TIMES[split]):
            tonic = tonics[(5 * place + number) % len(tonics)]
            steps = steps_of(mode)
            if rng.random() < 0.5:
                steps = steps[::-1]
            notes = [
                Note(beat.onset, beat.duration, tonic + step, beat.velocity)
                for beat, step in zip(rhythm(len(steps), rng), steps, strict=True)
            ]
            scores.append((mode, tuple(notes)))
    return scores


CONCEPT = Concept("mode", voices, compose)
TASK = theory_task(CONCEPT, title="mode", labels=MODES)
