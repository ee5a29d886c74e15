"""The notes of a rendered piece.

One pitched instrument comps (plays the chords), the others play lines above
it, the bass plays roots, the drums keep the beat. Pieces start with their
tonic chord on the first beat of a bar of four beats; the progression is
repeated to the end. Conventions are those of `mirbench.tasks._rendered.corpus`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from mirbench.benchmark.api import TONICS
from mirbench.tasks._rendered.bands import PITCHED
from mirbench.tasks._rendered.corpus import DURATION, Piece

#: Drums, by their numbers in General MIDI.
KICK, SNARE, HAT = 36, 38, 42

_DEGREES = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}
#: Degrees that lie a semitone lower in the natural minor scale.
_LOWERED = {"III", "VI", "VII"}
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}

#: Onsets within two beats of comping, of hi-hats, and of lines.
_COMPING: tuple[tuple[float, ...], ...] = (
    (0,),
    (0, 1),
    (0, 0.5, 1, 1.5),
    (0, 0.75, 1.5),
    (0, 1, 1.5),
    (0, 0.5, 1),
)
_HATS: tuple[tuple[float, ...], ...] = ((0, 0.5, 1, 1.5), (0, 1), (0, 0.5, 1, 1.25, 1.5))
_LINES: tuple[tuple[float, ...], ...] = ((0, 1), (0, 1, 1.5), (0, 0.5, 1), (0, 0.5, 1, 1.5))

#: A chord lasts two beats below this tempo and four above, so that 6 s hold most of a progression.
_TWO_BEATS_BELOW = 110.0


@dataclass(frozen=True, slots=True)
class Chord:
    """One chord: its onset and duration in beats, its root, and its pitch classes."""

    onset: float
    beats: float
    root: int
    tones: tuple[int, int, int]
    minor: bool

    @property
    def label(self) -> str:
        """Name in the syntax of Harte et al. (ISMIR 2005), such as ``Db:min``."""
        return f"{TONICS[self.root]}:{'min' if self.minor else 'maj'}"


@dataclass(frozen=True, slots=True)
class Note:
    """One note: onset and duration in seconds, pitch, and velocity 0–1."""

    instrument: str
    onset: float
    duration: float
    pitch: int
    velocity: float


def chords(piece: Piece) -> list[Chord]:
    """List the chords of a piece, as many as begin before its end."""
    beats = 2 if piece.bpm < _TWO_BEATS_BELOW else 4
    numerals = piece.progression.split("-")
    count = int(DURATION * piece.bpm / 60 / beats) + 1
    return [_chord(piece, numerals[i % len(numerals)], i * beats, beats) for i in range(count)]


def score(piece: Piece) -> list[Note]:
    """Write the notes of a piece; none begins after its end."""
    rng = Random(f"mirbench rendered {piece.id}")
    harmony = chords(piece)
    pitched = [name for name in piece.instruments if name in PITCHED]
    rng.shuffle(pitched)
    notes = list(_comp(piece, pitched[0], harmony, rng))
    for height, instrument in enumerate(pitched[1:], start=1):
        notes += _line(piece, instrument, harmony, height, rng)
    if "bass" in piece.instruments:
        notes += _bass(piece, harmony, rng)
    if "drums" in piece.instruments:
        notes += _drums(piece, rng)
    return [note for note in notes if note.onset < DURATION]


def nearest(pitch_class: int, centre: int) -> int:
    """Pitch of a pitch class that is nearest to `centre`, a tritone up at most."""
    return centre + (pitch_class - centre + 5) % 12 - 5


def _chord(piece: Piece, numeral: str, onset: float, beats: float) -> Chord:
    lowered = piece.mode == "minor" and numeral.upper() in _LOWERED
    root = (piece.tonic + _DEGREES[numeral.upper()] - lowered) % 12
    minor = numeral.islower()
    third = root + (3 if minor else 4)
    return Chord(onset, beats, root, (root, third % 12, (root + 7) % 12), minor)


def _slots(
    piece: Piece, chord: Chord, pattern: Sequence[float]
) -> Iterator[tuple[float, float, float]]:
    """Yield onset (beats), onset (seconds) and duration (seconds) of a pattern over a chord."""
    beat = 60 / piece.bpm
    for bar in range(int(chord.beats) // 2):
        for onset, end in zip(pattern, (*pattern[1:], 2.0), strict=True):
            position = 2 * bar + onset
            yield position, (chord.onset + position) * beat, (end - onset) * beat


def _comp(piece: Piece, instrument: str, harmony: Sequence[Chord], rng: Random) -> Iterator[Note]:
    pattern = _COMPING[piece.band.rhythm]
    # Two tones at a time, so a chord of one onset would lack the third.
    arpeggio = rng.random() < 0.3 and len(pattern) > 1
    # Around a centre of the piece's own, pitch height says nothing about the key.
    centre = piece.band.centre + rng.randint(-3, 3)
    for chord in harmony:
        pitches = sorted(nearest(tone, centre) for tone in chord.tones)
        for i, (_, onset, duration) in enumerate(_slots(piece, chord, pattern)):
            sounding = [pitches[i % 3], pitches[(i + 2) % 3]] if arpeggio else pitches
            for pitch in sounding:
                yield Note(instrument, onset, duration * piece.band.legato, pitch, 0.5)


def _line(
    piece: Piece, instrument: str, harmony: Sequence[Chord], height: int, rng: Random
) -> Iterator[Note]:
    """Walk along the scale, and meet each chord on the tonic, or on any tone of a chord without."""
    pattern = rng.choice(_LINES)
    scale = {(piece.tonic + step) % 12 for step in _SCALES[piece.mode]}
    middle = piece.band.centre + 5 + 5 * height + rng.randint(-3, 3)
    pitch = nearest(piece.tonic, middle)
    for chord in harmony:
        goals = [piece.tonic] if piece.tonic in chord.tones else chord.tones
        for position, onset, duration in _slots(piece, chord, pattern):
            if position == 0 or rng.random() < 0.5:
                pitch = nearest(rng.choice(goals), (pitch + middle) // 2)
            else:
                steps = [p for p in range(pitch - 3, pitch + 4) if p % 12 in scale and p != pitch]
                pitch = rng.choice(steps)
            if position == 0 or rng.random() < 0.85:
                yield Note(instrument, onset, duration * piece.band.legato, pitch, 0.9)


def _bass(piece: Piece, harmony: Sequence[Chord], rng: Random) -> Iterator[Note]:
    pattern = rng.choice(_COMPING[:3])
    for chord in harmony:
        for position, onset, duration in _slots(piece, chord, pattern):
            tone = chord.root if position == 0 or rng.random() < 0.8 else chord.tones[2]
            yield Note("bass", onset, duration * 0.9, nearest(tone, 40), 1.0)


def _drums(piece: Piece, rng: Random) -> Iterator[Note]:
    hats = rng.choice(_HATS)
    beat = 60 / piece.bpm
    for half_bar in range(int(DURATION / beat / 2) + 1):
        start = 2 * half_bar
        hits = [(0.0, KICK), (1.0, SNARE), *((onset, HAT) for onset in hats)]
        if rng.random() < 0.3:
            hits.append((1.5, KICK))
        for onset, drum in hits:
            yield Note("drums", (start + onset) * beat, 0.25, drum, 0.5 if drum == HAT else 1.0)
