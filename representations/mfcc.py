"""MFCC: mel-frequency cepstral coefficients and their change over time, 120-d.

The handcrafted representation of timbre in Castellon, Donahue & Liang (ISMIR
2021): audio at 22,050 Hz divided by its peak, 20 coefficients of
`librosa.feature.mfcc` with a hop of 512 and defaults otherwise, then mean and
standard deviation over time of the features and of their first and second
differences.
"""

from __future__ import annotations

from mirbench.benchmark.api import FloatArray
from mirbench.representations._statistics import moments_over_time, normalised, quiet

CARD = {
    "title": "MFCC",
    "paper": "Castellon, Donahue & Liang, ISMIR 2021; McFee et al., librosa, SciPy 2015",
    "licence": "ISC (librosa)",
    "trained_on": "none",
    "requires": ["librosa"],
}


class Mfcc:
    """Twenty coefficients, six statistics each."""

    sample_rate = 22_050
    dims = 120

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent audio ``[n_samples]`` as float32 ``[120]``."""
        import librosa

        with quiet():
            mfcc = librosa.feature.mfcc(y=normalised(audio), sr=sr, n_mfcc=20, hop_length=512)
        return moments_over_time(mfcc)


def load_model(device: str = "cpu") -> Mfcc:
    """Give the representation; it runs on the CPU whatever the device."""
    return Mfcc()
