"""Modules that a plugin file imports from its own folder are its alone.

Two plugin files in two folders may each have a helper ``net.py``. In one process, Python
would import the first and give it to both. So while the code of a plugin runs, its folder
stands first on the path, its own modules are those that can be seen, and modules of the
same names from elsewhere are out of sight; when it has run, everything is as before.

Modules of the standard library stay what they are: other packages count on them.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

#: Of each folder, the modules that were imported from it, by name.
_own: dict[Path, dict[str, ModuleType]] = {}

#: Folders of the plugins whose code runs now, the innermost last.
_running: list[Path] = []


@contextmanager
def own_modules(folder: Path) -> Iterator[None]:
    """Let code import from a folder first, and keep what it imports from there to itself.

    Parameters
    ----------
    folder : Path
        That of the plugin's file.
    """
    if _running and _running[-1] == folder:
        yield
        return
    names = _importable(folder, folder.stat().st_mtime_ns if folder.is_dir() else 0)
    hidden = _take(names)
    sys.modules.update(_own.get(folder, {}))
    sys.path.insert(0, str(folder))
    _running.append(folder)
    try:
        yield
    finally:
        _running.pop()
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        modules = _take(names)
        _own[folder] = {
            name: module for name, module in modules.items() if _lies_in(module, folder)
        }
        # What the plugin brought in from elsewhere under such a name is everybody's.
        foreign = {name: module for name, module in modules.items() if name not in _own[folder]}
        sys.modules.update(foreign | hidden)


def own_module_tables() -> list[dict[str, ModuleType]]:
    """List the modules of each folder, by name; one that is removed is imported anew."""
    return list(_own.values())


@functools.lru_cache(maxsize=64)
def _importable(folder: Path, changed: int) -> frozenset[str]:
    """Names of the modules and packages in a folder, as it was when it was changed last."""
    del changed
    names = set()
    for path in folder.iterdir() if folder.is_dir() else ():
        is_package = path.is_dir() and next(path.glob("*.py"), None) is not None
        if (path.suffix == ".py" or is_package) and path.stem.isidentifier():
            names.add(path.stem)
    return frozenset(names - sys.stdlib_module_names - {"mirbench"})


def _take(names: frozenset[str]) -> dict[str, ModuleType]:
    """Take modules of these names, and those inside them, out of sight."""
    present = names & sys.modules.keys()
    if not present:
        return {}
    prefixes = tuple(f"{name}." for name in present)
    taken = [name for name in sys.modules if name in present or name.startswith(prefixes)]
    return {name: sys.modules.pop(name) for name in taken}


def _lies_in(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    places = [file] if file else list(getattr(module, "__path__", []))
    return any(Path(place).is_relative_to(folder) for place in places)
