"""CLMR: contrastive learning of musical representations, 512-d.

Spijkervet & Burgoyne, "Contrastive learning of musical representations" (ISMIR
2021): a SampleCNN encoder, trained on MagnaTagATune without labels, on frames of
the waveform; the mean over frames.

``frame`` is the length of a frame in samples at 22,050 Hz. The default, 59,409, is
what the code of Castellon et al. (2021) has, most likely two digits swapped: the
encoder was trained on 59,049 (3 to the power of 10, 2.68 s). It gives one vector
for either, because what is left over at each pooling is dropped. As in their code
the last frame is left out even if it is complete.

Weights and code: github.com/Spijkervet/CLMR, release 2.1
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import DataError, FloatArray, UsageError

if TYPE_CHECKING:
    from mirbench.representations._clmr_network import Clmr

CARD = {
    "title": "CLMR",
    "paper": "Spijkervet & Burgoyne, ISMIR 2021, arXiv:2103.09410",
    "licence": "MIT",
    "trained_on": "MagnaTagATune",
    "requires": ["torch"],
    "parameters": 2_368_512,
    "weights": {
        "clmr": {
            "licence": "MIT",
            "files": {
                "clmr_epoch=10000.ckpt": {
                    "source": "https://github.com/Spijkervet/CLMR/releases/download/2.1/"
                    "clmr_magnatagatune_mlp.zip",
                },
            },
        },
    },
}

#: Channels in and out of the eleven convolutions, each of width 3.
CHANNELS = (
    (1, 128),
    (128, 128),
    (128, 128),
    (128, 256),
    (256, 256),
    (256, 256),
    (256, 256),
    (256, 256),
    (256, 256),
    (256, 512),
    (512, 512),
)
#: Lengths that ten divisions by 3 leave at 1.
SHORTEST, LONGEST = 3**10, 2 * 3**10 - 1
EPSILON = 1e-5

#: Keys of the encoder in a state dict, with PyTorch's, Lightning's or no prefix.
_ENCODER = re.compile(r"(?:(?:model\.|module\.)*encoder\.)?sequential\.(\d+\..+)")


def load_model(device: str = "cpu", *, frame: int = 59_409) -> Clmr:
    """Give the representation; `frame` is in samples at 22,050 Hz."""
    if not SHORTEST <= frame <= LONGEST:
        raise UsageError(
            f"representation 'clmr': frame={frame} is not between {SHORTEST} and {LONGEST} "
            "samples, of which the encoder makes one vector"
        )
    from mirbench.representations._clmr_network import Clmr
    from mirbench.representations._inference import load_weights

    return Clmr(load_weights("clmr", "clmr", device), device, frame)


def convert_weights(name: str, files: Mapping[str, Path]) -> dict[str, FloatArray]:
    """Read a PyTorch checkpoint, as saved by PyTorch or by Lightning.

    Returns
    -------
    dict
        ``0.weight`` [128, 1, 3], ``0.bias`` [128] to ``10.weight``, ``10.bias``: the
        convolutions, with the batch normalisation after each of them, which keeps
        its statistics, multiplied in.

    Raises
    ------
    DataError
        If the file is no checkpoint of this encoder.
    """
    from mirbench.representations._torch_checkpoint import read_state_dict

    (path,) = files.values()
    state = {
        found[1]: tensor.numpy()
        for key, tensor in read_state_dict(path).items()
        if (found := _ENCODER.fullmatch(key))
    }
    if not state:
        raise DataError(f"{path.name} has no encoder: no tensor is named encoder.sequential.…")
    tensors = {}
    for number, (inputs, outputs) in enumerate(CHANNELS):
        part = {
            key: _checked(state, f"{number}.{key}", (outputs, *rest), path.name)
            for key, rest in (
                ("0.weight", (inputs, 3)),
                ("0.bias", ()),
                ("1.weight", ()),
                ("1.bias", ()),
                ("1.running_mean", ()),
                ("1.running_var", ()),
            )
        }
        scale = part["1.weight"] / np.sqrt(part["1.running_var"] + EPSILON)
        weight = part["0.weight"] * scale[:, None, None]
        bias = (part["0.bias"] - part["1.running_mean"]) * scale + part["1.bias"]
        tensors[f"{number}.weight"] = weight.astype(np.float32)
        tensors[f"{number}.bias"] = bias.astype(np.float32)
    return tensors


def _checked(
    state: Mapping[str, npt.NDArray[Any]], key: str, shape: tuple[int, ...], file: str
) -> npt.NDArray[np.float64]:
    value = state.get(key)
    if value is None or value.shape != shape:
        has = "none" if value is None else f"one of shape {list(value.shape)}"
        raise DataError(
            f"{file} is not the encoder of CLMR: sequential.{key} should have the shape "
            f"{list(shape)}, but there is {has}"
        )
    if not np.isfinite(value).all():
        raise DataError(f"{file} is damaged: sequential.{key} is not finite")
    return value.astype(np.float64)
