"""Packages under development that a plugin imports: their source is part of what it is.

A package that pip has installed has a version, and does not change under one's hands. One
on ``PYTHONPATH``, or installed with ``pip install -e``, is edited between two runs. Such
packages are found by the names that files import, without importing any.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

from mirbench.benchmark.api import PluginError
from mirbench.benchmark.machine.code_lines import is_installed

#: Files of one package that are looked at; what is larger is hardly edited for a model.
MOST_FILES = 5000


def development_files(
    sources: Iterable[Path],
    parse: Callable[[Path], ast.Module],
    is_own: Callable[[str], bool],
) -> dict[str, Path]:
    """Find the files of the packages under development that some files import.

    Parameters
    ----------
    sources : iterable of Path
        The files that import.
    parse : callable
        Gives the syntax tree of a file.
    is_own : callable
        Whether a top-level name is the importing package itself, or a neighbour of the file.

    Returns
    -------
    dict
        Names such as ``package/module.py`` to the files.
    """
    found: dict[str, Path] = {}
    seen: set[str] = set()
    waiting = list(sources)
    while waiting:
        for name in sorted(_names_in(waiting.pop(), parse) - seen):
            seen.add(name)
            new = {} if is_own(name) else dict(_package(name))
            found |= new
            waiting += new.values()
    return found


def _names_in(path: Path, parse: Callable[[Path], ast.Module]) -> set[str]:
    try:
        return _top_names(parse(path))
    except PluginError:  # a template, say: its content counts, and it imports nothing
        return set()


def _top_names(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names} - {"", "mirbench", *sys.stdlib_module_names}


def _package(name: str) -> Iterator[tuple[str, Path]]:
    """Yield the files of a top-level package or module, if it is under development."""
    spec = _find(name)
    if spec is None:
        return
    places = [Path(place) for place in spec.submodule_search_locations or ()]
    first = places[0] if places else Path(spec.origin or "")
    if _has_record(name, first.parent):
        return
    if not places and spec.origin is not None and spec.origin.endswith(".py"):
        if not is_installed(Path(spec.origin)):
            yield f"{name}.py", Path(spec.origin)
        return
    for place in places:
        if not is_installed(place):
            for path in sorted(place.rglob("*.py"))[:MOST_FILES]:
                yield f"{name}/{path.relative_to(place).as_posix()}", path


def _find(name: str) -> ModuleSpec | None:
    """Find a top-level module where it would be imported from now, though it may be imported."""
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, None)
        except (ImportError, ValueError, AttributeError, OSError):
            continue
        if spec is not None:
            return spec
    return None


def _has_record(name: str, folder: Path) -> bool:
    """Whether pip has installed a package into a folder of its own (``--target``)."""
    for record in folder.glob("*.dist-info/RECORD"):
        text = record.read_text(encoding="utf-8", errors="replace")
        if f"{name}/__init__.py," in text or f"{name}.py," in text:
            return True
    return False
