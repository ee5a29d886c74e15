"""Where the files of a model lie: a folder, or a hub id in the local Hugging Face cache."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import DataError, UsageError
from mirbench.representations._hub import cached_folder, hub_cache

#: What of a model's folder decides its embeddings.
_SUFFIXES = {".json", ".py", ".safetensors", ".bin"}


def model_files(target: str) -> dict[str, Path]:
    """Find the files of a model, by their names below its folder.

    Raises
    ------
    UsageError
        If `target` is neither a folder nor of the form of a hub id.
    DataError
        If it is a hub id that is not in the local cache, or the folder holds no model.
    """
    folder = model_folder(target)
    if not (folder / "config.json").is_file():
        raise DataError(f"hf:{target}: {folder} holds no config.json, so it is no model's folder")
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix in _SUFFIXES and path.is_file()
    }


def model_folder(target: str) -> Path:
    """Find the folder of a model; raises as `model_files` does."""
    folder = Path(os.path.expanduser(target))
    if folder.is_dir():
        return folder
    if re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", target) is None:
        raise UsageError(f"hf:{target}: there is no such folder, and it is no hub id")
    snapshot = cached_folder(target)
    if snapshot is None:
        raise DataError(
            f"hf:{target}: there is no such folder, and no such model in the Hugging Face cache "
            f"({hub_cache()}); get it by: hf download {target}"
        )
    return snapshot


def read_config(target: str) -> dict[str, Any]:
    """Read a model's ``config.json``.

    Raises
    ------
    DataError
        If it cannot be read as a JSON object.
    """
    path = model_folder(target) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"hf:{target}: {path} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise DataError(f"hf:{target}: {path} is no JSON object")
    return config
