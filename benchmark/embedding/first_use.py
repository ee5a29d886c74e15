"""What is slow on first use in a new environment, said while it happens."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.progress import say
from mirbench.benchmark.registry import RepresentationSpec


def announce(spec: RepresentationSpec) -> None:
    """Say that librosa will compile its functions, if the representation needs it and it will."""
    if "librosa" in spec.requires and not librosa_is_compiled():
        say(
            "librosa compiles its functions on first use in a new environment: about a minute, once"
        )


def keep_compiled(cache: CacheFolder) -> None:
    """Let Numba keep what it compiles in the cache folder, if it can keep it nowhere else.

    Without a place where it can, functions that are to be kept cannot even be imported. It
    looks beside their source and in the home folder, which a container's user may not have.
    """
    if os.environ.get("NUMBA_CACHE_DIR") or importlib.util.find_spec("numba") is None:
        return
    home = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    found = importlib.util.find_spec("librosa")
    beside = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    if any(_can_write(folder) for folder in (Path(home), *beside)):
        return
    compiled = cache.compiled
    if not cache.trusted:  # Numba would run what somebody else had put there
        compiled = Path(tempfile.mkdtemp(prefix="mirbench-numba-"))
        atexit.register(shutil.rmtree, compiled, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = str(compiled)
    if not cache.trusted or not compiled.is_dir():
        say(
            f"Numba cannot write beside librosa or in the home folder, so {compiled} is "
            "where it keeps compiled functions: their first use takes a minute, once"
        )


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except (OSError, RuntimeError):
        return False


def librosa_is_compiled() -> bool:
    """Whether any function of librosa has been compiled and kept in this environment."""
    found = importlib.util.find_spec("librosa")
    folders = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    if os.environ.get("NUMBA_CACHE_DIR"):
        folders.append(Path(os.environ["NUMBA_CACHE_DIR"]))
    return any(next(folder.rglob("*.nbi"), None) is not None for folder in folders)
