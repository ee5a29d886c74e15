"""Who sounds in the clips of rendered theory: voices with a pitch, and percussion kits.

A voice is one of ten families with a spectrum, an envelope, a tuning and a
room of its own; a kit is two percussion sounds and a room. Each is in one
split only, and so the group of its clips: a probe is tested on voices that it
has never heard, two of their ten families included.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from random import Random

from mirbench.benchmark.api import SPLITS, Split

#: Families with voices in every split, and those that are heard in the test set only.
FAMILIES = ("plucked", "struck", "fm", "reed", "bowed", "organ", "flute", "pad")
TEST_FAMILIES = ("brass", "vowel")
KINDS = ("wood", "drum", "click", "shaker", "bell", "clap")

#: Voices of a family, and kits, in each split.
VOICES_PER_FAMILY: dict[Split, int] = {"train": 3, "valid": 1, "test": 2}
KITS: dict[Split, int] = {"train": 24, "valid": 8, "test": 16}
#: Bounds of the background noise, as powers of ten. Between the hits of a kit it is never silent:
#: how long it is silent would tell how many hits there are, and so something of the tempo.
VOICE_NOISE, KIT_NOISE = (-3.5, -2.0), (-2.0, -1.4)


@dataclass(frozen=True, slots=True)
class Room:
    """What is done to the sum of all notes.

    Attributes
    ----------
    reverb : float
        Energy of the reverberation over that of the direct sound.
    seconds : float
        Time in which it decays by 60 dB.
    treble : float
        Gain above about 1 kHz.
    noise : float
        Amplitude of the background noise, relative to the peak of the music.
    """

    reverb: float
    seconds: float
    treble: float
    noise: float


@dataclass(frozen=True, slots=True)
class Voice:
    """A pitched sound, as it differs from others of its family.

    Attributes
    ----------
    shape : float
        0 to 1: what a family makes of it, such as the place where a string is plucked.
    tilt : float
        Exponent of the partial's number that its amplitude is multiplied with.
    attack, decay, vibrato, stretch : float
        Factors of the times of the envelope, of the depth of the vibrato, and of
        the inharmonicity.
    rate : float
        Of the vibrato, in Hz.
    tuning : float
        Deviation from A4 = 440 Hz in cents.
    """

    name: str
    split: Split
    room: Room
    family: str
    shape: float
    tilt: float
    attack: float
    decay: float
    vibrato: float
    stretch: float
    rate: float
    tuning: float


@dataclass(frozen=True, slots=True)
class Drum:
    """One percussion sound: its kind, and factors of its frequencies and times."""

    kind: str
    frequency: float
    decay: float


@dataclass(frozen=True, slots=True)
class Kit:
    """Two percussion sounds of different kinds: for what is accented, and for the rest."""

    name: str
    split: Split
    room: Room
    strong: Drum
    weak: Drum


@functools.cache
def voices() -> tuple[Voice, ...]:
    """List every voice: 24 to train with, 8 to validate with, 20 to test with."""
    rng = Random("mirbench theory voices")
    found = []
    for family in (*FAMILIES, *TEST_FAMILIES):
        splits = SPLITS if family in FAMILIES else ("test",)
        owners = [split for split in splits for _ in range(VOICES_PER_FAMILY[split])]
        # So that the number of a voice does not tell its split.
        rng.shuffle(owners)
        found += [_voice(f"{family}{n}", split, family, rng) for n, split in enumerate(owners)]
    return tuple(found)


@functools.cache
def kits() -> tuple[Kit, ...]:
    """List every kit: 24 to train with, 8 to validate with, 16 to test with."""
    rng = Random("mirbench theory kits")
    owners = [split for split in SPLITS for _ in range(KITS[split])]
    pairs: dict[Split, list[tuple[str, str]]] = {}
    for split in SPLITS:
        every = list(itertools.permutations(KINDS, 2))
        rng.shuffle(every)
        pairs[split] = every
    rng.shuffle(owners)
    found = []
    for number, split in enumerate(owners):
        strong, weak = pairs[split].pop()
        room = _room(rng, KIT_NOISE)
        found.append(Kit(f"kit{number:02d}", split, room, _drum(strong, rng), _drum(weak, rng)))
    return tuple(found)


def _voice(name: str, split: Split, family: str, rng: Random) -> Voice:
    return Voice(
        name=name,
        split=split,
        room=_room(rng, VOICE_NOISE),
        family=family,
        shape=rng.random(),
        tilt=rng.uniform(-0.5, 0.3),
        attack=2 ** rng.uniform(-1, 1),
        decay=2 ** rng.uniform(-1, 1),
        vibrato=rng.uniform(0.3, 1.5),
        stretch=rng.uniform(0, 1),
        rate=rng.uniform(4.5, 6.5),
        tuning=rng.uniform(-15, 15),
    )


def _room(rng: Random, noise: tuple[float, float]) -> Room:
    return Room(
        reverb=10 ** rng.uniform(-2.4, -0.8),
        seconds=rng.uniform(0.2, 1.2),
        treble=rng.uniform(0.3, 1.5),
        noise=10 ** rng.uniform(*noise),
    )


def _drum(kind: str, rng: Random) -> Drum:
    return Drum(kind, frequency=2 ** rng.uniform(-0.6, 0.6), decay=2 ** rng.uniform(-0.7, 0.7))
