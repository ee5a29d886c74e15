"""Encoders of a window of fixed length: AST, Whisper's encoder and that of Qwen2-Audio.

What is shorter is filled up, so only the frames of the clip count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mirbench.benchmark.api import FloatArray
from mirbench.representations.hf.network import Network, States, hidden_states


class SpectrogramTransformer(Network):
    """AST (Gong et al., Interspeech 2021): tokens of patches of 16 mel bands and 16 frames.

    The mean is over the two tokens of the whole (class, distillation) and those
    of the patches that lie in the clip; ``pooled`` is what the classifier takes in.
    """

    #: Seconds from frame to frame, and length of one, of the feature extractor.
    HOP, WINDOW = 0.01, 0.025

    def __init__(self, model: Any, extractor: Any, device: str) -> None:
        super().__init__(model, extractor, device)
        self.longest = self.HOP * extractor.max_length

    def run(self, audios: Sequence[FloatArray]) -> States:
        """Run the model on clips of one length; all hidden states, and ``pooled``."""
        output = self.model(**self.features(audios), output_hidden_states=True)
        kept = self._tokens(len(audios[0]))
        states = [state[:, kept] for state in hidden_states(output)]
        return States(states, {"pooled": output.pooler_output[:, None]})

    def _tokens(self, samples: int) -> Tensor:
        """Places of the tokens that see nothing but the clip."""
        config = self.model.config
        hop, window = round(self.rate * self.HOP), round(self.rate * self.WINDOW)
        bands = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
        times = (config.max_length - config.patch_size) // config.time_stride + 1
        frames = 1 + (samples - window) // hop
        valid = (frames - config.patch_size) // config.time_stride + 1
        if valid < 1:
            raise ValueError("no patch lies in the clip")
        grid = torch.arange(bands * times).reshape(bands, times)[:, :valid].flatten()
        return torch.cat([torch.arange(2), 2 + grid]).to(self.device)


class WhisperEncoder(Network):
    """The encoder of Whisper (Radford et al., ICML 2023): 30 s, a frame every 20 ms."""

    def __init__(self, model: Any, extractor: Any, device: str) -> None:
        super().__init__(self.encoder_of(model), extractor, device)
        self.longest = float(extractor.chunk_length)

    def encoder_of(self, model: Any) -> Any:
        """Take the encoder out of the whole model."""
        return model.get_encoder()

    def frames(self, samples: int) -> int:
        """Count the frames that begin in a clip."""
        hop: int = self.extractor.hop_length
        return math.ceil(samples / (2 * hop))

    def run(self, audios: Sequence[FloatArray]) -> States:
        """Run the encoder on clips of one length; all hidden states."""
        features = self.features(audios)["input_features"]
        states = hidden_states(self.model(features, output_hidden_states=True))
        valid = self.frames(len(audios[0]))
        return States([state[:, :valid] for state in states])


class Qwen2AudioEncoder(WhisperEncoder):
    """The audio encoder of Qwen2-Audio (Chu et al. 2024): Whisper's, its last state at 25 Hz.

    As in the whole model, attention is kept off the frames after the clip, and
    the last state has a frame for each whole pair of frames.
    """

    def encoder_of(self, model: Any) -> Any:
        """Take the audio tower out of the whole model, or the tower itself."""
        whole = getattr(model, "model", model)  # where transformers 5 has it
        return getattr(whole, "audio_tower", model).float()

    def run(self, audios: Sequence[FloatArray]) -> States:
        """Run the encoder on clips of one length; all hidden states."""
        features = self.features(audios)["input_features"]
        valid = self.frames(len(audios[0]))
        total = self.model.config.max_source_positions
        mask = torch.zeros(len(audios), 1, total, total, device=self.device)
        mask[..., valid:] = torch.finfo(mask.dtype).min
        output = self.model(features, attention_mask=mask, output_hidden_states=True)
        *states, last = hidden_states(output)
        return States([*(state[:, :valid] for state in states), last[:, : valid // 2]])
