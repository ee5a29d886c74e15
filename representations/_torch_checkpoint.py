"""Read the tensors of a PyTorch checkpoint without running anything that it holds.

Training frameworks store more than tensors: Lightning's checkpoints name its
callbacks by class. `torch.load` refuses such a file even with
``weights_only=True``. So every class that the file names and PyTorch does not
know stands for an empty one here, and only tensors are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.benchmark.api import DataError

if TYPE_CHECKING:
    import torch


class _Ignored:
    """Stands for a class of someone else's that a checkpoint names."""

    def __init__(self, *args: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a checkpoint.

    A plain state dict and one under ``state_dict`` are understood.

    Raises
    ------
    DataError
        If the file is damaged or no such checkpoint.
    """
    import torch

    try:
        unknown = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        with torch.serialization.safe_globals([(_Ignored, name) for name in unknown]):
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # PyTorch has no exception of its own for damaged files
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(f"{path.name} is no PyTorch checkpoint, or damaged: {reason[0]}") from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise DataError(f"{path.name} is no PyTorch state dict")
    return {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
