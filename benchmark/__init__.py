"""The harness: contract, registry, store, protocol, probes, result rows and command line.

``from mirbench.benchmark import run, embed, probe`` gives what the commands of
the same name call; they are loaded when they are first used. ``__version__`` is
that of the installed package, ``unknown`` where it is not installed as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mirbench.benchmark.machine.kernels import use_portable_kernels

if TYPE_CHECKING:
    from mirbench.benchmark.runs.commands import embed, probe, run

    __version__: str

__all__ = ["__version__", "embed", "probe", "run"]

use_portable_kernels()  # before anything of mirbench, or a plugin, imports torch


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("mirbench")
        except PackageNotFoundError:
            return "unknown"
    if name in __all__:
        from mirbench.benchmark.runs import commands

        return getattr(commands, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
