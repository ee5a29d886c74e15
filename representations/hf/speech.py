"""Encoders of a waveform: wav2vec 2.0, HuBERT, WavLM and their kin, MERT, and remote code."""

from __future__ import annotations

from collections.abc import Sequence

from mirbench.benchmark.api import FloatArray, PluginError
from mirbench.representations.hf.network import Network, States, hidden_states


class WaveformEncoder(Network):
    """An encoder whose feature extractor keeps the waveform, normalised, or makes frames of it.

    Of clips of one length, no frame is of padding; where a feature extractor
    fills up the last frame nevertheless (wav2vec2-bert's, to two), its mask says so.
    """

    def run(self, audios: Sequence[FloatArray]) -> States:
        """Run the model on clips of one length; all hidden states."""
        if getattr(self.model.config, "add_adapter", False):
            # Whose rate is another one, so that nothing could take the last state's place.
            raise PluginError("the encoder has an adapter after its last layer, and is not run")
        features = self.features(audios)
        states = hidden_states(self.model(**features, output_hidden_states=True))
        mask = features.get("attention_mask")
        if mask is not None and mask.shape[1] == states[0].shape[1]:
            valid = int(mask[0].sum())
            states = [state[:, :valid] for state in states]
        return States(states)
