"""Model objects, as somebody has them in a notebook."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mirbench.benchmark.api import FloatArray


def spectrum(audio: FloatArray) -> FloatArray:
    """Sixteen bands of the first 64 ms, as the representation ``tinyrep`` of the tests has them."""
    bands = np.array_split(np.abs(np.fft.rfft(audio, 512)), 16)
    return np.log1p([band.mean() for band in bands]).astype(np.float32)


class Spectrum:
    """``tinyrep`` as an object whose weights can change; it counts its calls."""

    sample_rate = 8000
    dims = 16
    heard_seconds = 512 / 8000

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = np.ones(16, np.float32) * np.float32(scale)
        self.calls = 0

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        self.calls += 1
        return self.scale * spectrum(audio)


class Layered(Spectrum):
    """Two layers, of which the second knows nothing."""

    layers = ("bands", "nothing")

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        return np.stack([super().embed(audio, sr), np.zeros(16, np.float32)])


class Batched(Spectrum):
    """Embeddings that depend on their batch."""

    batch_dependent, batch_size = True, 32

    def embed_batch(self, audios: Sequence[FloatArray], sr: int) -> FloatArray:
        rows = np.stack([self.embed(audio, sr) for audio in audios])
        return rows - rows.mean(axis=0)
