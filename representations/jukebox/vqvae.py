"""The VQ-VAE's top level: audio to codes.

Jukebox encodes audio with three independent encoders. The prior of the top
level reads the codes of the third alone, so only that one and its codebook
are here. Audio is encoded in chunks that overlap by the encoder's reach, which
gives the codes of one pass over the whole with memory that stays in the cache.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from mirbench.representations.jukebox.shape import Shape

ENCODER = "encoders.2.level_blocks"
CODEBOOK = "bottleneck.level_blocks.2.k"

#: Samples encoded at once on a processor; a GPU takes a clip whole.
CHUNK_SAMPLES = 131_072


def vqvae_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors that are needed of the checkpoint."""
    width = shape.conv_width
    shapes: dict[str, tuple[int, ...]] = {CODEBOOK: (shape.codes, shape.code_width)}
    for block, downs in enumerate(shape.downs):
        for stage in range(downs):
            name = f"{ENCODER}.{block}.model.{stage}"
            first = (1 if block == 0 else shape.code_width) if stage == 0 else width
            shapes[f"{name}.0.weight"] = (width, first, 4)
            shapes[f"{name}.0.bias"] = (width,)
            for unit in range(shape.conv_depth):
                for part, kernel in ((1, 3), (3, 1)):
                    shapes[f"{name}.1.model.{unit}.model.{part}.weight"] = (width, width, kernel)
                    shapes[f"{name}.1.model.{unit}.model.{part}.bias"] = (width,)
        shapes[f"{ENCODER}.{block}.model.{downs}.weight"] = (shape.code_width, width, 3)
        shapes[f"{ENCODER}.{block}.model.{downs}.bias"] = (shape.code_width,)
    return shapes


def reach(shape: Shape) -> int:
    """How many samples a code sees on either side of its own: 10,455 for ``5b``."""
    step, samples = 1, shape.hop - 1
    for downs in shape.downs:
        for _ in range(downs):
            step *= 2
            samples += step * sum(shape.dilation_growth**unit for unit in range(shape.conv_depth))
        samples += step
    return samples


class TopEncoder:
    """Encoder and codebook of the top level, on one device, in float32.

    Parameters
    ----------
    shape : Shape
    weights : mapping
        The tensors of `vqvae_shapes`.
    chunk : int or None
        Samples encoded at once, a multiple of the hop; None: all.
    """

    def __init__(self, shape: Shape, weights: Mapping[str, Tensor], chunk: int | None) -> None:
        self.shape = shape
        self._weights = weights
        self._codebook = weights[CODEBOOK].t().contiguous()
        self._codebook_squares = (self._codebook**2).sum(0, keepdim=True)
        self._chunk = chunk
        self._halo = -(-reach(shape) // shape.hop) * shape.hop

    def codes(self, audio: Tensor) -> Tensor:
        """Encode audio.

        Parameters
        ----------
        audio : Tensor of float32, shape [n_samples]

        Returns
        -------
        Tensor of int64, shape [n_codes]
            One code per `Shape.hop` samples, at most `Shape.n_ctx`.
        """
        hop = self.shape.hop
        count = min(len(audio) // hop, self.shape.n_ctx)
        step = max(1, (self._chunk or len(audio)) // hop)
        found = [audio.new_zeros(0, dtype=torch.int64)]
        for first in range(0, count, step):
            last = min(first + step, count)
            begin = max(0, first * hop - self._halo)
            features = self.features(audio[begin : last * hop + self._halo])
            skipped = first - begin // hop
            found.append(self._nearest(features[:, skipped : skipped + last - first]))
        return torch.cat(found)

    def features(self, audio: Tensor) -> Tensor:
        """Encode audio ``[n_samples]`` in one pass as ``[code_width, n_samples // hop]``."""
        x = audio[None, None]
        for block, downs in enumerate(self.shape.downs):
            for stage in range(downs):
                name = f"{ENCODER}.{block}.model.{stage}"
                x = self._convolve(x, f"{name}.0", stride=2, padding=1)
                for unit in range(self.shape.conv_depth):
                    x = self._residual_unit(x, f"{name}.1.model.{unit}.model", unit)
            x = self._convolve(x, f"{ENCODER}.{block}.model.{downs}", padding=1)
        return x[0]

    def _residual_unit(self, x: Tensor, name: str, unit: int) -> Tensor:
        dilation = self.shape.dilation_growth**unit
        y = self._convolve(functional.relu(x), f"{name}.1", padding=dilation, dilation=dilation)
        return self._convolve(functional.relu_(y), f"{name}.3").add_(x)

    def _convolve(self, x: Tensor, name: str, **options: int) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.conv1d(x, weight, bias, **options)

    def _nearest(self, features: Tensor) -> Tensor:
        rows = features.t()
        squares = (rows**2).sum(1, keepdim=True)
        return ((squares - 2 * rows @ self._codebook) + self._codebook_squares).argmin(1)
