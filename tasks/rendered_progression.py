"""Chord progression: three sets of four chords, each in three orders, in any major key.

The three orders of a set have the same notes, so it takes their order, and
not their counts, to tell them apart. A chord lasts a second, and the four fill
the clip. Chords are voiced closely around a centre
that has nothing to do with the key. CHROMA needs the hidden layer, and is then
above MFCC; chance is 11.1 %.
"""

from __future__ import annotations

from random import Random

from mirbench.benchmark.api import Split
from mirbench.tasks._theory.concept import Concept, Note, Score
from mirbench.tasks._theory.sounds import voices
from mirbench.tasks._theory.task import theory_task

PROGRESSIONS = (
    *("I-V-vi-IV", "I-vi-IV-V", "I-IV-V-vi"),
    *("I-ii-V-iii", "I-iii-ii-V", "I-V-iii-ii"),
    *("I-IV-ii-vi", "I-vi-ii-IV", "I-ii-IV-vi"),
)
#: Clips of each progression.
TIMES: dict[Split, int] = {"train": 32, "valid": 8, "test": 14}
LOWEST, HIGHEST = 58, 66
_DEGREES = {"I": 0, "ii": 2, "iii": 4, "IV": 5, "V": 7, "vi": 9}


def chord(tonic: int, numeral: str) -> tuple[int, int, int]:
    """Pitch classes of a chord: root, third, fifth."""
    root = tonic + _DEGREES[numeral]
    third = 3 if numeral.islower() else 4
    return root % 12, (root + third) % 12, (root + 7) % 12


def compose(split: Split, rng: Random) -> list[Score]:
    """Write the scores of a split."""
    scores: list[Score] = []
    for place, name in enumerate(PROGRESSIONS):
        for number in range(TIMES[split]):
            tonic = (7 * place + number) % 12
            centre = rng.randint(LOWEST, HIGHEST)
            duration = round(rng.uniform(0.88, 0.98), 3)
            notes = []
            for onset, numeral in enumerate(name.split("-")):
                velocity = rng.uniform(0.7, 1.0)
                notes += [
                    Note(onset, duration, _nearest(tone, centre), velocity)
                    for tone in chord(tonic, numeral)
                ]
            scores.append((name, tuple(notes)))
    return scores


def _nearest(pitch_class: int, centre: int) -> int:
    return centre + (pitch_class - centre + 5) % 12 - 5


CONCEPT = Concept("progression", voices, compose)
TASK = theory_task(CONCEPT, title="chord progression", labels=PROGRESSIONS)
