"""How the six kinds of percussion sound: one hit of each."""

from __future__ import annotations

import numpy as np

from mirbench.tasks._rendered.corpus import SAMPLE_RATE
from mirbench.tasks._theory.sounds import Drum
from mirbench.tasks._theory.tones import Audio, noise

#: Seconds of a hit, the last fifth of it fading out.
LENGTH = 0.3


def hit(drum: Drum) -> Audio:
    """Synthesise a hit of a percussion sound.

    Returns
    -------
    ndarray of float64, shape [6615]
        0.3 s; the sounds of all kinds have the same energy.
    """
    seconds = np.arange(round(LENGTH * SAMPLE_RATE)) / SAMPLE_RATE
    sound: Audio = _KINDS[drum.kind](seconds, drum)
    sound = sound * np.clip((LENGTH - seconds) / (LENGTH / 5), 0, 1)
    sound *= np.sqrt(0.02 * SAMPLE_RATE / np.sum(sound**2))
    return sound


def _wood(t: Audio, drum: Drum) -> Audio:
    partials: Audio = np.sin(2 * np.pi * 900 * drum.frequency * t)
    partials += 0.5 * np.sin(2 * np.pi * 2330 * drum.frequency * t)
    partials *= np.exp(-t / (0.02 * drum.decay))
    return partials


def _drum(t: Audio, drum: Drum) -> Audio:
    phase = 2 * np.pi * drum.frequency * (90 * t - 4 * np.exp(-t / 0.03))
    skin: Audio = np.sin(phase) * np.exp(-t / (0.07 * drum.decay))
    return skin + 0.1 * _burst(t, 0.004)


def _click(t: Audio, drum: Drum) -> Audio:
    snap = np.diff(_burst(t, 0.003 * drum.decay), prepend=0)
    return snap + 0.3 * np.sin(2 * np.pi * 3000 * drum.frequency * t) * np.exp(-t / 0.003)


def _shaker(t: Audio, drum: Drum) -> Audio:
    from scipy.signal import lfilter

    pole = np.exp(-2 * np.pi * 3500 * drum.frequency / SAMPLE_RATE)
    bright = np.diff(noise(len(t), 1), prepend=0)
    rise = np.minimum(t / 0.015, 1)
    shaken: Audio = lfilter([1 - pole], [1, -pole], bright)
    return shaken * rise * np.exp(-t / (0.04 * drum.decay))


def _bell(t: Audio, drum: Drum) -> Audio:
    ratios = ((1.0, 1.0), (2.756, 0.6), (5.404, 0.35))
    partials = sum(
        (a * np.sin(2 * np.pi * 620 * drum.frequency * r * t) for r, a in ratios), np.zeros(len(t))
    )
    return partials * np.exp(-t / (0.12 * drum.decay))


def _clap(t: Audio, drum: Drum) -> Audio:
    from scipy.signal import lfilter

    bursts = sum(
        ((t >= start) * np.exp(-np.maximum(t - start, 0) / 0.006) for start in (0, 0.011, 0.023)),
        np.zeros(len(t)),
    )
    tail = (t >= 0.023) * np.exp(-np.maximum(t - 0.023, 0) / (0.04 * drum.decay))
    pole = 0.9 * np.exp(2j * np.pi * 1100 * drum.frequency / SAMPLE_RATE)
    band: Audio = lfilter([1], [1, -2 * pole.real, abs(pole) ** 2], noise(len(t), 2))
    return band * (bursts + 0.5 * tail)


def _burst(t: Audio, decay: float) -> Audio:
    return noise(len(t), 3) * np.exp(-t / decay)


_KINDS = {
    "wood": _wood,
    "drum": _drum,
    "click": _click,
    "shaker": _shaker,
    "bell": _bell,
    "clap": _clap,
}
