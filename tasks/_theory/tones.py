"""How a voice sounds: one note, from a spectrum that grows darker, and an envelope.

Spectra are stylised after Fletcher & Rossing, *The Physics of Musical
Instruments* (1998), FM after Chowning (1973). A note is a mixture of two
spectra, the bright one fading. Steady tones are made by one inverse Fourier
transform, with each partial in the bin nearest to its frequency (within 0.17
Hz), those with vibrato from a table of one period.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirbench.tasks._rendered.corpus import SAMPLE_RATE
from mirbench.tasks._theory.sounds import Voice

Audio = npt.NDArray[np.float64]

#: Seconds in which a note ends.
RELEASE = 0.06
#: Samples of the transform of a steady tone, or more if the tone is longer than 3 s.
_SPAN = 2**16
_TABLE = 8192
_HIGHEST = 9500.0


@dataclass(frozen=True, slots=True)
class _Family:
    """What the voices of a family have in common.

    Attributes
    ----------
    spectrum : callable
        Amplitudes of the partials, from their numbers, the fundamental in Hz and
        the voice's shape.
    attack, decay : float
        Seconds to the peak, and time constant from there to `sustain`.
    sustain : float
        Amplitude that a held note decays to.
    dark : float
        Exponent of the partial's number in what is left when brightness has faded.
    vibrato : float
        Depth in cents.
    breath : float
        Amplitude of noise.
    stretch : float
        Inharmonicity B: partial n is at n·√(1 + B·n²).
    detuning : float
        Cents between three copies; 0: one.
    """

    spectrum: Callable[[Audio, float, float], Audio]
    attack: float
    decay: float
    sustain: float
    dark: float = -0.5
    vibrato: float = 0.0
    breath: float = 0.0
    stretch: float = 0.0
    detuning: float = 0.0


def _plucked(n: Audio, _: float, shape: float) -> Audio:
    return np.abs(np.sin(np.pi * n / (3 + 5 * shape))) / n


def _struck(n: Audio, _: float, shape: float) -> Audio:
    return np.abs(np.sin(np.pi * n / (7 + 2 * shape))) * n**-1.3


def _fm(n: Audio, f0: float, shape: float) -> Audio:
    """Modulate the phase of a sine at 1, 2 or 3 times its frequency."""
    ratio = 1 + int(3 * shape)
    index = min(1.5 + 1.5 * shape, max(0.3, (_HIGHEST / f0 - 1) / ratio - 1))
    phase = 2 * np.pi * np.arange(1024) / 1024
    partials = np.abs(np.fft.rfft(np.sin(phase + index * np.sin(ratio * phase))))
    return np.append(partials, np.zeros(len(n)))[n.astype(np.int64)]


def _reed(n: Audio, _: float, shape: float) -> Audio:
    return np.where(n % 2 == 1, 1, 0.03 + 0.15 * shape) * n**-0.9


def _bowed(n: Audio, f0: float, shape: float) -> Audio:
    body = 1 + 0.6 * np.cos(2 * np.pi * (n * f0 / 900 + shape))
    return n**-1.0 * body


def _brass(n: Audio, _: float, shape: float) -> Audio:
    return np.exp(-(((n - 2 - 3 * shape) / 4) ** 2)) + 0.1 / n


def _organ(n: Audio, _: float, shape: float) -> Audio:
    drawbars = [(1, 2, 3, 4), (1, 2, 4, 8), (1, 2, 3, 4, 5, 6, 8), (1, 3, 4, 6)][int(4 * shape)]
    return np.isin(n, drawbars) * n**-0.5


def _flute(n: Audio, _: float, shape: float) -> Audio:
    return 10 ** (-(0.4 + 0.4 * shape) * (n - 1))


def _pad(n: Audio, _: float, shape: float) -> Audio:
    return n ** -(1.0 + 0.6 * shape)


#: First three formants of a, e, i, o, u in Hz (Peterson & Barney 1952, men; rounded).
_FORMANTS = (
    (730, 1090, 2440),
    (530, 1840, 2480),
    (270, 2290, 3010),
    (570, 840, 2410),
    (300, 870, 2240),
)


def _vowel(n: Audio, f0: float, shape: float) -> Audio:
    resonances = [np.exp(-(((n * f0 - f) / 120) ** 2)) for f in _FORMANTS[int(5 * shape)]]
    return (0.08 + resonances[0] + 0.6 * resonances[1] + 0.3 * resonances[2]) / np.sqrt(n)


_FAMILIES = {
    "plucked": _Family(_plucked, 0.004, 0.6, 0.0, dark=-1.2, stretch=1e-4),
    "struck": _Family(_struck, 0.006, 0.8, 0.05, dark=-1.0, stretch=6e-4),
    "fm": _Family(_fm, 0.01, 0.9, 0.3, dark=-1.0),
    "reed": _Family(_reed, 0.04, 1.0, 0.9, vibrato=4.0),
    "bowed": _Family(_bowed, 0.1, 1.0, 1.0, vibrato=12.0),
    "brass": _Family(_brass, 0.03, 0.2, 0.7, dark=-0.8, vibrato=6.0),
    "organ": _Family(_organ, 0.015, 1.0, 1.0, dark=0.0),
    "flute": _Family(_flute, 0.06, 1.0, 0.9, vibrato=14.0, breath=0.04),
    "pad": _Family(_pad, 0.15, 1.0, 1.0, detuning=8.0),
    "vowel": _Family(_vowel, 0.06, 1.0, 0.95, vibrato=16.0),
}


def tone(voice: Voice, pitch: float, duration: float) -> Audio:
    """Synthesise one note.

    Parameters
    ----------
    voice : Voice
    pitch : float
        MIDI note number, before the voice's tuning.
    duration : float
        Seconds to the beginning of the release.

    Returns
    -------
    ndarray of float64, shape [n_samples]
        As loud as other notes of the voice that are held: root mean square of about 0.7.
    """
    family = _FAMILIES[voice.family]
    n_samples = round((duration + RELEASE) * SAMPLE_RATE)
    f0 = 440 * 2 ** ((pitch - 69) / 12 + voice.tuning / 1200)
    numbers = np.arange(1.0, max(1, int(_HIGHEST / f0)) + 1)
    bright = family.spectrum(numbers, f0, voice.shape) * numbers**voice.tilt
    bright /= np.sqrt(np.sum(bright**2))
    dark = bright * numbers**family.dark
    dark /= np.sqrt(np.sum(dark**2))
    seconds = np.arange(n_samples) / SAMPLE_RATE
    play = _vibrating if family.vibrato else _steady
    fading = np.exp(-seconds / (0.3 * voice.decay))
    # The transform is linear, so the two spectra need no more than two of them.
    sound = play(voice, f0, dark, seconds) + fading * play(voice, f0, bright - dark, seconds)
    if family.breath:
        sound += family.breath * noise(n_samples)
    sound *= _envelope(voice, seconds, duration)
    return sound


def noise(n_samples: int, seed: int = 0) -> Audio:
    """Draw uniform noise in [-1, 1), from the generator that NumPy will not change."""
    return 2 * np.random.RandomState(seed).random_sample(n_samples) - 1


def _steady(voice: Voice, f0: float, amplitudes: Audio, seconds: Audio) -> Audio:
    family = _FAMILIES[voice.family]
    numbers = np.arange(1.0, len(amplitudes) + 1)
    stretch = family.stretch * voice.stretch
    frequencies = numbers * f0 * np.sqrt(1 + stretch * numbers**2)
    span = max(_SPAN, 1 << (len(seconds) - 1).bit_length())
    spectrum = np.zeros(span // 2 + 1, dtype=np.complex128)
    copies = (-1, 0, 1) if family.detuning else (0,)
    for copy in copies:
        bins = frequencies * 2 ** (copy * family.detuning / 1200) * (span / SAMPLE_RATE)
        inside = bins < span // 2
        np.add.at(
            spectrum,
            np.rint(bins[inside]).astype(np.int64),
            amplitudes[inside] * (-0.5j * span / np.sqrt(len(copies))),
        )
    return np.fft.irfft(spectrum)[: len(seconds)]


def _vibrating(voice: Voice, f0: float, amplitudes: Audio, seconds: Audio) -> Audio:
    spectrum = np.zeros(_TABLE // 2 + 1, dtype=np.complex128)
    spectrum[1 : len(amplitudes) + 1] = amplitudes * (-0.5j * _TABLE)
    table = np.fft.irfft(spectrum)
    depth = _FAMILIES[voice.family].vibrato * voice.vibrato * np.log(2) / 1200
    speed = 2 * np.pi * voice.rate
    warped = seconds + depth / speed * (1 - np.cos(speed * seconds))
    period: Audio = table[(warped * (f0 * _TABLE)).astype(np.int64) % _TABLE]
    return period


def _envelope(voice: Voice, seconds: Audio, duration: float) -> Audio:
    family = _FAMILIES[voice.family]
    attack = min(family.attack * voice.attack, duration / 2)
    fading = np.exp(-np.maximum(seconds - attack, 0) / (family.decay * voice.decay))
    body = family.sustain + (1 - family.sustain) * fading
    release = np.clip((duration + RELEASE - seconds) / RELEASE, 0, 1)
    envelope: Audio = np.minimum(seconds / attack, 1) * body * release
    return envelope
