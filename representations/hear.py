"""HEAR: any module that speaks the API of the HEAR 2021 challenge, as ``hear:<module>``.

The API (Turian et al., "HEAR: Holistic Evaluation of Audio Representations",
PMLR 176, 2022; https://hearbenchmark.com/hear-api.html) asks of a module
``load_model(path) -> model``, whose model has ``sample_rate`` and
``scene_embedding_size``, and ``get_scene_embeddings(audio, model)``, from
``[n, samples]`` to ``[n, size]``. The audio is a tensor of PyTorch; what comes
back may be one too, or a NumPy array or lists. The API's TensorFlow form is
not run.

Some modules take one clip at a time, ``[1, samples]``, whatever the API says. One
that fails on several, or returns another shape, is given each by itself from then
on; ``batch=1`` does so from the start.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mirbench.benchmark.api import DataError, FloatArray, PluginError, UnusableClip, UsageError
from mirbench.representations._lengths import by_length

CARD = {
    "title": "Any module with the HEAR 2021 API",
    "paper": "Turian et al., HEAR: Holistic Evaluation of Audio Representations, PMLR 176, 2022",
    "licence": "that of the module",
    "adapter": "hear:<module>",
    "requires": ["torch"],
}


_LOG = logging.getLogger(__name__)

#: Clips that go through a model together, at most.
BATCH = 64


class HearModel:
    """A HEAR module with its model loaded.

    Parameters
    ----------
    module : module
    model : object
        What its ``load_model`` has returned.
    device : str
    batch : int
        Clips that go through the model together, at most.
    """

    def __init__(self, module: Any, model: Any, device: str, batch: int) -> None:
        self.module, self.model, self.device, self.batch = module, model, device, batch
        self.sample_rate = int(model.sample_rate)
        self.dims = int(model.scene_embedding_size)
        self.made_with: dict[str, str] = {}

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent audio ``[n_samples]`` as float32 ``[dims]``."""
        (row,) = self._embeddings([audio])
        return row

    def embed_batch(self, audios: Sequence[FloatArray], sr: int) -> list[FloatArray]:
        """Represent clips; those of one length go through the model together, unpadded."""
        rows: dict[int, FloatArray] = {}
        size = self.batch  # which may become 1 meanwhile
        for places in by_length(audios):
            for first in range(0, len(places), size):
                some = places[first : first + size]
                rows |= dict(zip(some, self._together([audios[n] for n in some]), strict=True))
        return [rows[place] for place in range(len(audios))]

    def _together(self, audios: Sequence[FloatArray]) -> list[FloatArray]:
        """Represent clips of one length; one by one if the module takes no more at once.

        What it makes of each by itself is its embedding by definition, so that changes nothing.
        """
        if self.batch == 1:
            return [row for audio in audios for row in self._embeddings([audio])]
        try:
            return self._embeddings(audios)
        except UnusableClip:
            raise
        except Exception as error:
            no_memory = isinstance(error, MemoryError) or "memory" in str(error).lower()
            if no_memory or len(audios) == 1:
                raise
            rows = [row for audio in audios for row in self._embeddings([audio])]
            self.batch, self.made_with = 1, {"batch": "1"}
            reason = str(error) if isinstance(error, PluginError) else type(error).__name__
            _LOG.warning(
                "hear:%s takes one clip at a time (of %d at once: %s), so it is given each by "
                "itself; the parameter batch=1 does so from the start",
                *(self.module.__name__, len(audios), reason),
            )
            return rows

    def _embeddings(self, audios: Sequence[FloatArray]) -> list[FloatArray]:
        """Let the module represent clips of one length together."""
        import torch

        batch = torch.from_numpy(np.stack(audios))
        with torch.no_grad():
            found = self.module.get_scene_embeddings(batch.to(self.device), self.model)
        return list(self._checked(found, len(audios)))

    def _checked(self, found: Any, n: int) -> FloatArray:
        """Read embeddings ``[n, dims]`` from a tensor, an array, or lists of numbers."""
        import torch

        who = f"{self.module.__name__}: get_scene_embeddings returned"
        tensor = found if isinstance(found, torch.Tensor) else _tensor(found)
        if tensor is None:
            raise PluginError(
                f"{who} {type(found).__name__}, where a tensor, an array or rows of numbers, all "
                f"of {self.dims}, are needed"
            )
        if n == 1 and tuple(tensor.shape) == (self.dims,):
            tensor = tensor[None]  # of one clip, it cannot be anything else
        if tuple(tensor.shape) != (n, self.dims):
            raise PluginError(
                f"{who} shape {list(tensor.shape)}, where clips and scene_embedding_size make "
                f"{[n, self.dims]}"
            )
        values: FloatArray = tensor.detach().to("cpu", torch.float32).numpy()
        return values


