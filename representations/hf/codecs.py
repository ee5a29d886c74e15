"""Neural codecs: the latents that their quantiser takes in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch import Tensor

from mirbench.benchmark.api import FloatArray
from mirbench.representations.hf.network import Network, States


class Codec(Network):
    """EnCodec, Mimi and X-Codec: what ``quantizer.encode`` is given while a clip is encoded.

    Names inside these models differ between versions of transformers; this call does not.
    """

    def run(self, audios: Sequence[FloatArray]) -> States:
        """Encode clips of one length; the latents of their frames."""
        with self.overheard() as heard:
            self.model.encode(self.waveforms(audios))
        (latents,) = heard
        return States([latents.transpose(1, 2)])

    def waveforms(self, audios: Sequence[FloatArray]) -> Tensor:
        """Stack clips of one length as the model takes them, ``[n_clips, channels, n_samples]``."""
        values: Tensor = self.features(audios)["input_values"]
        return values

    @contextmanager
    def overheard(self) -> Iterator[list[Tensor]]:
        """Collect what the quantiser is given, each ``[n_clips, dims, n_frames]``."""
        heard: list[Tensor] = []
        quantizer = self.model.quantizer
        encode = quantizer.encode

        def listen(latents: Tensor, *others: Any, **options: Any) -> Any:
            heard.append(latents)
            return encode(latents, *others, **options)

        quantizer.encode = listen
        try:
            yield heard
        finally:
            del quantizer.encode


class EnCodec(Codec):
    """EnCodec (Défossez et al., TMLR 2023).

    The model for 48 kHz is stereo, and divides each second by its level. What is not
    a whole second would be filled up with silence, which that level would be taken
    of, too. So its pieces are as long as the model's own may be without a remainder.
    """

    def __init__(self, model: Any, extractor: Any, device: str) -> None:
        super().__init__(model, extractor, device)
        if model.config.chunk_length is not None:
            self.longest = model.config.chunk_stride / model.config.sampling_rate

    def waveforms(self, audios: Sequence[FloatArray]) -> Tensor:
        """Stack clips of one length, the same in every channel."""
        samples, channels = len(audios[0]), self.model.config.audio_channels
        if channels > 1:
            audios = [np.stack([audio] * channels) for audio in audios]
        return super().waveforms(audios)[..., :samples]


class Dac(Codec):
    """DAC (Kumar et al., NeurIPS 2023), whose quantiser is called as a whole."""

    @contextmanager
    def overheard(self) -> Iterator[list[Tensor]]:
        """Collect what the quantiser is given, each ``[n_clips, dims, n_frames]``."""
        heard: list[Tensor] = []
        handle = self.model.quantizer.register_forward_pre_hook(
            lambda _, arguments: heard.append(arguments[0])
        )
        try:
            yield heard
        finally:
            handle.remove()
