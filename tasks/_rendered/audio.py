"""How the rendered corpus sounds.

Each note is a waveform of `mir_eval.sonify.pitch_contour` with a spectrum and
an envelope that imitate an instrument; drums are `mir_eval.sonify.clicks`
with sounds of our own. Spectra are stylised after Fletcher & Rossing, *The
Physics of Musical Instruments* (1998): the odd partials of the clarinet, the
plucked string, the free bar. They are to be told apart, not to be enjoyed.

The same machine renders the same samples each time; another one may differ
by a rounding. Audio is mono, 22,050 Hz, peak below 1.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirbench.tasks._rendered.bands import Voice
from mirbench.tasks._rendered.corpus import DURATION, SAMPLE_RATE, Piece
from mirbench.tasks._rendered.score import HAT, KICK, SNARE, Note, score

Audio = npt.NDArray[np.float64]

#: Samples of a piece.
N_SAMPLES = round(DURATION * SAMPLE_RATE)
_CONTROL_PERIOD = 0.005
_RELEASE = 0.04
_TABLE = 4096
_HIGHEST = 10_000.0
_CROSSOVER = 1000.0


@dataclass(frozen=True, slots=True)
class _Timbre:
    """An instrument.

    Attributes
    ----------
    spectrum : callable
        Amplitudes of the partials with the numbers given.
    attack, decay : float
        Seconds to the peak, and time constant from there to `sustain`.
    sustain : float
        Amplitude that a held note decays to.
    vibrato : float
        Depth in cents, at 5.5 Hz.
    breath : float
        Amplitude of noise.
    shift : int
        Semitones above the written pitch.
    ratios : tuple of float
        Frequencies of the partials over the fundamental; empty: harmonics.
    """

    spectrum: Callable[[Audio], Audio]
    attack: float
    decay: float
    sustain: float
    vibrato: float = 0.0
    breath: float = 0.0
    shift: int = 0
    ratios: tuple[float, ...] = ()


def _drawbars(n: Audio) -> Audio:
    return np.isin(n, (1, 2, 3, 4, 6, 8)) * n**-0.5


_TIMBRES = {
    "bass": _Timbre(lambda n: n**-1.5, 0.01, 0.5, 0.3),
    "bells": _Timbre(lambda n: n**-1.2, 0.002, 0.6, 0.0, shift=12, ratios=(1, 2.756, 5.404, 8.933)),
    "clarinet": _Timbre(lambda n: np.where(n % 2 == 1, 1, 0.08) * n**-0.9, 0.04, 1.0, 0.9),
    "flute": _Timbre(lambda n: 10 ** (-0.6 * (n - 1)), 0.06, 1.0, 0.9, 15.0, 0.04, shift=12),
    "guitar": _Timbre(lambda n: np.abs(np.sin(np.pi * n / 5)) / n, 0.004, 0.35, 0.0),
    "organ": _Timbre(_drawbars, 0.015, 1.0, 1.0),
    "piano": _Timbre(lambda n: np.abs(np.sin(np.pi * n / 8)) * n**-1.6, 0.006, 0.7, 0.05),
    "strings": _Timbre(lambda n: n**-1.0, 0.12, 1.0, 1.0, 12.0),
    "trumpet": _Timbre(lambda n: np.exp(-(((n - 4) / 4) ** 2)), 0.03, 0.2, 0.7, 6.0),
}


def render(piece: Piece) -> Audio:
    """Synthesise a piece.

    Returns
    -------
    ndarray of float64, shape [264600]
        12 s of audio; its largest magnitude is the band's level.
    """
    stems: dict[str, Audio] = defaultdict(lambda: np.zeros(N_SAMPLES))
    voices = dict(piece.band.voices)
    sounds: dict[tuple[str, int, float], Audio] = {}
    notes = score(piece)
    drums = [note for note in notes if note.instrument == "drums"]
    for note in notes:
        if note.instrument != "drums":
            key = (note.instrument, note.pitch, round(note.duration, 6))
            if key not in sounds:
                sounds[key] = _tone(note, voices[note.instrument], piece.band.tuning)
            _add(stems[note.instrument], sounds[key] * note.velocity, note.onset)
    if drums:
        stems["drums"] = _drum_track(drums, voices["drums"])
    mix = np.zeros(N_SAMPLES)
    for instrument, stem in stems.items():
        mix += _levelled(stem, voices[instrument])
    return _master(mix, piece)


def _master(mix: Audio, piece: Piece) -> Audio:
    """Add the band's tone control, background noise and level."""
    from scipy.signal import lfilter

    pole = np.exp(-2 * np.pi * _CROSSOVER / SAMPLE_RATE)
    low = lfilter([1 - pole], [1, -pole], mix)
    mix = low + piece.band.treble * (mix - low)
    rng = np.random.default_rng([*piece.id.encode()])
    mix = mix + piece.band.noise * np.abs(mix).max() * rng.standard_normal(N_SAMPLES)
    audio: Audio = piece.band.level * mix / np.abs(mix).max()
    return audio


