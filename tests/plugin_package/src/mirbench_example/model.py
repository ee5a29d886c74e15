"""Timbre: a spectrum of 40 bands, the same in decibels, and its cepstrum, each pooled over time.

The cepstrum is that of Davis and Mermelstein (1980), with logarithmic bands in place of mel.

    mirbench run --rep timbre --task waveforms --data data --protocol quick
    mirbench sweep --rep timbre --task waveforms --data data --protocol quick
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

CARD = {
    "title": "Timbre",
    "paper": "https://doi.org/10.1109/TASSP.1980.1163420",
    "licence": "MIT",
    "trained_on": "none",
    "requires": ["numpy"],
}

#: Hz.
SAMPLE_RATE = 16_000

#: Samples per frame, and bands of its spectrum.
FRAME, BANDS = 1024, 40

#: Hz of the lowest band; the highest one ends at half the sample rate.
LOWEST = 50.0

#: Magnitude below which a band is silent.
FLOOR = 1e-5

LAYERS = ("bands", "decibels", "cepstrum")


class Model:
    """What mirbench calls."""

    sample_rate = SAMPLE_RATE
    dims = 2 * BANDS  # numbers per embedding, of one layer

    def __init__(self, chosen: tuple[str, ...], every: bool) -> None:
        self.chosen = chosen
        # Only a model whose embeddings are [n_layers, dims] has names of layers.
        self.layers = chosen if every else ()
        self._weights, self._cosines = _band_weights(), _cosines()

    def embed(self, audio: Array, sr: int) -> Array:
        """Embed mono audio of shape [n_samples]: [dims], or [n_layers, dims] for all layers."""
        bands = self._bands(_frames(audio, sr))
        rows = [_pool(self._layer(bands, layer)) for layer in self.chosen]
        return np.stack(rows) if self.layers else rows[0]

    def embed_batch(self, audios: Sequence[Array], sr: int) -> Array:
        """Embed clips of different lengths at once; each as `embed` does, up to rounding."""
        each = [_frames(audio, sr) for audio in audios]
        ends = np.cumsum([len(frames) for frames in each])[:-1]
        together = self._bands(np.concatenate(each))
        layers = [np.split(self._layer(together, layer), ends) for layer in self.chosen]
        rows = [[_pool(part) for part in clip] for clip in zip(*layers, strict=True)]
        return np.array(rows if self.layers else [clip[0] for clip in rows], np.float32)

    def _bands(self, frames: Array) -> Array:
        """Mean magnitude of each band in each frame: [n_frames, BANDS]."""
        spectrum = np.abs(np.fft.rfft(frames * np.hanning(FRAME), axis=1))
        return (spectrum @ self._weights).astype(np.float32)

    def _layer(self, bands: Array, layer: str) -> Array:
        """Compute what a layer has of each frame: [n_frames, BANDS]."""
        if layer == "bands":
            return bands
        decibels = (20 * np.log10(np.maximum(bands, FLOOR))).astype(np.float32)
        if layer == "decibels":
            return decibels
        return (decibels @ self._cosines).astype(np.float32)


def _frames(audio: Array, sr: int) -> Array:
    """Cut audio into frames; the last one is filled with zeros."""
    if sr != SAMPLE_RATE:  # mirbench always gives the declared rate, others may not
        raise ValueError(f"audio must be at {SAMPLE_RATE} Hz, but is at {sr} Hz")
    count = max(1, -(-len(audio) // FRAME))
    return np.pad(audio, (0, count * FRAME - len(audio))).reshape(count, FRAME)


def _band_weights() -> npt.NDArray[np.float64]:
    """Shares of the bins of a spectrum in triangular bands: [FRAME // 2 + 1, BANDS]."""
    edges = np.geomspace(LOWEST, SAMPLE_RATE / 2, BANDS + 2)
    bins = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)[:, None]
    # Low bands are narrower than a bin, and get what lies between two.
    width = np.maximum(np.diff(edges), SAMPLE_RATE / FRAME)
    rising = (bins - edges[1:-1]) / width[:-1] + 1
    falling = (edges[1:-1] - bins) / width[1:] + 1
    weights = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(weights / weights.sum(axis=0))


def _cosines() -> npt.NDArray[np.float64]:
    """Cosines of the transform from bands to a cepstrum (DCT-II, orthonormal): [BANDS, BANDS]."""
    number = np.arange(BANDS)
    cosines = np.cos(np.pi / BANDS * (number[:, None] + 0.5) * number)
    return np.asarray(cosines * np.where(number == 0, np.sqrt(1 / BANDS), np.sqrt(2 / BANDS)))


def _pool(bands: Array) -> Array:
    """Pool over time: means and standard deviations."""
    return np.concatenate([bands.mean(axis=0), bands.std(axis=0)]).astype(np.float32)


def load_model(device: str = "cpu", layer: str = "decibels", layers: str = "") -> Model:
    """Build the model; the parameters after `device` are those of --rep timbre:key=value.

    Parameters
    ----------
    device : str
        Not used: there is no network.
    layer : str
        One of `LAYERS`.
    layers : str
        ``all``: every layer in one pass, which mirbench sweep asks for.
    """
    if layers not in ("", "all"):
        raise ValueError(f"layers is {layers!r}; leave it out, or say all")
    if layer not in LAYERS:
        raise ValueError(f"layer is {layer!r}; there are: {', '.join(LAYERS)}")
    return Model(LAYERS, every=True) if layers else Model((layer,), every=False)
