"""What Numba has compiled for libraries, copied to where a sandbox may read and add to it."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
from pathlib import Path

#: Libraries whose functions Numba compiles on first use, and keeps.
LIBRARIES = ("librosa",)


def copy_compiled(into: Path) -> None:
    """Copy compiled functions into a folder that is to be ``NUMBA_CACHE_DIR``.

    Numba keeps them beside the source, or else in ``NUMBA_CACHE_DIR``, where each folder of
    sources has one that is named by it and by the SHA-1 of its path. What cannot be
    copied is compiled again.

    Parameters
    ----------
    into : Path
        Need not exist.
    """
    with contextlib.suppress(OSError, shutil.Error):
        if os.environ.get("NUMBA_CACHE_DIR"):
            shutil.copytree(os.environ["NUMBA_CACHE_DIR"], into, dirs_exist_ok=True)
    for library in LIBRARIES:
        spec = importlib.util.find_spec(library)
        for place in (spec.submodule_search_locations or []) if spec is not None else []:
            for index in Path(place).rglob("__pycache__/*.nb[ic]"):
                source = os.path.abspath(index.parent.parent)
                hashed = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
                folder = into / f"{os.path.basename(source)}_{hashed}"
                with contextlib.suppress(OSError):
                    folder.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(index, folder / index.name)
