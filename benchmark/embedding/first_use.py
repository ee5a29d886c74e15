"""What is slow on first use in a new environment, said while it happens."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from mirbench.benchmark.progress import say
from mirbench.benchmark.registry import RepresentationSpec


def announce(spec: RepresentationSpec) -> None:
    """Say that librosa will compile its functions, if the representation needs it and it will."""
    if "librosa" in spec.requires and not librosa_is_compiled():
        say(
            "librosa compiles its functions on first use in a new environment: about a minute, once"
        )


def librosa_is_compiled() -> bool:
    """Whether any function of librosa has been compiled and kept in this environment."""
    found = importlib.util.find_spec("librosa")
    folders = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    if os.environ.get("NUMBA_CACHE_DIR"):
        folders.append(Path(os.environ["NUMBA_CACHE_DIR"]))
    return any(next(folder.rglob("*.nbi"), None) is not None for folder in folders)
