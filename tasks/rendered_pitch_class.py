"""Pitch class of one note, played two to five times, in octaves 2 to 6.

Of each class one octave, another for each, is in the test set only, so that a
table of pitches does not help. CHROMA hears pitch classes (95 % and more, if
linear), MFCC some of them through the spacing of partials (65 % at most);
chance is 8.3 %.
"""

from __future__ import annotations

from random import Random

from mirbench.benchmark.api import TONICS, Split
from mirbench.tasks._theory.concept import CLIPS, Concept, Note, Score, rhythm
from mirbench.tasks._theory.sounds import voices
from mirbench.tasks._theory.task import theory_task

OCTAVES = (2, 3, 4, 5, 6)


def octaves_of(pitch_class: int, split: Split) -> tuple[int, ...]:
    """List the octaves in which a split has a pitch class."""
    held_out = OCTAVES[pitch_class % len(OCTAVES)]
    return tuple(octave for octave in OCTAVES if split == "test" or octave != held_out)


def compose(split: Split, rng: Random) -> list[Score]:
    """Write the scores of a split."""
    scores: list[Score] = []
    for pitch_class, name in enumerate(TONICS):
        octaves = octaves_of(pitch_class, split)
        for number in range(CLIPS[split] // len(TONICS)):
            octave = octaves[(pitch_class + number) % len(octaves)]
            pitch = 12 * (octave + 1) + pitch_class
            beats = rhythm(rng.randint(2, 5), rng)
            notes = [Note(beat.onset, beat.duration, pitch, beat.velocity) for beat in beats]
            scores.append((name, tuple(notes)))
    return scores


CONCEPT = Concept("pitch_class", voices, compose)
TASK = theory_task(CONCEPT, title="pitch class", labels=TONICS)
