"""The encoder of CLMR (SampleCNN): forward passes only."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mirbench.benchmark.api import FloatArray, UnusableClip
from mirbench.representations._inference import Weights, exact, in_chunks

RATE = 22_050


class Clmr:
    """A vector per frame of 2.7 seconds; see `mirbench.representations.clmr`.

    Parameters
    ----------
    weights : mapping
        As `mirbench.representations.clmr.convert_weights` gives them.
    frame : int
        In samples.
    """

    sample_rate = RATE
    dims = 512

    def __init__(self, weights: Weights, device: str = "cpu", frame: int = 59_409) -> None:
        self.device = torch.device(device)
        self.frame = frame
        self.convolutions = [
            tuple(
                torch.as_tensor(weights[f"{number}.{part}"], device=self.device)
                for part in ("weight", "bias")
            )
            for number in range(11)
        ]
        self._chunk = 1 if self.device.type == "cpu" else 64

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent audio ``[n_samples]`` as float32 ``[512]``."""
        embedding: FloatArray = self.embed_batch([audio], sr)[0]
        return embedding

    def embed_batch(self, audios: Sequence[FloatArray], sr: int) -> FloatArray:
        """Represent clips of any lengths as float32 ``[n_clips, 512]``.

        Raises
        ------
        UnusableClip
            If a clip is not longer than a frame.
        """
        with exact():
            frames = [self.frames(audio) for audio in audios]
            found = in_chunks(self.encode, torch.cat(frames), self._chunk)
            counts = [len(of_clip) for of_clip in frames]
            means = [of_clip.mean(0) for of_clip in torch.split(found, counts)]
            embedding: FloatArray = torch.stack(means).cpu().numpy()
        return embedding

    def frames(self, audio: FloatArray) -> Tensor:
        """Consecutive frames of a clip but the last, complete or not, shape [n_frames, frame]."""
        count = (len(audio) - 1) // self.frame
        if count < 1:
            raise UnusableClip(
                f"CLMR needs more than {self.frame / RATE:.2f} s of audio ({self.frame} samples), "
                f"this clip has {len(audio) / RATE:.2f} s"
            )
        samples = torch.from_numpy(audio[: count * self.frame]).to(self.device)
        return samples.reshape(count, self.frame)

    def encode(self, frames: Tensor) -> Tensor:
        """Encode ``[n, frame]`` as ``[n, 512]``."""
        maps = frames[:, None]
        for number, (weight, bias) in enumerate(self.convolutions):
            first, last = number == 0, number == 10
            maps = functional.conv1d(
                maps, weight, bias, stride=3 if first else 1, padding=0 if first else 1
            )
            if not (first or last):
                maps = functional.max_pool1d(maps, 3)  # before ReLU: the same, of fewer numbers
            maps = functional.relu(maps)
        return maps.flatten(1)
