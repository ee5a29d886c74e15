"""The two original checkpoint files, read safely and turned into named tensors.

The names stay those of the checkpoints. Of the prior, the wanted layers and
the tables are kept, of the VQ-VAE the top level's encoder and codebook.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mirbench.benchmark.api import DataError
from mirbench.representations.jukebox import conditioning
from mirbench.representations.jukebox.shape import Shape
from mirbench.representations.jukebox.transformer import block_shapes, table_shapes
from mirbench.representations.jukebox.vqvae import vqvae_shapes

VQVAE_FILE = "vqvae.pth.tar"
PRIOR_FILE = "prior_level_2.pth.tar"


def prior_shapes(shape: Shape, layers: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of what is needed of the prior's checkpoint for so many layers."""
    shapes = table_shapes(shape)
    for number in range(layers):
        shapes |= block_shapes(shape, number)
    return shapes


def convert(shape: Shape, layers: int, files: Mapping[str, Path]) -> Iterator[tuple[str, Tensor]]:
    """Give the tensors that the representation needs, one by one.

    A tensor is forgotten when the next is asked for, so that memory stays
    that of the file itself, which old containers need read as a whole. Matrices
    of the transformer are float16, as published; everything else is float32.

    Parameters
    ----------
    layers : int
        How many of the prior's layers to keep.
    files : mapping
        Paths of the VQ-VAE's and the prior's checkpoint, by their original names.

    Raises
    ------
    DataError
        If a file is not the checkpoint that its name says.
    """
    wanted = {VQVAE_FILE: vqvae_shapes(shape), PRIOR_FILE: prior_shapes(shape, layers)}
    for name, shapes in wanted.items():
        if name not in files:
            raise DataError(f"{name} is missing: Jukebox is made of {' and '.join(wanted)}")
        tensors = _read_checkpoint(files[name])
        _check(tensors, shapes, files[name])
        for key in list(tensors):
            if key not in shapes:
                del tensors[key]
        for key in sorted(shapes):
            yield key, _converted(key, tensors.pop(key))


def _converted(key: str, tensor: Tensor) -> Tensor:
    if key in (conditioning.GENRE, conditioning.ARTIST):
        tensor = tensor[:1]  # only "unknown" is asked for
    return tensor.to(torch.float16 if key.endswith(".w") else torch.float32).contiguous()


def _read_checkpoint(path: Path) -> dict[str, Any]:
    """Read the state of the model, without running anything that the file may hold."""
    try:
        with torch.serialization.safe_globals(_numpy_scalars()):
            content = _load(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        raise DataError(
            f"{path} is not read: it is no checkpoint of PyTorch, or damaged, or holds more than "
            f"tensors and plain values ({type(error).__name__})"
        ) from error
    state = content.get("model") if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise DataError(f"{path} is no checkpoint of Jukebox: it holds no 'model'")
    return {str(key).removeprefix("module."): value for key, value in state.items()}


def _load(path: Path) -> Any:
    # The container that PyTorch has written since 1.6 can stay on disk; the one before cannot.
    with suppress(RuntimeError):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return torch.load(path, map_location="cpu", weights_only=True)


def _numpy_scalars() -> list[Any]:
    """Give what a pickled NumPy number is made of: some stand among the hyperparameters."""
    kinds = {type(np.dtype(code)) for code in "?bhilqBHILQefd"}
    scalar = np.float64(0).__reduce__()[0]
    return [(scalar, "numpy.core.multiarray.scalar"), scalar, np.dtype, *kinds]


def _check(tensors: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], path: Path) -> None:
    absent = [key for key in shapes if key not in tensors]
    if absent:
        raise DataError(
            f"{path} is not the checkpoint that it should be: it has no {absent[0]!r}"
            + (f" and {len(absent) - 1} more" if len(absent) > 1 else "")
        )
    for key, wanted in shapes.items():
        found = tensors[key]
        if not isinstance(found, Tensor) or not found.is_floating_point():
            raise DataError(f"{path}: {key!r} is no tensor of floating-point numbers")
        if tuple(found.shape) != wanted:
            raise DataError(
                f"{path} is of another model: {key!r} has the shape {list(found.shape)}, "
                f"not {list(wanted)}"
            )
