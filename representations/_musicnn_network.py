"""The network of MUSICNN: forward passes only."""

from __future__ import annotations

from collections.abc import Sequence

import librosa
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mirbench.benchmark.api import FloatArray, UnusableClip
from mirbench.representations._inference import Weights, exact, in_chunks, sign_of

RATE = 16_000
N_FFT = 512
HOP = 256
BANDS = 96
#: Frames of a patch.
PATCH = 187
#: Channels of the front end.
FRONT = 561


class Musicnn:
    """A vector per patch of 3 seconds; see `mirbench.representations.musicnn`.

    Parameters
    ----------
    weights : mapping
        As `mirbench.representations.musicnn.convert_weights` gives them.
    layers : {"pool", "front", "mid", "dense"}
    """

    sample_rate = RATE

    def __init__(self, weights: Weights, device: str = "cpu", layers: str = "pool") -> None:
        self.device = torch.device(device)
        self.network = Network(
            {key: torch.as_tensor(value, device=self.device) for key, value in weights.items()}
        )
        filters, units = len(weights["mid.0.bias"]), len(weights["dense.bias"])
        self.layers = ("c1", "c2", "c3") if layers == "mid" else ()
        self.dims = {
            "pool": 2 * (FRONT + 3 * filters),
            "front": 2 * FRONT,
            "mid": 2 * filters,
            "dense": units,
        }[layers]
        self._what = layers
        self._mel = librosa.filters.mel(sr=RATE, n_fft=N_FFT, n_mels=BANDS)
        self._chunk = 1 if self.device.type == "cpu" else 64

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent audio ``[n_samples]`` as float32 ``[dims]`` or ``[3, dims]``."""
        embedding: FloatArray = self.embed_batch([audio], sr)[0]
        return embedding

    def embed_batch(self, audios: Sequence[FloatArray], sr: int) -> FloatArray:
        """Represent clips of any lengths as float32 ``[n_clips, dims]`` or ``[n_clips, 3, dims]``.

        Raises
        ------
        UnusableClip
            If a clip has no complete patch.
        """
        with exact():
            patches = [self.patches(audio) for audio in audios]
            found = in_chunks(self._represent, torch.cat(patches), self._chunk)
            counts = [len(of_clip) for of_clip in patches]
            means = [of_clip.mean(0) for of_clip in torch.split(found, counts)]
            embedding: FloatArray = torch.stack(means).cpu().numpy()
        return embedding

    def log_mel(self, audio: FloatArray) -> FloatArray:
        """Log-mel spectrogram, shape [1 + n_samples / 256, 96].

        That of librosa 0.7 with its defaults, when audio was mirrored at its ends.
        The original rounds it to half precision on the way. So the last bit of
        the Fourier transform can matter, and librosa computes it on a GPU's host too.
        """
        spectrum = librosa.stft(audio, n_fft=N_FFT, hop_length=HOP, pad_mode="reflect")
        mel = np.minimum(self._mel @ np.abs(spectrum) ** 2, np.finfo(np.float16).max)
        rounded: FloatArray = mel.T.astype(np.float16).astype(np.float32)
        return np.log10(10_000 * rounded + 1)

    def patches(self, audio: FloatArray) -> Tensor:
        """Complete patches of the log-mel spectrogram, shape [n_patches, 187, 96]."""
        shortest = (PATCH - 1) * HOP
        if len(audio) < shortest:
            raise UnusableClip(
                f"MUSICNN needs at least {shortest / RATE:.2f} s of audio, this clip has "
                f"{len(audio) / RATE:.2f} s"
            )
        frames = torch.from_numpy(self.log_mel(audio)).to(self.device)
        count = len(frames) // PATCH
        return frames[: count * PATCH].reshape(count, PATCH, BANDS)

    def tags(self, audio: FloatArray) -> FloatArray:
        """Probability of each of the 50 tags in each patch, shape [n_patches, 50]."""
        with exact():
            found = in_chunks(self._tags, self.patches(audio), self._chunk)
            probabilities: FloatArray = found.cpu().numpy()
        return probabilities

    def _represent(self, patches: Tensor) -> Tensor:
        maps = self.network.maps(patches)
        if self._what == "front":
            return pool(maps[:, :FRONT])
        if self._what == "mid":
            return torch.stack([pool(c) for c in maps[:, FRONT:].chunk(3, dim=1)], dim=1)
        return self.network.dense(pool(maps)) if self._what == "dense" else pool(maps)

    def _tags(self, patches: Tensor) -> Tensor:
        return self.network.tags(self.network.dense(pool(self.network.maps(patches))))


def pool(maps: Tensor) -> Tensor:
    """Means, then maxima over time: ``[n, channels, frames]`` to ``[n, 2 * channels]``."""
    return torch.cat([maps.mean(2), maps.amax(2)], dim=1)


class Network:
    """From patches of the spectrogram to maps, pooled vectors and tags."""

    def __init__(self, weights: Weights) -> None:
        self.weights = dict(weights)
        for number in range(5):
            name = f"front.{number}"
            sign = sign_of(weights[f"{name}.scale"])
            self.weights[f"{name}.sign"] = sign[:, None]
            kernel = weights[f"{name}.weight"] * sign[:, None, None, None]
            self.weights[f"{name}.weight"] = kernel.transpose(2, 3).contiguous()
        for number in range(3):
            # The original's image of one channel is here a signal of many.
            name = f"mid.{number}.weight"
            self.weights[name] = weights[name][:, 0].transpose(1, 2).contiguous()

    def maps(self, patches: Tensor) -> Tensor:
        """Front end, c1, c2, c3: ``[n, 187, 96]`` to ``[n, 561 + 3 * filters, 187]``."""
        image = patches * self.weights["input.scale"] + self.weights["input.shift"]
        # Time comes last: the maximum over frequency is then one of whole rows.
        image = image.transpose(1, 2)[:, None].contiguous()
        front = torch.cat([self._branch(image, number) for number in range(5)], dim=1)
        c1 = self._convolve(front, 0)
        c2 = self._convolve(c1, 1) + c1
        c3 = self._convolve(c2, 2) + c2
        return torch.cat([front, c1, c2, c3], dim=1)

    def dense(self, pooled: Tensor) -> Tensor:
        """Layer before the tags, of means and then maxima over time of all maps."""
        pooled = pooled * self.weights["pool.scale"] + self.weights["pool.shift"]
        units = functional.linear(pooled, self.weights["dense.weight"], self.weights["dense.bias"])
        return functional.relu(units) * self.weights["dense.scale"] + self.weights["dense.shift"]

    def tags(self, units: Tensor) -> Tensor:
        """Probabilities of the tags."""
        return functional.linear(
            units, self.weights["tags.weight"], self.weights["tags.bias"]
        ).sigmoid()

    def _branch(self, image: Tensor, number: int) -> Tensor:
        """Convolution, ReLU, batch normalisation and maximum over frequency.

        The maximum is taken first, of the convolution times a sign (see `sign_of`).
        """
        name = f"front.{number}"
        kernel = self.weights[f"{name}.weight"]
        around = kernel.shape[3] - 1
        padded = functional.pad(image, (around // 2, around - around // 2))
        extreme = functional.conv2d(padded, kernel).amax(2) * self.weights[f"{name}.sign"]
        return self._activate(extreme + self.weights[f"{name}.bias"][:, None], name)

    def _convolve(self, maps: Tensor, number: int) -> Tensor:
        name = f"mid.{number}"
        kernel, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return self._activate(functional.conv1d(maps, kernel, bias, padding=3), name)

    def _activate(self, maps: Tensor, name: str) -> Tensor:
        scale, shift = self.weights[f"{name}.scale"], self.weights[f"{name}.shift"]
        return functional.relu(maps) * scale[:, None] + shift[:, None]