def _levelled(stem: Audio, voice: Voice) -> Audio:
    """Bring a stem to its place in the mix, so that no instrument hides another."""
    return stem * voice.gain / max(float(np.sqrt(np.mean(stem**2))), 1e-9)


def _add(stem: Audio, sound: Audio, onset: float) -> None:
    start = round(onset * SAMPLE_RATE)
    part = stem[start : start + len(sound)]
    part += sound[: len(part)]


def _tone(note: Note, voice: Voice, tuning: float) -> Audio:
    """Synthesise one note of a pitched instrument at velocity 1."""
    from mir_eval.sonify import pitch_contour

    timbre = _TIMBRES[note.instrument]
    times = np.arange(0, note.duration + _RELEASE + _CONTROL_PERIOD, _CONTROL_PERIOD)
    cents = tuning + timbre.vibrato * np.sin(2 * np.pi * 5.5 * times)
    frequencies = 440 * 2 ** ((note.pitch + timbre.shift - 69) / 12 + cents / 1200)
    envelope = _envelope(timbre, voice, times, note.duration)
    waveform = _waveform(timbre, voice, float(frequencies[0]))
    tone: Audio = pitch_contour(times, frequencies, SAMPLE_RATE, envelope, waveform)
    if timbre.breath:
        seconds = np.arange(len(tone)) / SAMPLE_RATE
        tone += timbre.breath * _noise(len(tone)) * np.interp(seconds, times, envelope)
    return tone


def _envelope(timbre: _Timbre, voice: Voice, times: Audio, duration: float) -> Audio:
    attack = min(timbre.attack * voice.attack, duration / 2)
    fading = np.exp(-np.maximum(times - attack, 0) / (timbre.decay * voice.decay))
    body = timbre.sustain + (1 - timbre.sustain) * fading
    release = np.clip((duration + _RELEASE - times) / _RELEASE, 0, 1)
    envelope: Audio = np.minimum(times / attack, 1) * body * release
    return envelope


def _waveform(timbre: _Timbre, voice: Voice, frequency: float) -> Callable[[Audio], Audio]:
    """Waveform as a function of phase in radians, without partials that would alias."""
    highest = max(1, int(_HIGHEST / frequency))
    if timbre.ratios:
        ratios = np.array([ratio for ratio in timbre.ratios if ratio <= highest])
        bars = _amplitudes(timbre, voice, len(ratios))
        return lambda phase: sum(
            (a * np.sin(r * phase) for a, r in zip(bars, ratios, strict=True)), np.zeros(len(phase))
        )
    spectrum = np.zeros(_TABLE // 2 + 1, dtype=np.complex128)
    spectrum[1 : highest + 1] = _amplitudes(timbre, voice, highest) * -0.5j * _TABLE
    table = np.fft.irfft(spectrum)
    return lambda phase: table[(phase * (_TABLE / (2 * np.pi))).astype(np.int64) % _TABLE]


def _amplitudes(timbre: _Timbre, voice: Voice, n_partials: int) -> Audio:
    numbers = np.arange(1.0, n_partials + 1)
    amplitudes = timbre.spectrum(numbers) * numbers**voice.tilt
    unit: Audio = amplitudes / np.sqrt(np.sum(amplitudes**2))
    return unit


def _drum_track(notes: list[Note], voice: Voice) -> Audio:
    from mir_eval.sonify import clicks

    track = np.zeros(N_SAMPLES)
    for drum, sound in _drum_kit(voice).items():
        hits = [note for note in notes if note.pitch == drum]
        times = np.array([note.onset for note in hits])
        track += hits[0].velocity * clicks(times, SAMPLE_RATE, click=sound, length=N_SAMPLES)
    return track


def _drum_kit(voice: Voice) -> dict[int, Audio]:
    """Make the sound of each drum: a falling sine, noise over a tone, bright noise."""
    t = np.arange(round(0.25 * SAMPLE_RATE)) / SAMPLE_RATE
    noise = _noise(len(t))
    end = np.clip((0.25 - t) / 0.05, 0, 1)
    pitch = 2**voice.tilt
    kick = np.sin(2 * np.pi * pitch * (55 * t - 3 * np.exp(-t / 0.03)))
    body = np.sin(2 * np.pi * 185 * pitch * t)
    return {
        KICK: end * 1.5 * kick * np.exp(-t / (0.08 * voice.decay)),
        SNARE: end * (0.4 * noise + 0.5 * body) * np.exp(-t / (0.06 * voice.decay)),
        HAT: end * 0.4 * np.diff(noise, prepend=0) * np.exp(-t / (0.02 * voice.decay)),
    }


def _noise(n_samples: int) -> Audio:
    return _long_noise()[:n_samples]


@functools.cache
def _long_noise() -> Audio:
    return np.random.default_rng(0).standard_normal(N_SAMPLES)
