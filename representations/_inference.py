"""What the trained representations share: how their networks are run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from safetensors.torch import load_file
from torch import Tensor

from mirbench.benchmark.api import weights_file

#: Tensors of a network by name.
Weights = Mapping[str, Tensor]


def load_weights(representation: str, name: str, device: str) -> dict[str, Tensor]:
    """Load a set of weights from the store.

    Raises
    ------
    DataError
        If the store has none, with the command that gets them.
    """
    return load_file(weights_file(representation, name), device=device)


@contextmanager
def exact() -> Iterator[None]:
    """No gradients, true float32, and the same algorithms every time, on CPU and GPU alike."""
    flags = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    with torch.inference_mode(), flags:
        yield


def in_chunks(network: Callable[[Tensor], Tensor], inputs: Tensor, size: int) -> Tensor:
    """Run a network on `size` inputs at a time, so that memory does not grow with their number.

    On a CPU the smallest chunks are no slower, and take the least.
    """
    return torch.cat([network(chunk) for chunk in torch.split(inputs, size)])


def sign_of(scale: Tensor) -> Tensor:
    """Give -1 where a scale is negative, else 1.

    An affine map, ReLU and ELU are monotone, so that the maximum can be taken
    before them, of fewer numbers. Where the scale is negative that would be the
    minimum; the sign goes into the convolution before it.
    """
    return torch.where(scale < 0, -1.0, 1.0)
