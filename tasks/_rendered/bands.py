"""Who plays in the rendered corpus: instruments, bands, and the split each band is in.

Conventions are those of `mirbench.tasks._rendered.corpus`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from mirbench.benchmark.api import SPLITS, Split

BANDS_PER_SPLIT: dict[Split, int] = {"train": 28, "valid": 8, "test": 12}

#: Each named after the instrument it imitates.
PITCHED = ("bells", "clarinet", "flute", "guitar", "organ", "piano", "strings", "trumpet")
INSTRUMENTS = tuple(sorted((*PITCHED, "bass", "drums")))

#: Pitched instruments, and which of the rhythm section, of four bands in succession.
_LINE_UPS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (2, ("bass",)),
    (3, ("drums",)),
    (2, ("bass", "drums")),
    (3, ()),
)


@dataclass(frozen=True, slots=True)
class Voice:
    """How one member of a band sounds, relative to the timbre of the instrument.

    Attributes
    ----------
    tilt : float
        Exponent of the partial's number that its amplitude is multiplied with.
    attack, decay : float
        Factors of the times of the envelope.
    gain : float
        Factor of the amplitude.
    """

    tilt: float
    attack: float
    decay: float
    gain: float


@dataclass(frozen=True, slots=True)
class Band:
    """Who plays, and how: all that the pieces of a group have in common.

    Attributes
    ----------
    voices : tuple of (str, Voice)
        Instruments of the band, the pitched ones first.
    tuning : float
        Deviation from A4 = 440 Hz in cents.
    centre : int
        Pitch around which chords lie.
    rhythm : int
        Number of the comping pattern (`mirbench.tasks._rendered.score`).
    legato : float
        Sounding part of a note's duration, 0–1.
    treble : float
        Gain of the mix above about 1 kHz.
    noise : float
        Amplitude of the background noise, relative to the peak of the music.
    level : float
        Peak amplitude of a piece.
    """

    name: str
    split: Split
    voices: tuple[tuple[str, Voice], ...]
    tuning: float
    centre: int
    rhythm: int
    legato: float
    treble: float
    noise: float
    level: float


def bands_of(split: Split, rng: Random) -> list[Band]:
    """Make the bands of a split."""
    numbers = list(range(sum(BANDS_PER_SPLIT.values())))
    Random("mirbench rendered bands").shuffle(numbers)
    first = sum(BANDS_PER_SPLIT[earlier] for earlier in SPLITS[: SPLITS.index(split)])
    mine = sorted(numbers[first : first + BANDS_PER_SPLIT[split]])
    line_ups = list(itertools.islice(itertools.cycle(_LINE_UPS), len(mine)))
    hands = _deal([n_pitched for n_pitched, _ in line_ups], rng)
    return [
        _band(number, split, (*hand, *rhythm_section), rng)
        for number, hand, (_, rhythm_section) in zip(mine, hands, line_ups, strict=True)
    ]


def _deal(counts: Sequence[int], rng: Random) -> list[list[str]]:
    """Deal so many different pitched instruments to each band, all equally often within one."""
    hands, deck = [], list[str]()
    for count in counts:
        if len(deck) < count:
            fresh = list(PITCHED)
            rng.shuffle(fresh)
            # What is still in the deck comes last, so that no hand holds it twice.
            deck += sorted(fresh, key=deck.__contains__)
        hands.append(deck[:count])
        del deck[:count]
    return hands


def _band(number: int, split: Split, members: Sequence[str], rng: Random) -> Band:
    return Band(
        name=f"band{number:02d}",
        split=split,
        voices=tuple((member, _voice(rng)) for member in members),
        tuning=rng.uniform(-10, 10),
        centre=rng.randint(56, 68),
        rhythm=rng.randrange(6),
        legato=rng.uniform(0.5, 1.0),
        treble=rng.uniform(0.3, 1.5),
        noise=10 ** rng.uniform(-4, -2),
        level=rng.uniform(0.3, 0.95),
    )


def _voice(rng: Random) -> Voice:
    return Voice(
        tilt=rng.uniform(-0.4, 0.3),
        attack=2 ** rng.uniform(-0.7, 0.7),
        decay=2 ** rng.uniform(-0.7, 0.7),
        gain=10 ** rng.uniform(-0.2, 0.2),
    )
