"""MUSICNN: features of a musically motivated convolutional tagger, 4,194-d.

Pons & Serra, "musicnn: pre-trained convolutional neural networks for music audio
tagging" (ISMIR 2019 late-breaking). A log-mel spectrogram is cut into patches of
3 seconds; a front end looks for timbres and rhythms, three convolutions follow,
and mean and maximum over time of all of them make a vector per patch.

``model`` names the trained network: ``MSD_musicnn_big`` (the default, as in
Castellon et al. 2021), ``MSD_musicnn`` or ``MTT_musicnn``. ``layers`` says what of
it is the embedding, always the mean over patches:

``pool``
    Mean, then maximum over time of the front end and the three convolutions: the
    paper's, 4,194-d (1,506-d for the small networks).
``front``
    The front end's part of it, 1,122-d.
``mid``
    The convolutions' parts as three layers c1, c2, c3, each 1,024-d (128-d).
``dense``
    The layer before the tags, 500-d (200-d).

Weights and code: github.com/jordipons/musicnn
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mirbench.benchmark.api import DataError, FloatArray, UsageError

if TYPE_CHECKING:
    from mirbench.representations._musicnn_network import Musicnn

CARD = {
    "title": "MUSICNN",
    "paper": "Pons & Serra, ISMIR 2019 late-breaking, arXiv:1909.06654",
    "licence": "ISC",
    "trained_on": "Million Song Dataset",
    "requires": ["torch", "librosa"],
    "parameters": 7_980_235,
    "weights": {
        "MSD_musicnn_big": {
            "licence": "ISC",
            "files": {
                ".index": {
                    "source": "https://raw.githubusercontent.com/jordipons/musicnn/"
                    "516acb2a0ff5ef73f64547898e018e793152c506/musicnn/MSD_musicnn_big/.index",
                },
                ".data-00000-of-00001": {
                    "source": "https://raw.githubusercontent.com/jordipons/musicnn/"
                    "516acb2a0ff5ef73f64547898e018e793152c506/musicnn/MSD_musicnn_big/"
                    ".data-00000-of-00001",
                },
            },
        },
        "MSD_musicnn": {
            "licence": "ISC",
            "parameters": 787_159,
            "package": "musicnn/MSD_musicnn",
            "install": "pip install --no-deps musicnn==0.1.0",
            "files": {
                ".index": {
                    "source": "https://raw.githubusercontent.com/jordipons/musicnn/"
                    "516acb2a0ff5ef73f64547898e018e793152c506/musicnn/MSD_musicnn/.index",
                    "bytes": 4_948,
                    "sha256": "87f3e0f3550c8d3bafc840374003e5c8af5eeb5ecf6add61af09a7822d3282c8",
                },
                ".data-00000-of-00001": {
                    "source": "https://raw.githubusercontent.com/jordipons/musicnn/"
                    "516acb2a0ff5ef73f64547898e018e793152c506/musicnn/MSD_musicnn/"
                    ".data-00000-of-00001",
                    "bytes": 9_465_596,
                    "sha256": "8579734ee6388f799ed0def4bbd0d1fdcbeaf213ef2a9dc860917bd76a303de6",
                },
            },
        },
        "MTT_musicnn": {
            "licence": "ISC",
            "trained_on": "MagnaTagATune",
            "parameters": 787_159,
            "package": "musicnn/MTT_musicnn",
            "install": "pip install --no-deps musicnn==0.1.0",
            "files": {
                ".index": {
                    "source": "https://raw.githubusercontent.com/jordipons/musicnn/"
                    "516acb2a0ff5ef73f64547898e018e793152c506/musicnn/MTT_musicnn/.index",
                    "bytes": 4_948,
                    "sha256": "da2d7bb670b2b31e9bc441bb1bd75eca31b5b061f963cc1f9630c1aff3238f57",
                },
                ".data-00000-of-00001": {
                    "source": "https://raw.githubusercontent.com/jordipons/musicnn/"
                    "516acb2a0ff5ef73f64547898e018e793152c506/musicnn/MTT_musicnn/"
                    ".data-00000-of-00001",
                    "bytes": 9_465_596,
                    "sha256": "041f3935e981a65cea739842d30c188d3a7d2adf4410955c8668eb3de4a5acab",
                },
            },
        },
    },
    "weights_parameter": "model",
}

#: Filters of each convolution after the front end, and units of the dense layer.
SIZES = {"MSD_musicnn_big": (512, 500), "MSD_musicnn": (64, 200), "MTT_musicnn": (64, 200)}
LAYERS = ("pool", "front", "mid", "dense")
TAGS = 50
EPSILON = 1e-3

_STATISTICS = ("beta", "gamma", "moving_mean", "moving_variance")

#: Our name to TensorFlow's of a layer and of the batch normalisation after it.
_NAMES: dict[str, tuple[str | None, str | None]] = {
    "input": (None, "batch_normalization"),
    "front.0": ("conv2d", "batch_normalization_1"),
    "front.1": ("conv2d_1", "batch_normalization_2"),
    "front.2": ("conv2d_2", "batch_normalization_3"),
    "front.3": ("conv2d_3", "batch_normalization_4"),
    "front.4": ("conv2d_4", "batch_normalization_5"),
    "mid.0": ("conv2d_5", "batch_normalization_6"),
    "mid.1": ("conv2d_6", "batch_normalization_7"),
    "mid.2": ("conv2d_7", "batch_normalization_8"),
    "pool": (None, "batch_normalization_9"),
    "dense": ("dense", "batch_normalization_10"),
    "tags": ("dense_1", None),
}


def load_model(
    device: str = "cpu", *, model: str = "MSD_musicnn_big", layers: str = "pool"
) -> Musicnn:
    """Give the representation; the module's docstring explains the parameters."""
    if model not in SIZES:
        raise UsageError(
            f"representation 'musicnn' has no model={model}; there are {', '.join(SIZES)}"
        )
    if layers not in LAYERS:
        raise UsageError(
            f"representation 'musicnn' has no layers={layers}; there are {', '.join(LAYERS)}"
        )
    from mirbench.representations._inference import load_weights
    from mirbench.representations._musicnn_network import Musicnn

    return Musicnn(load_weights("musicnn", model, device), device, layers)


