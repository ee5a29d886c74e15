"""Resemblyzer: a d-vector, which tells speakers apart, 256-d.

Wan et al., "Generalized end-to-end loss for speaker verification" (ICASSP 2018), as
trained for github.com/CorentinJ/Real-Time-Voice-Cloning and published in
github.com/resemble-ai/Resemblyzer. A mel spectrogram (16 kHz, 40 bands, power, no
logarithm) in pieces of 1.6 s, 1.3 of which begin per second; three LSTM layers; the last
state of the last one through a linear layer and ReLU, scaled to length one. The embedding
is the mean over pieces, scaled to length one again.

As in the original, quiet clips are raised to -30 dB; its cutting of passages without a
voice is left out, since music has none for long.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mirbench.benchmark.api import FloatArray, weights_file
from mirbench_wheels._files import check_shapes, read_checkpoint

CARD = {
    "title": "Resemblyzer (d-vector)",
    "paper": "Wan et al., ICASSP 2018, arXiv:1710.10467",
    "licence": "Apache 2.0",
    "trained_on": "LibriSpeech (other), VoxCeleb1, VoxCeleb2",
    "requires": ["torch", "librosa"],
    "parameters": 1_423_616,
    "weights": {
        "pretrained": {
            "licence": "Apache 2.0",
            "package": "resemblyzer",
            "install": "pip install --no-deps Resemblyzer==0.1.4",
            "files": {
                "pretrained.pt": {
                    "source": "https://github.com/resemble-ai/Resemblyzer/raw/master/"
                    "resemblyzer/pretrained.pt",
                    "bytes": 17_090_379,
                    "sha256": "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
                },
            },
        },
    },
}

RATE = 16_000
HOP = 160
WIDTH = 256
BANDS = 40
#: Frames of a piece, and from the beginning of one to that of the next (1.3 per second).
PIECE, STEP = 160, 77
#: Part of the last piece that must be audio.
COVERAGE = 0.75
LOUDNESS = -30.0  # dB


class Resemblyzer:
    """Mean over pieces of 1.6 s of the state after the last frame."""

    sample_rate = RATE
    dims = WIDTH

    def __init__(self, weights: Mapping[str, Any], device: str = "cpu") -> None:
        import torch

        self.device = torch.device(device)
        self.lstm = torch.nn.LSTM(BANDS, WIDTH, 3, batch_first=True)
        self.linear = torch.nn.Linear(WIDTH, WIDTH)
        network = torch.nn.ModuleDict({"lstm": self.lstm, "linear": self.linear})
        network.load_state_dict(dict(weights))
        network.to(self.device).eval()

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent audio ``[n_samples]`` as float32 ``[256]``, of length one."""
        import torch

        with torch.inference_mode():
            pieces = torch.from_numpy(self.pieces(audio)).to(self.device)
            _, (hidden, _) = self.lstm(pieces)
            vectors = torch.nn.functional.normalize(self.linear(hidden[-1]).relu())
            mean = torch.nn.functional.normalize(vectors.mean(0), dim=0)
            embedding: FloatArray = mean.cpu().numpy()
        return embedding

    def pieces(self, audio: FloatArray) -> FloatArray:
        """Mel spectrograms of the pieces, shape [n_pieces, 160, 40]."""
        import librosa

        audio = louder(audio)
        starts = piece_starts(len(audio))
        end = (starts[-1] + PIECE) * HOP
        audio = np.pad(audio, (0, max(0, end - len(audio))))
        mel = librosa.feature.melspectrogram(
            y=audio, sr=RATE, n_fft=400, hop_length=HOP, n_mels=BANDS
        )
        frames = mel.T.astype(np.float32)
        return np.stack([frames[start : start + PIECE] for start in starts])


def louder(audio: FloatArray) -> FloatArray:
    """Raise audio to an RMS of -30 dB, unless it is silent or louder already."""
    level = float(np.sqrt(np.mean(audio.astype(np.float64) ** 2)))
    if level == 0:
        return audio
    gain = 10 ** (LOUDNESS / 20) / level
    return (audio * gain).astype(np.float32) if gain > 1 else audio


def piece_starts(n_samples: int) -> list[int]:
    """Give the first frame of each piece of a clip; there is at least one piece."""
    n_frames = -(-(n_samples + 1) // HOP)
    starts = list(range(0, max(1, n_frames - PIECE + STEP + 1), STEP))
    covered = (n_samples - starts[-1] * HOP) / (PIECE * HOP)
    return starts[:-1] if covered < COVERAGE and len(starts) > 1 else starts


def load_model(device: str = "cpu") -> Resemblyzer:
    """Give the representation."""
    from safetensors.torch import load_file

    return Resemblyzer(load_file(weights_file("resemblyzer", "pretrained")), device)


def convert_weights(name: str, files: Mapping[str, Path]) -> dict[str, Any]:
    """Read the tensors of the network from the checkpoint of the training."""
    state = read_checkpoint(files["pretrained.pt"], "model_state")
    shapes: dict[str, tuple[int, ...]] = {"linear.weight": (WIDTH, WIDTH), "linear.bias": (WIDTH,)}
    for layer in range(3):
        shapes[f"lstm.weight_ih_l{layer}"] = (4 * WIDTH, WIDTH if layer else BANDS)
        shapes[f"lstm.weight_hh_l{layer}"] = (4 * WIDTH, WIDTH)
        shapes[f"lstm.bias_ih_l{layer}"] = (4 * WIDTH,)
        shapes[f"lstm.bias_hh_l{layer}"] = (4 * WIDTH,)
    check_shapes(state, shapes)
    return {key: state[key] for key in shapes}
