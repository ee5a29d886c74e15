"""Basic Pitch: what a transcriber of notes hears, 440-d.

Bittner et al., "A lightweight instrument-agnostic model for polyphonic note transcription
and multipitch estimation" (ICASSP 2022; github.com/spotify/basic-pitch). Windows of 2 s at
22,050 Hz go through a constant-Q transform and a small convolutional network; the embedding
is the mean over frames of its three outputs: notes (88 keys of a piano), their onsets (88)
and contours of pitch (264, three per semitone).

The network is the one in the wheel, run by ONNX Runtime; windows overlap by 30 frames, of
which each gives half, as in the original.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mirbench.benchmark.api import FloatArray
from mirbench_wheels._files import wheel_file

CARD = {
    "title": "Basic Pitch",
    "paper": "Bittner et al., ICASSP 2022, arXiv:2203.09893",
    "licence": "Apache 2.0",
    "trained_on": "GuitarSet, iKala, MAESTRO, MedleyDB, Slakh",
    "requires": ["onnxruntime", "basic_pitch"],
    "install": "pip install onnxruntime && pip install --no-deps basic-pitch==0.4.0",
    "parameters": 16_782,
}

RATE, HOP = 22_050, 256
WINDOW = 2 * RATE - HOP
#: Frames that two windows have in common; frames per second as the original rounds them.
OVERLAP, FRAMES_PER_SECOND = 30, RATE // HOP
STEP = WINDOW - OVERLAP * HOP
SHA256 = "2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec"
INPUT = "serving_default_input_2:0"
#: Notes, onsets, contours.
OUTPUTS = ["StatefulPartitionedCall:1", "StatefulPartitionedCall:2", "StatefulPartitionedCall:0"]


class BasicPitch:
    """Mean over frames of notes, onsets and contours."""

    sample_rate = RATE
    dims = 88 + 88 + 264

    def __init__(self, path: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session: Any = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent audio ``[n_samples]`` as float32 ``[440]``."""
        return self.frames(audio).mean(0, dtype=np.float64).astype(np.float32)

    def frames(self, audio: FloatArray) -> FloatArray:
        """Give notes, onsets and contours of each frame, shape [n_frames, 440]."""
        inner = slice(OVERLAP // 2, -OVERLAP // 2)
        found = [self._run(window)[inner] for window in windows(audio)]
        whole = int(len(audio) * FRAMES_PER_SECOND / RATE)
        return np.concatenate(found)[: max(1, whole)]

    def _run(self, window: FloatArray) -> FloatArray:
        outputs = self.session.run(OUTPUTS, {INPUT: window[None, :, None]})
        frames: FloatArray = np.concatenate([output[0] for output in outputs], axis=1)
        return frames


def windows(audio: FloatArray) -> Iterator[FloatArray]:
    """Yield windows of 43,844 samples, after half an overlap of silence."""
    before = np.zeros(OVERLAP * HOP // 2, np.float32)
    audio = np.concatenate([before, audio.astype(np.float32)])
    for start in range(0, len(audio), STEP):
        window = audio[start : start + WINDOW]
        yield np.pad(window, (0, WINDOW - len(window)))


def load_model(device: str = "cpu") -> BasicPitch:
    """Give the representation; it runs on the CPU whatever the device."""
    path = wheel_file("basic-pitch", "nmp.onnx", SHA256, CARD["install"])
    return BasicPitch(str(path))
