"""What is played in the rendered corpus: bands, pieces, splits.

288 pieces of 12 s, six by each of 48 bands. A band is a set of three or four
instruments with a sound and a style of its own; a piece adds a key, a tempo
and a chord progression. Key, tempo, progression and instruments are the
labels of four tasks that share the audio, in the spirit of SynTheory (Wei et
al., "Do Music Generation Models Encode Music Theory?", ISMIR 2024). Here
labels vary across bands, so a probe must hear past the timbre.

Everything is drawn from `random.Random` with fixed seeds, and tests pin the
outcome, so labels are the same everywhere.
`mirbench.tasks._rendered.bands` says who plays, `score` writes the
notes, `audio` makes them sound, and `files` keeps them.

Conventions: a pitch is a MIDI note number; a tonic is a pitch class 0–11 (C
is 0); a beat is a quarter note; times are seconds.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from mirbench.benchmark.api import KEYS, SPLITS, TONICS, Clip, Label, Split
from mirbench.tasks._rendered.bands import Band, bands_of

#: Raised whenever a label or a sample of the audio changes.
CORPUS_VERSION = 1
FOLDER = "rendered"
SAMPLE_RATE = 22050
DURATION = 12.0
PIECES_PER_BAND = 6
SLOWEST, FASTEST = 60.0, 180.0

#: Roman numerals: upper case for a major triad, lower case for a minor one. In no two
#: keys do two progressions have the same chords, or those keys could not be told apart.
PROGRESSIONS: dict[str, tuple[str, ...]] = {
    "major": ("I-V-vi-IV", "I-vi-ii-V", "I-IV-I-V", "I-iii-IV-V"),
    "minor": ("i-iv-i-V", "i-VI-iv-V", "i-VII-VI-V", "i-v-VI-iv"),
}
LICENCE = "MIT"
CITATION = (
    "The corpus is made by mirbench, after the idea of SynTheory: M. Wei, M. Freeman, C. Donahue, "
    'C. Sun, "Do Music Generation Models Encode Music Theory?", ISMIR 2024.'
)
HOW_TO_GET = "Nothing to get: mirbench renders the audio on first use, in some 15 s."


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece and its labels.

    Attributes
    ----------
    key, progression : str
        One of `mirbench.benchmark.api.KEYS`; one of `PROGRESSIONS` of its mode.
    bpm : float
        Tempo in beats per minute.
    instruments : tuple of str
        Those that play here, at least two, sorted.
    """

    id: str
    band: Band
    number: int
    key: str
    bpm: float
    progression: str
    instruments: tuple[str, ...]

    @property
    def tonic(self) -> int:
        """Pitch class of the tonic."""
        return TONICS.index(self.key.split()[0])

    @property
    def mode(self) -> str:
        """``major`` or ``minor``."""
        return self.key.split()[1]


@functools.cache
def pieces() -> tuple[Piece, ...]:
    """List every piece, sorted by id."""
    every = (piece for split in SPLITS for piece in _pieces_of(split))
    return tuple(sorted(every, key=lambda piece: piece.id))


def read_clips(root: Path, label: Callable[[Piece], Label]) -> Iterator[Clip]:
    """Yield a clip per piece, whether or not its audio has been rendered below `root`."""
    for piece in pieces():
        path = root / "audio" / f"{piece.id}.flac"
        yield Clip(piece.id, path, label(piece), piece.band.name, 0.0, DURATION)


def split_table() -> str:
    """Content of ``splits/rendered_*.csv``; ``paper`` and ``artist`` are the same list."""
    rows = "".join(f"{piece.id},{piece.band.split}\n" for piece in pieces())
    return f"clip_id,split\n{rows}"


def _pieces_of(split: Split) -> Iterator[Piece]:
    rng = Random(f"mirbench rendered {split}")
    bands = bands_of(split, rng)
    count = len(bands) * PIECES_PER_BAND
    harmonies = _harmonies(split, count // len(KEYS))
    rng.shuffle(harmonies)
    ratio = FASTEST / SLOWEST
    tempi = [round(SLOWEST * ratio ** ((i + rng.random()) / count), 1) for i in range(count)]
    rng.shuffle(tempi)
    for i, (key, progression) in enumerate(harmonies):
        band, number = bands[i // PIECES_PER_BAND], i % PIECES_PER_BAND
        yield Piece(
            id=f"{band.name}-{number}",
            band=band,
            number=number,
            key=key,
            bpm=tempi[i],
            progression=progression,
            instruments=_line_up(band, number),
        )


def _harmonies(split: Split, times: int) -> list[tuple[str, str]]:
    """Pair each key `times` times with progressions, all equally often."""
    first = SPLITS.index(split)
    return [
        (key, PROGRESSIONS[key.split()[1]][(first + number + turn) % 4])
        for turn in range(times)
        for number, key in enumerate(KEYS)
    ]


def _line_up(band: Band, number: int) -> tuple[str, ...]:
    """Instruments of a piece: in each another member of the band pauses, in some nobody."""
    members = [instrument for instrument, _ in band.voices]
    if number < len(members):
        del members[number]
    return tuple(sorted(members))
