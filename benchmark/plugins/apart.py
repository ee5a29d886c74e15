"""Modules that a plugin file imports from its own folder are its alone.

Two plugin files in two folders may each have a helper ``net.py``. In one process, Python
would import the first and give it to both. So while the code of a plugin runs, its folder
and what it has put on the path itself come first, its own modules are those that can be
seen, and modules of the same names from elsewhere are out of sight; when it has run,
everything is as before.

Modules of the standard library stay what they are: other packages count on them.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from mirbench.benchmark.machine.code_lines import is_installed


@dataclass(eq=False)
class _Own:
    """What the plugins of one folder have: modules by name, and what they put on the path."""

    modules: dict[str, ModuleType] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)


_own: dict[Path, _Own] = {}

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
    own = _own.setdefault(folder, _Own())
    names = {name.partition(".")[0] for name in own.modules}
    names |= _importable(folder, folder.stat().st_mtime_ns if folder.is_dir() else 0)
    hidden, path = _take(names), sys.path.copy()
    before = set(sys.modules)
    sys.modules.update(own.modules)
    sys.path[:] = [*own.path, str(folder), *path]
    _running.append(folder)
    try:
        yield
    finally:
        _running.pop()
        own.path = [place for place in sys.path if place not in path and place != str(folder)]
        sys.path[:] = path
        new = [name for name in sys.modules if name not in before]
        own.modules = {name: sys.modules[name] for name in new if _lies_in(name, folder)}
        for name in own.modules:
            del sys.modules[name]
        sys.modules.update(hidden)


def own_module_tables() -> list[dict[str, ModuleType]]:
    """List the modules of each folder, by name; one that is removed is imported anew."""
    return [own.modules for own in _own.values()]


def forget_own(folder: Path) -> None:
    """Let what a folder's plugins have imported from it be imported anew."""
    _own.pop(folder, None)


@functools.lru_cache(maxsize=64)
def _importable(folder: Path, changed: int) -> frozenset[str]:
    """Names of the modules and packages in a folder, as it was when it was changed last."""
    del changed
    names = set()
    for path in folder.iterdir() if folder.is_dir() else ():
        if not path.stem.isidentifier() or path.stem in sys.stdlib_module_names:
            continue
        if path.suffix == ".py" or (path / "__init__.py").is_file() or _is_namespace(path):
            names.add(path.stem)
    return frozenset(names - {"mirbench"})


def _is_namespace(path: Path) -> bool:
    """Whether Python would take a folder without ``__init__.py`` for a package of its name."""
    if not path.is_dir() or next(path.glob("*.py"), None) is None:
        return False
    elsewhere = [place for place in sys.path if Path(place) != path.parent]
    spec = PathFinder.find_spec(path.name, elsewhere)
    return spec is None or spec.origin is None


def _take(names: set[str]) -> dict[str, ModuleType]:
    """Take modules of these names, and those inside them, out of sight."""
    present = names & sys.modules.keys()
    if not present:
        return {}
    prefixes = tuple(f"{name}." for name in present)
    taken = [name for name in sys.modules if name in present or name.startswith(prefixes)]
    return {name: sys.modules.pop(name) for name in taken}


def _lies_in(name: str, folder: Path) -> bool:
    module = sys.modules[name]
    file = getattr(module, "__file__", None)
    places = [file] if file else list(getattr(module, "__path__", []))
    return any(
        Path(place).is_relative_to(folder) and not is_installed(Path(place)) for place in places
    )
