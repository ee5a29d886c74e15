"""The networks of CHOI: forward passes only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mirbench.benchmark.api import FloatArray, UnusableClip
from mirbench.representations._inference import Weights, exact, sign_of

RATE = 12_000
SECONDS = 29
HOP = 256
FLOOR_DB = -80.0
#: Max pooling of the five blocks: mel bands, frames.
POOLING = ((2, 4), (3, 4), (2, 5), (2, 4), (4, 4))
EPSILON = 1e-3


class Choi:
    """Five networks of one to five blocks; see `mirbench.representations.choi`.

    Parameters
    ----------
    weights : mapping
        As `mirbench.representations.choi.convert_weights` gives them.
    norm : {"batch", "clip"}
    """

    sample_rate = RATE
    dims = 160
    max_seconds = float(SECONDS)

    def __init__(self, weights: Weights, device: str = "cpu", norm: str = "batch") -> None:
        self.device = torch.device(device)
        self.batch_dependent = norm == "batch"
        self.batch_size = 256 if self.batch_dependent else None
        weights = {
            key: torch.as_tensor(value, device=self.device) for key, value in weights.items()
        }
        self.window, self.mel = weights["window"], weights["mel"]
        self.networks = [
            [_Block(weights, f"{network}.{block}", POOLING[block]) for block in range(network + 1)]
            for network in range(5)
        ]
        self._chunk = 1 if self.device.type == "cpu" else 32

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent audio ``[n_samples]`` as float32 ``[160]``: a batch of one."""
        embedding: FloatArray = self.embed_batch([audio], sr)[0]
        return embedding

    def embed_batch(self, audios: Sequence[FloatArray], sr: int) -> FloatArray:
        """Represent clips of any lengths as float32 ``[n_clips, 160]``.

        Raises
        ------
        UnusableClip
            If a clip is empty.
        """
        with exact():
            decibels = torch.cat([self.decibels(audio) for audio in audios])
            of_what = (0, 1, 2, 3) if self.batch_dependent else (1, 2, 3)
            decibels -= decibels.amax(of_what, keepdim=True)
            decibels.clamp_(min=FLOOR_DB)
            columns = [self._run(network, decibels) for network in self.networks]
            embedding: FloatArray = torch.cat(columns, dim=1).cpu().numpy()
        return embedding

    def decibels(self, audio: FloatArray) -> Tensor:
        """Mel spectrogram of the first 29 s, shape [1, 1, 96, 1360], in dB.

        A shorter clip is repeated and cut.
        """
        if len(audio) == 0:
            raise UnusableClip("the clip holds no audio")
        samples = torch.from_numpy(np.resize(audio[: SECONDS * RATE], SECONDS * RATE)).to(
            self.device
        )
        spectrum = torch.stft(
            samples,
            len(self.window),
            HOP,
            window=self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        power = spectrum.real.square() + spectrum.imag.square()
        return 10 * (self.mel.T @ power)[None, None].clamp(min=1e-10).log10()

    def _run(self, blocks: Sequence[_Block], maps: Tensor) -> Tensor:
        for block in blocks:
            maps = block(maps, self._chunk, self.batch_dependent)
        return maps.mean((2, 3))


class _Block:
    """Convolution, normalisation with the statistics of what comes in, ELU, max pooling.

    The statistics are those of the whole batch, whose maps would be gigabytes.
    But the maximum may be taken first (see `sign_of`), which leaves an eighth, and
    the statistics be gathered clip by clip meanwhile, so that one pass is enough.
    """

    def __init__(self, weights: Weights, name: str, pooling: tuple[int, int]) -> None:
        self.gamma, self.beta = weights[f"{name}.gamma"], weights[f"{name}.beta"]
        sign = sign_of(self.gamma)
        kernel = weights[f"{name}.weight"] * sign[:, None, None, None]
        if kernel.shape[1] == 1:
            # With an idle second channel PyTorch keeps channels last, and pools ten times faster.
            kernel = torch.cat([kernel, torch.zeros_like(kernel)], dim=1)
        self.kernel = kernel.contiguous(memory_format=torch.channels_last)
        self.bias = weights[f"{name}.bias"] * sign
        self.pooling = pooling

    def __call__(self, maps: Tensor, chunk: int, over_batch: bool) -> Tensor:
        """Run on ``[n, channels, bands, frames]``, `chunk` clips at a time."""
        pooled = [
            length // factor for length, factor in zip(maps.shape[2:], self.pooling, strict=True)
        ]
        found = torch.empty(
            (len(maps), len(self.bias), *pooled),
            device=maps.device,
            memory_format=torch.channels_last,
        )
        means, squares = [], []
        for into, part in zip(torch.split(found, chunk), torch.split(maps, chunk), strict=True):
            if part.shape[1] == 1:
                part = functional.pad(part, (0, 0, 0, 0, 0, 1))
            part = part.contiguous(memory_format=torch.channels_last)
            convolved = functional.conv2d(part, self.kernel, self.bias, padding=1)
            means.append(convolved.mean((2, 3)).double())
            squares.append(convolved.square().mean((2, 3)).double())
            into.copy_(functional.max_pool2d(convolved, self.pooling))
        mean, square = torch.cat(means), torch.cat(squares)
        if over_batch:
            mean, square = mean.mean(0, keepdim=True), square.mean(0, keepdim=True)
        scale = self.gamma.abs() / ((square - mean**2).clamp(min=0) + EPSILON).sqrt()
        shift = self.beta - mean * scale
        found.mul_(_per_map(scale)).add_(_per_map(shift))
        return functional.elu(found, inplace=True)


def _per_map(values: Tensor) -> Tensor:
    return values.float()[:, :, None, None]
