"""From the notes of a clip to its samples.

The same machine renders the same samples each time; another one may differ by
a rounding of double precision, which hardly ever shows in the 16 bits of the
files. Audio is mono, 22,050 Hz, peak below 1.
"""

from __future__ import annotations

import functools
import zlib

import numpy as np
import numpy.typing as npt

from mirbench.tasks._rendered.corpus import SAMPLE_RATE
from mirbench.tasks._theory.concept import DURATION, STRONG, Example, Note
from mirbench.tasks._theory.hits import hit
from mirbench.tasks._theory.sounds import Kit, Room, Voice
from mirbench.tasks._theory.tones import Audio, noise, tone

#: Samples of a clip.
N_SAMPLES = round(DURATION * SAMPLE_RATE)
#: Samples of the transforms of the reverberation: a clip and the longest response fit.
_LONG = 2**17
_CROSSOVER = 1000.0


def render(example: Example) -> Audio:
    """Synthesise a clip.

    Returns
    -------
    ndarray of float64, shape [88200]
        4 s of audio; its largest magnitude is the clip's level.
    """
    mix = np.zeros(N_SAMPLES)
    sounds: dict[tuple[int, float], Audio] = {}
    for note in example.notes:
        key = (note.pitch, note.duration)
        if key not in sounds:
            sounds[key] = _sound(example.sound, note)
        start = round(note.onset * SAMPLE_RATE)
        part = mix[start : start + len(sounds[key])]
        part += note.velocity * sounds[key][: len(part)]
    room = example.sound.room
    mix = _with_treble(_with_reverb(mix, room), room.treble)
    mix += room.noise * np.abs(mix).max() * noise(N_SAMPLES, zlib.crc32(example.id.encode()))
    audio: Audio = example.level * mix / np.abs(mix).max()
    return audio


def _sound(sound: Voice | Kit, note: Note) -> Audio:
    if isinstance(sound, Voice):
        return tone(sound, note.pitch, note.duration)
    return hit(sound.strong if note.pitch == STRONG else sound.weak)


def _with_reverb(mix: Audio, room: Room) -> Audio:
    wet: Audio = np.fft.irfft(np.fft.rfft(mix, _LONG) * _response(room))[:N_SAMPLES]
    return mix + wet


@functools.lru_cache(maxsize=64)
def _response(room: Room) -> npt.NDArray[np.complex128]:
    """Spectrum of noise that decays by 60 dB, with the energy of the reverberation."""
    seconds = np.arange(round(room.seconds * SAMPLE_RATE)) / SAMPLE_RATE
    decaying = noise(len(seconds), 4) * 10 ** (-3 * seconds / room.seconds)
    response = decaying * np.sqrt(room.reverb / np.sum(decaying**2))
    return np.fft.rfft(response, _LONG)


def _with_treble(mix: Audio, gain: float) -> Audio:
    from scipy.signal import lfilter

    pole = np.exp(-2 * np.pi * _CROSSOVER / SAMPLE_RATE)
    low: Audio = lfilter([1 - pole], [1, -pole], mix)
    return low + gain * (mix - low)
