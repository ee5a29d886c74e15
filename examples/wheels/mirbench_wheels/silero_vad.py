"""Silero VAD: the state of a network that hears whether somebody speaks, 128-d.

Silero Team, "Silero VAD: pre-trained enterprise-grade voice activity detector"
(github.com/snakers4/silero-vad), version 6 at 16 kHz. Blocks of 32 ms, each with the
4 ms before it, go through a short-time Fourier transform, convolutions and an LSTM that
runs through the whole clip. The embedding is the mean over blocks of the LSTM's output,
which the last layer turns into the probability of speech.

The network is the one in the wheel, run by ONNX Runtime, a block at a time. (The file of
safetensors beside it holds other numbers.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mirbench.benchmark.api import FloatArray
from mirbench_wheels._files import wheel_file

CARD = {
    "title": "Silero VAD",
    "paper": "Silero Team, github.com/snakers4/silero-vad, 2024",
    "licence": "MIT",
    "trained_on": "speech in more than 6,000 languages, not published",
    "requires": ["onnxruntime", "silero_vad"],
    "install": "pip install onnxruntime && pip install --no-deps silero-vad==6.2.3",
    "parameters": 309_633,
}

RATE = 16_000
BLOCK, CONTEXT = 512, 64
WIDTH = 128
FILE = "silero_vad_16k_op15.onnx"
SHA256 = "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49"


class SileroVad:
    """Mean over blocks of 32 ms of the LSTM's output."""

    sample_rate = RATE
    dims = WIDTH

    def __init__(self, path: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session: Any = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent audio ``[n_samples]`` as float32 ``[128]``."""
        states = np.stack([state for _, state in self._blocks(audio)])
        return states.mean(0, dtype=np.float64).astype(np.float32)

    def speech(self, audio: FloatArray) -> FloatArray:
        """Probability of speech in each block, shape [n_blocks]."""
        return np.array([speech for speech, _ in self._blocks(audio)], np.float32)

    def _blocks(self, audio: FloatArray) -> Iterator[tuple[float, FloatArray]]:
        padded = np.pad(audio, (CONTEXT, -len(audio) % BLOCK)).astype(np.float32)
        state = np.zeros((2, 1, WIDTH), np.float32)
        for start in range(0, len(padded) - CONTEXT, BLOCK):
            block = padded[None, start : start + CONTEXT + BLOCK]
            inputs = {"input": block, "state": state, "sr": np.array(RATE)}
            speech, state = self.session.run(None, inputs)
            yield float(speech[0, 0]), state[0, 0]


def load_model(device: str = "cpu") -> SileroVad:
    """Give the representation; it runs on the CPU whatever the device."""
    return SileroVad(str(wheel_file("silero-vad", FILE, SHA256, CARD["install"])))