def _tensor(found: Any) -> Any:
    """Make a tensor of an array or of rows; None if they are not numbers or not of one length."""
    import torch

    if isinstance(found, list | tuple):
        found = [row.tolist() if isinstance(row, torch.Tensor) else row for row in found]
    try:
        array = np.asarray(found)
    except (TypeError, ValueError):
        return None
    return torch.from_numpy(array.astype(np.float32)) if array.dtype.kind in "fiu" else None


def target_files(target: str) -> dict[str, Path]:
    """Find the files of a module's package without importing it: their names and places.

    Raises
    ------
    UsageError
        If `target` is no dotted name.
    PluginError
        If there is no such module.
    """
    top, *rest = parts = target.split(".")
    if not all(part.isidentifier() for part in parts):
        raise UsageError(
            f"hear:{target}: name an installed module, such as hear:hearbaseline.naive"
        )
    spec = importlib.util.find_spec(top)
    if spec is None:
        raise PluginError(
            f"hear:{target}: no module {top!r} is installed here; install the package it is in, "
            "or put its folder on PYTHONPATH"
        )
    folders = [Path(folder) for folder in spec.submodule_search_locations or []]
    candidates = [
        folder.joinpath(*rest).with_suffix(".py") if rest else folder / "__init__.py"
        for folder in folders
    ]
    candidates += [folder.joinpath(*rest, "__init__.py") for folder in folders]
    if not folders and not rest and spec.origin is not None:
        candidates = [Path(spec.origin)]
    module = next((path for path in candidates if path.is_file()), None)
    if module is None:
        raise PluginError(f"hear:{target}: {top!r} is installed but has no module {target!r}")
    # The module stands there by its name too: two of one package are two models.
    files = {target: module}
    for folder in folders:
        files |= {
            path.relative_to(folder.parent).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }
    return files


def load_model(
    device: str = "cpu", *, target: str, weights: str = "", batch: int = BATCH
) -> HearModel:
    """Import module `target` and let it load its model.

    Parameters
    ----------
    device : str
    target : str
        Dotted name of the module.
    weights : str
        File or folder for the module's ``load_model``; none: what it loads by itself.
    batch : int
        Clips that go through the model together, at most.
    """
    import torch

    if batch < 1:
        raise UsageError(f"hear:{target}: batch must be 1 or more, is {batch}")
    target_files(target)
    weights = os.path.expanduser(weights)
    if weights and not Path(weights).exists():
        raise DataError(f"hear:{target}: there are no weights {weights}")
    try:
        module = importlib.import_module(target)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"hear:{target} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    for name in ("load_model", "get_scene_embeddings"):
        if not callable(getattr(module, name, None)):
            raise PluginError(f"hear:{target} has no function {name}, so it is no HEAR module")
    model = module.load_model(*_path_argument(module.load_model, weights))
    for name in ("sample_rate", "scene_embedding_size"):
        if not isinstance(getattr(model, name, None), int | np.integer):
            raise PluginError(f"hear:{target}: its model has no whole number {name}")
    if isinstance(model, torch.nn.Module):
        model = model.to(device).eval()
    return HearModel(module, model, device, batch)


def _path_argument(load: Any, weights: str) -> list[str]:
    """Leave out the path where none is given and the module has one of its own."""
    if weights:
        return [weights]
    first = next(iter(inspect.signature(load).parameters.values()), None)
    optional = first is None or first.default is not inspect.Parameter.empty
    return [] if optional else [""]
