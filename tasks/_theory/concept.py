"""A concept of music theory as clips of 4 s: labels, notes, and who plays them.

The concepts are those of SynTheory (Wei et al., "Do Music Generation Models
Encode Music Theory?", ISMIR 2024). Here voices are held out: whoever sounds
in the test set sounds in no other. Labels are equally frequent in every
split, and voices are dealt without a look at the labels, so that neither the
voice nor the level of a clip says anything about its label.

Everything is drawn from `random.Random` with fixed seeds, and tests pin the
outcome, so labels and notes are the same everywhere.

Conventions: a pitch is a MIDI note number (60 is C4); times are seconds.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from mirbench.benchmark.api import SPLITS, Clip, Label, Split
from mirbench.tasks._rendered.folder import audio_path
from mirbench.tasks._theory.sounds import Kit, Voice

#: Raised whenever a label or a sample of the audio changes.
VERSION = 1
DURATION = 4.0
#: Clips of most concepts.
CLIPS: dict[Split, int] = {"train": 288, "valid": 72, "test": 120}
#: "Pitches" of a kit.
STRONG, WEAK = 1, 0
#: Notes begin before this, so that each is heard.
LAST_ONSET = 3.95


@dataclass(frozen=True, slots=True)
class Note:
    """One note: onset and duration in seconds, pitch, and velocity 0–1."""

    onset: float
    duration: float
    pitch: int
    velocity: float = 1.0


#: A label, and what is played.
Score = tuple[Label, tuple[Note, ...]]


@dataclass(frozen=True, slots=True)
class Example:
    """One clip: who plays which notes at what peak amplitude, and the label."""

    id: str
    sound: Voice | Kit
    label: Label
    notes: tuple[Note, ...]
    level: float


@dataclass(frozen=True, eq=False)
class Concept:
    """What the clips of a task are made from.

    Attributes
    ----------
    name : str
        As in ``rendered_<name>``.
    sounds : callable
        Lists the voices or kits.
    compose : callable
        Writes the scores of a split, in any order, from a generator of random numbers.
    """

    name: str
    sounds: Callable[[], Sequence[Voice | Kit]]
    compose: Callable[[Split, Random], list[Score]]

    @property
    def folder(self) -> str:
        """Name of the folder of its audio, and of the task."""
        return f"rendered_{self.name}"

    @functools.cached_property
    def examples(self) -> tuple[Example, ...]:
        """Every clip, sorted by id."""
        every = (example for split in SPLITS for example in self._examples_of(split))
        return tuple(sorted(every, key=lambda example: example.id))

    def read_clips(self, root: Path) -> Iterator[Clip]:
        """Yield every clip, whether or not its audio has been rendered below `root`."""
        for example in self.examples:
            path = audio_path(root, example.id)
            yield Clip(example.id, path, example.label, example.sound.name, 0.0, DURATION)

    def split_table(self) -> str:
        """Content of ``splits/rendered_*.csv``; ``paper`` and ``artist`` are the same list."""
        rows = "".join(f"{example.id},{example.sound.split}\n" for example in self.examples)
        return f"clip_id,split\n{rows}"

    def _examples_of(self, split: Split) -> Iterator[Example]:
        rng = Random(f"mirbench theory {self.name} {split}")
        scores = self.compose(split, rng)
        mine = [sound for sound in self.sounds() if sound.split == split]
        rng.shuffle(mine)
        dealt = list(itertools.islice(itertools.cycle(mine), len(scores)))
        # Shuffled apart from one another: the voice knows nothing of the label.
        rng.shuffle(scores)
        rng.shuffle(dealt)
        numbers = Counter[str]()
        for sound, (label, notes) in zip(dealt, scores, strict=True):
            name = f"{sound.name}-{numbers[sound.name]:02d}"
            numbers[sound.name] += 1
            yield Example(name, sound, label, notes, level=10 ** rng.uniform(-1.0, -0.05))


def rhythm(count: int, rng: Random, fill: tuple[float, float] = (0.6, 0.95)) -> list[Note]:
    """Divide a clip into notes of equal distance.

    Parameters
    ----------
    count : int
        Notes.
    rng : random.Random
        Draws how long they sound, where the first begins and how loud each is.
    fill : (float, float)
        Bounds of the sounding part of a note's share.

    Returns
    -------
    list of Note
        At pitch 0.
    """
    lead = rng.uniform(0, 0.15)
    share = (DURATION - 0.2) / count
    duration = round(share * rng.uniform(*fill), 3)
    return [Note(lead + i * share, duration, 0, rng.uniform(0.7, 1.0)) for i in range(count)]
