"""Jukebox as a representation: audio in, activations of the prior out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mirbench.benchmark.api import FloatArray, PluginError, UnusableClip, UsageError
from mirbench.representations.jukebox import ONLY_FRAMES, planning
from mirbench.representations.jukebox.precision import exact_products
from mirbench.representations.jukebox.shape import Shape
from mirbench.representations.jukebox.transformer import (
    Block,
    Prior,
    block_shapes,
    make_block,
    table_shapes,
)
from mirbench.representations.jukebox.vqvae import CHUNK_SAMPLES, TopEncoder, vqvae_shapes

DTYPES = {"float32": torch.float32, "float16": torch.float16}


@contextmanager
def _exactly() -> Iterator[None]:
    with exact_products(), torch.inference_mode():
        yield


class Jukebox:
    """Encoder and prior with the weights of one converted file, on one device.

    Parameters
    ----------
    path : Path
        A safetensors file that `weights.convert` filled. On a processor the
        large matrices stay in it, mapped to memory.
    shape : Shape
    layers : sequence of int
        Which layers to give, from 1; what lies above the last is not loaded.
    named : bool
        An embedding has one row a layer, instead of being that of the only layer.
    device : str
    dtype : {"float32", "float16"}
        Of the transformer's matrix products.
    pool : {"mean", "none"}
    """

    def __init__(
        self,
        path: Path,
        shape: Shape,
        layers: Sequence[int],
        named: bool,
        device: str,
        dtype: str,
        pool: str = "mean",
    ) -> None:
        self.sample_rate = shape.sample_rate
        self.heard_seconds = shape.full_seconds
        self.layers = tuple(str(layer) for layer in layers) if named else ()
        self._shape, self._wanted, self._pool = shape, tuple(layers), pool
        self._device, self._dtype = torch.device(device), DTYPES[dtype]
        with _exactly():
            self._encoder, self._prior = _load(
                path, shape, max(layers), self._device, DTYPES[dtype]
            )

    @property
    def dims(self) -> int:
        """Length of one embedding; raises where there is none, only frames."""
        if self._pool == "none":
            raise PluginError(ONLY_FRAMES)
        return self._shape.width

    @property
    def made_with(self) -> dict[str, str]:
        """What the default leaves to the device, for the result row."""
        return {"dtype": str(self._dtype).removeprefix("torch.")}

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent audio ``[n_samples]`` as float32 ``[width]`` or ``[n_layers, width]``.

        With ``pool=none``: ``[n_positions, width]``, as `frames`.
        """
        if self._pool == "none":
            return self.frames(audio, sr)
        embedding: FloatArray = self.embed_batch([audio], sr)[0]
        return embedding

    def embed_batch(self, audios: Sequence[FloatArray], sr: int) -> FloatArray:
        """Represent clips as ``[n_clips, width]`` or ``[n_clips, n_layers, width]``.

        On a GPU, as many are computed at once as fit its free memory.
        """
        with _exactly():
            codes = [self.codes(audio, sr) for audio in audios]
            # Clips of one length stand together, because a batch is as long as its longest.
            order = sorted(range(len(codes)), key=lambda clip: -len(codes[clip]))
            shape = (len(codes), len(self._wanted), self._shape.width)
            pooled = np.empty(shape, dtype=np.float32)
            while order:
                size = min(self._clips_at_once(), len(order))
                batch, order = order[:size], order[size:]
                pooled[batch] = self._pooled([codes[clip] for clip in batch])
        if not np.isfinite(pooled).all() and self._dtype == torch.float16:
            raise PluginError("float16 overflowed; use the parameter dtype=float32")
        return pooled if self.layers else pooled[:, 0]

    def frames(self, audio: FloatArray, sr: int) -> FloatArray:
        """Activations of the wanted layer before pooling, float32 ``[n_positions, width]``."""
        kept: list[Tensor] = []

        def keep(number: int, x: Tensor) -> None:
            if number == self._wanted[-1]:
                kept.append(x[0].cpu())

        with _exactly():
            self._prior.run(self.codes(audio, sr)[None], keep)
        frames: FloatArray = kept[0].numpy()
        return frames

    def codes(self, audio: FloatArray, sr: int) -> Tensor:
        """Codes of the top level, int64 ``[n_positions]``, at most as many as the prior reads.

        Raises
        ------
        UnusableClip
            If the clip is shorter than one code.
        """
        if sr != self.sample_rate:
            raise UsageError(f"jukebox wants audio at {self.sample_rate} Hz, not {sr} Hz")
        if len(audio) < self._shape.hop:
            raise UnusableClip(
                f"it has {len(audio)} samples, and Jukebox needs {self._shape.hop} for one code"
            )
        peak = np.abs(audio).max()
        start = audio[: self._shape.crop_seconds * self._shape.sample_rate]
        scaled = np.ascontiguousarray(start / peak if peak > 0 else start, dtype=np.float32)
        with _exactly():
            return self._encoder.codes(torch.tensor(scaled, device=self._device))

    def note(self, audio: FloatArray, sr: int) -> str | None:
        """Tell the result row of a clip that does not fill the prior's window."""
        if len(audio) // self._shape.hop >= self._shape.n_ctx:
            return None
        return f"shorter than {self._shape.full_seconds:.2f} s"

    def _clips_at_once(self) -> int:
        if self._device.type != "cuda":
            return 1
        free = planning.free_bytes(self._device)
        return planning.clips_at_once(self._shape, self._dtype, free)

    def _pooled(self, codes: Sequence[Tensor]) -> FloatArray:
        """Give means over time ``[n_clips, n_layers, width]``; where memory ends, by halves."""
        try:
            return self._pooled_together(codes)
        except torch.OutOfMemoryError:
            if len(codes) == 1:
                raise
        half = len(codes) // 2
        return np.concatenate([self._pooled(codes[:half]), self._pooled(codes[half:])])

    def _pooled_together(self, codes: Sequence[Tensor]) -> FloatArray:
        means: list[Tensor] = []

        def pool(number: int, x: Tensor) -> None:
            if number in self._wanted:
                each = [x[clip, : len(own)].mean(0) for clip, own in enumerate(codes)]
                means.append(torch.stack(each))

        self._prior.run(torch.nn.utils.rnn.pad_sequence(list(codes), batch_first=True), pool)
        pooled: FloatArray = torch.stack(means, 1).cpu().numpy()
        return pooled


def _load(
    path: Path, shape: Shape, layers: int, device: torch.device, dtype: torch.dtype
) -> tuple[TopEncoder, Prior]:
    from safetensors import safe_open

    on_gpu = device.type == "cuda"
    with safe_open(path, framework="pt", device=str(device)) as file:

        def read(names: Mapping[str, Any]) -> dict[str, Tensor]:
            return {name: file.get_tensor(name) for name in names}

        encoder = TopEncoder(shape, read(vqvae_shapes(shape)), None if on_gpu else CHUNK_SAMPLES)
        blocks: list[Block] = []
        for number in range(layers):
            tensors = read(block_shapes(shape, number))
            blocks.append(make_block(shape, tensors, number, pad_heads=on_gpu))
        return encoder, Prior(shape, read(table_shapes(shape)), blocks, dtype)
