"""Models in the local cache of the Hugging Face hub's client, and what decides them.

Nothing is downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from mirbench.benchmark.api import DataError, MissingWeights, UsageError

#: Where transformers looks for weights, in its order: whole, or in numbered parts.
_WEIGHTS = (
    ("model.safetensors",),
    ("model.safetensors.index.json", "model-*.safetensors"),
    ("pytorch_model.bin",),
    ("pytorch_model.bin.index.json", "pytorch_model-*.bin"),
)


def hub_cache() -> Path:
    """Folder in which huggingface_hub keeps what it has downloaded."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(name):
            return Path(os.environ[name]).expanduser()
    home = os.environ.get("HF_HOME")
    if home:
        return Path(home).expanduser() / "hub"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "huggingface/hub"


def cached_folder(repository: str) -> Path | None:
    """Find the newest downloaded revision of a model; None if there is none.

    Parameters
    ----------
    repository : str
        Its hub id, such as ``facebook/musicgen-small``.
    """
    cache = hub_cache() / f"models--{repository.replace('/', '--')}"
    try:
        revision = (cache / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    folder = cache / "snapshots" / revision
    return folder if revision and folder.is_dir() else None


def deciding_files(folder: Path) -> dict[str, Path]:
    """List the configuration of a model, and the weights that transformers takes, by name.

    Without a configuration, or without weights, it is empty: there is no model.
    """
    config = folder / "config.json"
    for patterns in _WEIGHTS:
        found = [sorted(folder.glob(pattern)) for pattern in patterns]
        if all(found) and config.is_file():
            return {path.name: path for path in (config, *chain.from_iterable(found))}
    return {}


@dataclass(frozen=True)
class HubModels:
    """The published checkpoints of a representation.

    Attributes
    ----------
    name : str
        Of the representation.
    ids : mapping of str to str
        Hub ids, by the value of the parameter `model`; the first is the default.
    download : str
        What the command that downloads them says besides, such as what to leave out.
    """

    name: str
    ids: Mapping[str, str]
    download: str = ""

    def repository(self, model: str) -> str:
        """Hub id of a model; raises UsageError."""
        if model not in self.ids:
            raise UsageError(f"{self.name} has the models {', '.join(self.ids)}, not {model!r}")
        return self.ids[model]

    def folder(self, model: str, weights: str) -> Path:
        """Find the folder of a model.

        Parameters
        ----------
        model : str
            One of `ids`, to be looked for in the Hugging Face cache.
        weights : str
            The folder; empty: that of the cache.

        Raises
        ------
        UsageError
            If there is no such model, or both are given.
        MissingWeights
            If it is not in the cache; with the command that gets it.
        DataError
            If the folder holds no model.
        """
        hub_id = self.repository(model)
        if weights:
            folder = Path(os.path.expanduser(weights))
            if model != next(iter(self.ids)):
                raise UsageError(
                    f"{self.name}: give model or weights, not both; the folder says which"
                )
            if not deciding_files(folder):
                raise DataError(
                    f"{self.name}: {folder} holds no config.json with weights beside it"
                )
            return folder
        cached = cached_folder(hub_id)
        if cached is None or not deciding_files(cached):
            which = f":model={model}" if len(self.ids) > 1 else ""
            command = f"hf download {hub_id} {self.download}".strip()
            error = MissingWeights(
                f"the weights of {self.name}{which} are not in the Hugging Face cache "
                f"({hub_cache()}): get them with {command}, or name a folder that holds them by "
                "the parameter weights"
            )
            error.command = command
            raise error
        return cached
