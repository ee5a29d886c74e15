"""Quality of a triad: major, minor, augmented or diminished, in three inversions.

Whatever the quality and the inversion, the mean pitch of the three notes lies
anywhere in the octave around E4, and every root occurs. CHROMA needs the
hidden layer, and is then far above MFCC, which hears something of it (the
roughness of close notes); chance is 25 %.
"""

from __future__ import annotations

from random import Random

from mirbench.benchmark.api import Split
from mirbench.tasks._theory.concept import CLIPS, Concept, Note, Score, rhythm
from mirbench.tasks._theory.sounds import voices
from mirbench.tasks._theory.task import theory_task

#: Semitones above the root.
TRIADS = {
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
    "augmented": (0, 4, 8),
    "diminished": (0, 3, 6),
}
INVERSIONS = 3
CENTRE = 64


def compose(split: Split, rng: Random) -> list[Score]:
    """Write the scores of a split."""
    scores: list[Score] = []
    for name, steps in TRIADS.items():
        count = CLIPS[split] // len(TRIADS)
        for number in range(count):
            inversion = number % INVERSIONS
            tones = sorted(step + 12 * (i < inversion) for i, step in enumerate(steps))
            mean = CENTRE - 6 + 12 * (number + rng.random()) / count
            root = round(mean - sum(tones) / 3)
            beats = rhythm(rng.randint(2, 4), rng)
            notes = [
                Note(beat.onset, beat.duration, root + tone, beat.velocity)
                for beat in beats
                for tone in tones
            ]
            scores.append((name, tuple(notes)))
    return scores


CONCEPT = Concept("triad", voices, compose)
TASK = theory_task(CONCEPT, title="triad", labels=tuple(TRIADS))
