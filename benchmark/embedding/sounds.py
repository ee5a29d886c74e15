"""Synthetic audio, the same in every process and with every version of every library."""

from __future__ import annotations

import numpy as np

from mirbench.benchmark.api import FloatArray

#: Seconds of one chord.
CHORD = 0.5

#: Notes of a chord.
_VOICES = 3


def chords(seconds: float, rate: int, seed: int = 0) -> FloatArray:
    """Synthesise chords of three tones, a new one every half second, over faint noise.

    The first is the loudest, so that no change of the end changes the peak.

    Parameters
    ----------
    seconds : float
        Duration; whole samples of it.
    rate : int
        Samples per second.
    seed : int
        Which chords.

    Returns
    -------
    ndarray of float32, shape [n_samples]
        Within [-1, 1].
    """
    # Streams of RandomState are frozen; those of newer generators may change.
    draw = np.random.RandomState(seed)
    n = round(seconds * rate)
    audio = draw.uniform(-0.01, 0.01, n)
    size = max(1, int(CHORD * rate))
    for number, first in enumerate(range(0, n, size)):
        times = np.arange(first, min(first + size, n)) / rate
        pitches = 220 * 2 ** (draw.randint(0, 24, _VOICES) / 12)
        level = 0.08 if number else 0.2
        for pitch in pitches:
            audio[first : first + size] += level * np.sin(2 * np.pi * pitch * times)
    return audio.astype(np.float32)


def like_noise(audio: FloatArray) -> FloatArray:
    """Make noise of the mean and power of a passage.

    In its place, it leaves as it is what is normalised by mean, power or peak of the whole.
    """
    noise = np.random.RandomState(1).uniform(-1, 1, len(audio))
    noise -= noise.mean()
    noise *= audio.std(dtype=np.float64) / noise.std()
    return np.asarray(noise + audio.mean(dtype=np.float64), dtype=np.float32)
