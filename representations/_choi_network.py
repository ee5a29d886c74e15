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
#: Frames of an image whose maps stay in a processor's cache; a multiple of the first pooling.
STRIP = 272

#: Mean [n, 9] and covariance [n, 9, 9] of the pixels of 3 × 3 patches, by image or of all (n = 1).
Moments = tuple[Tensor, Tensor]


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
            moments = _moments_of_patches(decibels, self.batch_dependent)
            columns = [self._run(network, decibels, moments) for network in self.networks]
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

    def _run(self, blocks: Sequence[_Block], image: Tensor, moments: Moments) -> Tensor:
        first, *later = blocks
        maps = first.on_image(image, moments, self._chunk)
        for block in later:
            maps = block.on_maps(maps, self._chunk, self.batch_dependent)
        return maps.mean((2, 3))


class _Block:
    """Convolution, normalisation with the statistics of what comes in, ELU, max pooling.

    The statistics are those of the whole batch, whose maps would be gigabytes.
    But the maximum may be taken first (see `sign_of`), which leaves an eighth, so that
    one pass over the maps is enough. The bias of the convolution has no part in it: the
    normalisation takes it out again.
    """

    def __init__(self, weights: Weights, name: str, pooling: tuple[int, int]) -> None:
        self.gamma, self.beta = weights[f"{name}.gamma"], weights[f"{name}.beta"]
        kernel = weights[f"{name}.weight"] * sign_of(self.gamma)[:, None, None, None]
        if kernel.shape[1] == 1:
            # With an idle second channel PyTorch keeps channels last, and pools ten times faster.
            kernel = torch.cat([kernel, torch.zeros_like(kernel)], dim=1)
        self.kernel = kernel.contiguous(memory_format=torch.channels_last)
        self.pooling = pooling

    def on_image(self, image: Tensor, moments: Moments, chunk: int) -> Tensor:
        """Run the first block on ``[n, 1, bands, frames]``, `chunk` clips at a time.

        Its maps are by far the largest. So they are made in strips, and nothing is done
        with them but take maxima: their statistics follow from those of patches.
        """
        found = self._pooled_like(image)
        strip = STRIP if image.device.type == "cpu" else image.shape[3]
        for into, part in zip(torch.split(found, chunk), torch.split(image, chunk), strict=True):
            padded = functional.pad(part, (1, 1, 1, 1, 0, 1))
            padded = padded.contiguous(memory_format=torch.channels_last)
            for place, kept in enumerate(torch.split(into, strip // self.pooling[1], dim=3)):
                frames = padded[..., place * strip : (place + 1) * strip + 2]
                kept.copy_(
                    functional.max_pool2d(functional.conv2d(frames, self.kernel), self.pooling)
                )
        mean, covariance = moments
        weights = self.kernel[:, 0].flatten(1).double()
        variance = ((weights @ covariance) * weights).sum(2)
        return self._normalise(found, mean @ weights.T, variance)

    def on_maps(self, maps: Tensor, chunk: int, over_batch: bool) -> Tensor:
        """Run a later block on ``[n, channels, bands, frames]``, `chunk` clips at a time."""
        found = self._pooled_like(maps)
        means, squares = [], []
        for into, part in zip(torch.split(found, chunk), torch.split(maps, chunk), strict=True):
            convolved = functional.conv2d(part, self.kernel, padding=1)
            means.append(convolved.mean((2, 3)).double())
            squares.append(convolved.square().mean((2, 3)).double())
            into.copy_(functional.max_pool2d(convolved, self.pooling))
        mean, square = torch.cat(means), torch.cat(squares)
        if over_batch:
            mean, square = mean.mean(0, keepdim=True), square.mean(0, keepdim=True)
        return self._normalise(found, mean, square - mean**2)

    def _pooled_like(self, maps: Tensor) -> Tensor:
        bands, frames = (
            length // factor for length, factor in zip(maps.shape[2:], self.pooling, strict=True)
        )
        shape = (len(maps), len(self.kernel), bands, frames)
        return torch.empty(shape, device=maps.device, memory_format=torch.channels_last)

    def _normalise(self, pooled: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Apply statistics ``[n or 1, channels]``, and ELU."""
        scale = self.gamma.abs() / (variance.clamp(min=0) + EPSILON).sqrt()
        shift = self.beta - mean * scale
        pooled.mul_(_per_map(scale)).add_(_per_map(shift))
        return functional.elu(pooled, inplace=True)


def _moments_of_patches(images: Tensor, over_batch: bool) -> Moments:
    """Mean and covariance of the nine pixels over all 3 × 3 patches, zeros around the image.

    A convolution is a weighted sum of them, so these give the mean and variance of its
    maps, in float64 and for all networks at once.
    """
    means, products = [], []
    for image in images:
        bands, frames = image.shape[1:]
        padded = functional.pad(image[0].double(), (1, 1, 1, 1))
        pixels = torch.stack(
            [padded[y : y + bands, x : x + frames] for y in range(3) for x in range(3)]
        ).flatten(1)
        means.append(pixels.mean(1))
        products.append(pixels @ pixels.T / pixels.shape[1])
    mean, product = torch.stack(means), torch.stack(products)
    if over_batch:
        mean, product = mean.mean(0, keepdim=True), product.mean(0, keepdim=True)
    return mean, product - mean[:, :, None] * mean[:, None, :]


def _per_map(values: Tensor) -> Tensor:
    return values.float()[:, :, None, None]
