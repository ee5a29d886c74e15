"""CHROMA: constant-Q chroma and its change over time, 72-d.

The handcrafted representation of pitch content in Castellon, Donahue & Liang
(ISMIR 2021): audio at 22,050 Hz divided by its peak, `librosa.feature.chroma_cqt`
with a hop of 512 and defaults otherwise, then mean and standard deviation over
time of the features and of their first and second differences.
"""

from __future__ import annotations

from mirbench.benchmark.api import FloatArray
from mirbench.representations._statistics import moments_over_time, normalised, quiet

CARD = {
    "title": "CHROMA",
    "paper": "Castellon, Donahue & Liang, ISMIR 2021; McFee et al., librosa, SciPy 2015",
    "licence": "ISC (librosa)",
    "trained_on": "none",
    "requires": ["librosa"],
}


class Chroma:
    """Twelve pitch classes, six statistics each."""

    sample_rate = 22_050
    dims = 72

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent audio ``[n_samples]`` as float32 ``[72]``."""
        import librosa

        with quiet():
            chroma = librosa.feature.chroma_cqt(y=normalised(audio), sr=sr, hop_length=512)
        return moments_over_time(chroma)


def load_model(device: str = "cpu") -> Chroma:
    """Give the representation; it runs on the CPU whatever the device."""
    return Chroma()
