"""PESTO: a pitch tracker that was trained without labels, 657-d.

Riou et al., "PESTO: Pitch estimation with self-supervised transposition-equivariant
objective" (ISMIR 2023; github.com/SonyCSLParis/pesto), the model mir-1k_g7. A constant-Q
transform with three bins per semitone, in dB, whose low bins are short (gamma = 7), goes
frame by frame through convolutions along frequency. The embedding is the mean over frames
of what the last, Toeplitz layer sees: three maps of 219 bins.

``step`` is the time from frame to frame in ms; PESTO takes 10.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mirbench.benchmark.api import FloatArray, UnusableClip, UsageError, weights_file
from mirbench_wheels._files import check_shapes, read_checkpoint

CARD = {
    "title": "PESTO",
    "paper": "Riou et al., ISMIR 2023, arXiv:2309.02265",
    "licence": "LGPL 3.0",
    "trained_on": "MIR-1K",
    "requires": ["torch"],
    "parameters": 130_461,
    "weights": {
        "mir-1k_g7": {
            "licence": "LGPL 3.0",
            "package": "pesto/weights",
            "install": "pip install --no-deps pesto-pitch==2.0.1",
            "files": {
                "mir-1k_g7.ckpt": {
                    "source": "https://github.com/SonyCSLParis/pesto/raw/master/pesto/weights/"
                    "mir-1k_g7.ckpt",
                    "bytes": 534_664,
                    "sha256": "16c32e06ddd950e3e4866dfa3c7f8a87c4988f8adf43e57977b189f031f26f3e",
                },
            },
        },
    },
}

RATE = 22_050
BINS, PER_OCTAVE, GAMMA = 251, 36, 7
#: The middle bin of the lowest semitone is A0.
LOWEST = 27.5 / 2 ** (2 / 72)
#: Bins that are left out at either end, and those that are left.
MARGIN, INNER = 16, 219
TAPS, MAPS, PITCHES = 39, (40, 30, 30, 10, 3), 384
SLOPE = 0.3


class Pesto:
    """Mean over frames of what the last layer sees."""

    sample_rate = RATE
    dims = MAPS[-1] * INNER

    def __init__(self, weights: Mapping[str, Any], device: str = "cpu", step: float = 10) -> None:
        import torch

        self.device = torch.device(device)
        self.hop = int(step * RATE / 1_000 + 0.5)
        self.weights = {key: value.to(self.device) for key, value in weights.items()}
        kernels, self._scale = (torch.from_numpy(a).to(self.device) for a in cqt_kernels())
        self._kernels = torch.cat([kernels.real, -kernels.imag])[:, None].contiguous()

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent audio ``[n_samples]`` as float32 ``[657]``.

        Raises
        ------
        UnusableClip
            If it is too short to be mirrored at its ends.
        """
        import torch

        with torch.inference_mode():
            embedding: FloatArray = self.encode(self.log_cqt(audio)).mean(0).cpu().numpy()
        return embedding

    def pitch_scores(self, audio: FloatArray) -> FloatArray:
        """Probability of each of 384 pitches, a third of a semitone apart, [n_frames, 384]."""
        import torch
        from torch.nn import functional

        with torch.inference_mode():
            seen = self.encode(self.log_cqt(audio))
            kernel = self.weights["encoder.fc.weight"]
            found = functional.conv1d(seen[:, None], kernel, padding=PITCHES - 1)[:, 0].softmax(1)
            shift = round(float(self.weights["shift"]) * PER_OCTAVE / 12)
            scores: FloatArray = found.roll(-shift, 1).cpu().numpy()
        return scores

    def log_cqt(self, audio: FloatArray) -> Any:
        """Magnitudes in dB, shape [1 + n_samples // hop, 251]."""
        import torch
        from torch.nn import functional

        half = self._kernels.shape[2] // 2
        if len(audio) <= half:
            raise UnusableClip(
                f"PESTO needs more than {half / RATE:.2f} s of audio, this clip has "
                f"{len(audio) / RATE:.2f} s"
            )
        samples = torch.tensor(audio, dtype=torch.float32, device=self.device)[None, None]
        mirrored = functional.pad(samples, (half, half), mode="reflect")
        waves = functional.conv1d(mirrored, self._kernels, stride=self.hop)[0].T
        magnitudes = torch.hypot(waves[:, :BINS], waves[:, BINS:]) * self._scale
        return 20 * magnitudes.clamp_min(torch.finfo(torch.float32).eps).log10()

    def encode(self, spectrum: Any) -> Any:
        """Three maps of 219 bins of each frame, ``[n_frames, 657]``."""
        from torch.nn import functional

        weights = {key.removeprefix("encoder."): value for key, value in self.weights.items()}

        def layer(maps: Any, name: str, padding: int) -> Any:
            found = functional.conv1d(
                maps, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=padding
            )
            return functional.leaky_relu(found, SLOPE)

        maps = functional.layer_norm(
            spectrum[:, None, MARGIN:-MARGIN],
            (1, INNER),
            weights["layernorm.weight"],
            weights["layernorm.bias"],
        )
        maps = layer(maps, "conv1.0", TAPS // 2)
        for number in range(2):
            maps = layer(maps, f"prefilt_layers.{number}.0", TAPS // 2) + maps
        for number in range(4):
            maps = layer(maps, f"conv_layers.{3 * number}", 0)
        return maps.flatten(1)


def cqt_kernels() -> tuple[Any, FloatArray]:
    """Kernels of the transform, complex64 [251, length], and the factor of each bin, [251].

    Hann windows of Q periods, less at low frequencies (gamma), each with an L1 norm of one;
    the factor is the root of the window's length, as librosa has it.
    """
    from scipy.signal import get_window

    frequencies = LOWEST * 2.0 ** (np.arange(BINS) / PER_OCTAVE)
    alpha = 2 ** (1 / PER_OCTAVE) - 1
    lengths = np.ceil(RATE / alpha / (frequencies + GAMMA / alpha))
    width = 2 ** int(np.ceil(np.log2(lengths.max())))
    kernels = np.zeros((BINS, width), np.complex64)
    for row, frequency, length in zip(kernels, frequencies, lengths.astype(int), strict=True):
        times = np.arange(-length // 2, length // 2)
        wave = get_window("hann", length) * np.exp(2j * np.pi * times * frequency / RATE)
        start = (width - length + 1) // 2 - length % 2
        row[start : start + length] = wave / np.abs(wave).sum()
    return kernels, np.sqrt(lengths).astype(np.float32)


def load_model(device: str = "cpu", *, step: float = 10) -> Pesto:
    """Give the representation; `step` is in ms."""
    if not 1 <= step <= 100:
        raise UsageError(f"representation 'pesto': step={step} is not between 1 and 100 ms")
    from safetensors.torch import load_file

    return Pesto(load_file(weights_file("pesto", "mir-1k_g7")), device, step)


def convert_weights(name: str, files: Mapping[str, Path]) -> dict[str, Any]:
    """Read the tensors of the encoder; what else the checkpoint holds is not looked at."""
    state = read_checkpoint(files["mir-1k_g7.ckpt"], "state_dict")
    shapes: dict[str, tuple[int, ...]] = {
        "shift": (),
        "encoder.layernorm.weight": (1, INNER),
        "encoder.layernorm.bias": (1, INNER),
        "encoder.fc.weight": (1, 1, MAPS[-1] * INNER + PITCHES - 1),
    }
    convolutions = [("conv1.0", 1, MAPS[0], TAPS)]
    convolutions += [(f"prefilt_layers.{n}.0", MAPS[0], MAPS[0], TAPS) for n in range(2)]
    convolutions += [(f"conv_layers.{3 * n}", MAPS[n], MAPS[n + 1], 1) for n in range(4)]
    for layer, inputs, outputs, taps in convolutions:
        shapes[f"encoder.{layer}.weight"] = (outputs, inputs, taps)
        shapes[f"encoder.{layer}.bias"] = (outputs,)
    check_shapes(state, shapes)
    return {key: state[key] for key in shapes}
