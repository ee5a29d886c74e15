"""Names that a shell completes: of representations, tasks and what else options take."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def complete_representation(incomplete: str) -> list[str]:
    """Names of representations; files and folders once a path is begun. None is imported."""
    if incomplete.startswith((".", "/", "~")):
        return _files(incomplete)
    return _names("representation", incomplete)


def complete_task(incomplete: str) -> list[str]:
    """Names of tasks; none is imported."""
    return _names("task", incomplete)


def complete_protocol(incomplete: str) -> list[str]:
    """Names of protocols."""
    from mirbench.benchmark.protocol import PROTOCOLS

    return _beginning(incomplete, PROTOCOLS)


def complete_deformation(incomplete: str) -> list[str]:
    """Names of deformations."""
    from mirbench.benchmark.datasets.deform import DEFORMATIONS

    return _beginning(incomplete, DEFORMATIONS)


def complete_device(incomplete: str) -> list[str]:
    """Name the usual devices."""
    return _beginning(incomplete, ("cpu", "cuda"))


def complete_split(incomplete: str) -> list[str]:
    """Name the usual splits."""
    return _beginning(incomplete, ("paper", "artist"))


def _names(kind: str, incomplete: str) -> list[str]:
    from mirbench.benchmark.plugins.finding import find_plugins

    plugins = find_plugins("task" if kind == "task" else "representation")
    return _beginning(incomplete, sorted({plugin.name for plugin in plugins}))


def _files(incomplete: str) -> list[str]:
    """Python files, and folders with a slash, that begin so."""
    folder, _, begun = incomplete.rpartition("/")
    around = folder + "/" if folder or incomplete.startswith("/") else ""
    try:
        places = sorted(Path(around or ".").expanduser().iterdir())
        names = [
            place.name + "/" * place.is_dir()
            for place in places
            if place.is_dir() or place.suffix == ".py"
        ]
    except (OSError, RuntimeError):  # no such folder, or no home
        return []
    return [around + name for name in _beginning(begun, names)]


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