def convert_weights(name: str, files: Mapping[str, Path]) -> dict[str, FloatArray]:
    """Read a checkpoint of TensorFlow 1.

    Returns
    -------
    dict
        ``front.0`` … ``front.4`` and ``mid.0`` … ``mid.2`` (convolutions), ``dense``
        and ``tags`` (matrices): each ``.weight`` with outputs first, and ``.bias``.
        Batch normalisation after each of them but ``tags``, of the spectrogram
        (``input``) and of the pooled vector (``pool``), with its stored statistics,
        is an affine map: ``.scale`` and ``.shift``.

    Raises
    ------
    DataError
        If the files are not the checkpoint of that network.
    """
    from mirbench.representations._tensorflow_bundle import read_bundle

    shapes = variable_shapes(name)
    found = read_bundle(files[".index"], files[".data-00000-of-00001"], shapes)
    for variable, shape in shapes.items():
        if found[variable].shape != shape:
            raise DataError(
                f"this is not the checkpoint of {name}: {variable} has the shape "
                f"{list(found[variable].shape)}, not {list(shape)}"
            )
        if not np.isfinite(found[variable]).all():
            raise DataError(f"the checkpoint of {name} is damaged: {variable} is not finite")
    # TensorFlow's pooled vector is maximum and mean of the first map, of the second, and so
    # on; ours the means of all, then the maxima, like the embedding.
    maps = shapes["batch_normalization_9/beta"][0] // 2
    order = np.concatenate([2 * np.arange(maps) + 1, 2 * np.arange(maps)])
    found["dense/kernel"] = found["dense/kernel"][order]
    for part in _STATISTICS:
        found[f"batch_normalization_9/{part}"] = found[f"batch_normalization_9/{part}"][order]
    tensors = {}
    for own, (layer, normalisation) in _NAMES.items():
        if layer is not None:
            kernel = found[f"{layer}/kernel"]
            # From [height, width, inputs, outputs] or [inputs, outputs].
            axes = (3, 2, 0, 1) if kernel.ndim == 4 else (1, 0)
            tensors[f"{own}.weight"] = kernel.transpose(axes).copy()
            tensors[f"{own}.bias"] = found[f"{layer}/bias"].copy()
        if normalisation is not None:
            beta, gamma, mean, variance = (
                found[f"{normalisation}/{part}"].astype(np.float64) for part in _STATISTICS
            )
            scale = gamma / np.sqrt(variance + EPSILON)
            tensors[f"{own}.scale"] = scale.astype(np.float32)
            tensors[f"{own}.shift"] = (beta - mean * scale).astype(np.float32)
    return tensors


def variable_shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Give name and shape of each TensorFlow variable of network `name`."""
    filters, units = SIZES[name]
    pooled = 2 * (561 + 3 * filters)
    kernels: dict[str, tuple[int, ...]] = {
        "front.0": (7, 38, 1, 204),
        "front.1": (7, 67, 1, 204),
        "front.2": (128, 1, 1, 51),
        "front.3": (64, 1, 1, 51),
        "front.4": (32, 1, 1, 51),
        "mid.0": (7, 561, 1, filters),
        "mid.1": (7, filters, 1, filters),
        "mid.2": (7, filters, 1, filters),
        "dense": (pooled, units),
        "tags": (units, TAGS),
    }
    shapes: dict[str, tuple[int, ...]] = {}
    for own, (layer, normalisation) in _NAMES.items():
        width = {"input": 1, "pool": pooled}.get(own) or kernels[own][-1]
        if layer is not None:
            shapes |= {f"{layer}/kernel": kernels[own], f"{layer}/bias": (width,)}
        if normalisation is not None:
            shapes |= {f"{normalisation}/{part}": (width,) for part in _STATISTICS}
    return shapes
