"""CLAP (Wu et al., ICASSP 2023): one vector of each piece of exactly ten seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mirbench.benchmark.api import FloatArray
from mirbench.representations.hf.network import Network, States


class Clap(Network):
    """The audio encoder: what it pools, and ``projected`` into the space of the texts.

    The feature extractor cuts a random window out of what is longer than ten
    seconds, by NumPy's global generator, and ends what is shorter with silence. So
    pieces are repeated to exactly ten seconds. Checkpoints with feature fusion mark
    a random clip of a batch as a long one: they are run one clip at a time.

    The stages of the encoder have unequal widths, so there are no layers to average.
    """

    has_frames = False

    def __init__(self, model: Any, extractor: Any, device: str) -> None:
        super().__init__(model, extractor, device)
        self.longest = extractor.nb_max_samples / extractor.sampling_rate
        if extractor.truncation == "fusion":
            self.batch = 1

    def run(self, audios: Sequence[FloatArray]) -> States:
        """Run the model on clips of one length: a vector of each, and the projected one."""
        features = self.features([np.resize(a, self.extractor.nb_max_samples) for a in audios])
        pooled = self.model.audio_model(**features).pooler_output
        projected = self.model.audio_projection(pooled)
        return States([pooled[:, None]], {"projected": projected[:, None]})
