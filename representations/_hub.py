"""Models in the local cache of the Hugging Face hub's client, and what decides them.

Nothing is downloaded.
"""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path

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
