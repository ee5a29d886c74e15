"""What a plugin sets for the whole process, kept apart from what the harness has set.

What a plugin sets for all (PyTorch's default dtype, the working folder, a seed, a filter
of warnings, …) would reach the next plugin of the same worker; and in the main process,
where readers of tasks, adapters and conversions of weights run, the probes and the
harness's own files. So every call of a plugin is made within its
`PluginState`: what it has changed is put back when the call ends, and comes back at its
next call, since a model may count on what its ``load_model`` set.

What is kept: the working folder, the environment variables, the umask, the locale, the
states of the global random generators (`random`, NumPy, PyTorch), warnings, NumPy's
error handling, the root logger, the standard streams, the recursion limit, garbage
collection, flushing of denormal numbers, and the settings of PyTorch that
`mirbench.benchmark.machine.torch_settings` lists. Handlers of signals are put back too,
but do not come back: Ctrl-C belongs to the harness.

A variable such as ``HF_HUB_OFFLINE`` or ``CUDA_VISIBLE_DEVICES`` that a plugin sets
holds for its own calls, and for what a library reads of it within.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import Any, cast

import numpy as np

from mirbench.benchmark.machine.launch import rules
from mirbench.benchmark.machine.secret_names import secrets_hidden
from mirbench.benchmark.machine.setting import Setting
from mirbench.benchmark.machine.torch_settings import torch_settings


class PluginState:
    """The settings of the process while the code of one plugin runs.

    A context manager that is entered around every call of the plugin; within itself,
    it does nothing more.

    Attributes
    ----------
    changed : frozenset of str
        What was set within, the last time, and put back: names as ``environment`` or
        ``torch.dtype``. NumPy's global generator, which each state has anew, is left out.

    Examples
    --------
    >>> import os
    >>> state, before = PluginState(), os.getcwd()
    >>> with state:
    ...     os.chdir("/")
    >>> os.getcwd() == before
    True
    >>> with state:
    ...     print(os.getcwd())
    /
    """

    def __init__(self) -> None:
        # A generator of its own, since to read the state of NumPy's takes long.
        self._own: dict[str, Any] = {"numpy.random": np.random.MT19937()}
        self._outside: dict[str, Any] = {}
        self._depth = 0
        self.changed: frozenset[str] = frozenset()

    def __enter__(self) -> PluginState:
        self._depth += 1
        if self._depth == 1:
            settings = _settings()
            self._outside = {name: setting.read() for name, setting in settings.items()}
            # A setting of PyTorch may be the plugin's before PyTorch is there in a new process.
            _write({name: self._own[name] for name in settings if name in self._own})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._depth -= 1
        if self._depth:
            return
        settings, changed = _settings(), {}
        for name, setting in settings.items():
            inside = setting.read()
            # What a library that was imported meanwhile had at first.
            outside = self._outside[name] if name in self._outside else setting.first(inside)
            self._own.pop(name, None)
            if inside != outside:
                changed[name] = outside
                if setting.returns:
                    self._own[name] = inside
        self._outside = {}
        self.changed = frozenset(changed) - {"numpy.random"}
        _write(changed)


@contextlib.contextmanager
def kept_process() -> Iterator[None]:
    """Put back what the code within sets for the process, for good; it sees no secrets."""
    with secrets_hidden(rules().passed), PluginState():
        yield


@functools.cache
def plugin_state(plugin: str, content: str) -> PluginState:
    """Return the state of a plugin in this process.

    Parameters
    ----------
    plugin : str
        Which one.
    content : str
        Digest of its source: what another version of it had set is forgotten.
    """
    del plugin, content
    return PluginState()


def _settings() -> dict[str, Setting]:
    return _PLAIN | torch_settings()


def _write(values: dict[str, Any]) -> None:
    if values:
        settings = _settings()
        for name in settings:  # in their order: a later one may hang on an earlier one
            if name in values:
                settings[name].write(values[name])


def _read_folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _write_folder(folder: str | None) -> None:
    if folder is not None:
        with contextlib.suppress(OSError):  # it has been deleted
            os.chdir(folder)


def _write_environment(variables: dict[str, str]) -> None:
    for name in set(os.environ) - set(variables):
        del os.environ[name]
    for name, value in variables.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _read_umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _read_warnings() -> tuple[Any, ...]:
    return tuple(warnings.filters), warnings.showwarning


def _write_warnings(value: tuple[Any, ...]) -> None:
    filters, show = value
    # In place, or what has been warned of once would be said again and again.
    cast("list[Any]", warnings.filters)[:] = filters
    warnings.showwarning = show


def _read_logging() -> tuple[Any, ...]:
    root = logging.root
    return root.level, tuple(root.handlers), root.manager.disable


def _write_logging(value: tuple[Any, ...]) -> None:
    level, handlers, disabled = value
    logging.root.setLevel(level)
    logging.root.handlers[:] = handlers
    logging.disable(disabled)


#: What may tell the harness to stop, where the system has it.
_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def _read_signals() -> tuple[Any, ...] | None:
    if threading.current_thread() is not threading.main_thread():
        return None
    return tuple(signal.getsignal(number) for number in _SIGNALS)


def _write_signals(handlers: tuple[Any, ...] | None) -> None:
    for number, handler in zip(_SIGNALS, handlers or (), strict=False):
        if handler is not None:  # None: it was not Python that installed it
            signal.signal(number, handler)


def _read_streams() -> tuple[Any, ...]:
    return sys.stdin, sys.stdout, sys.stderr


def _write_streams(streams: tuple[Any, ...]) -> None:
    sys.stdin, sys.stdout, sys.stderr = streams


def _write_collection(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()


#: The smallest positive number of double precision; not a constant, which Python would fold.
_DENORMAL = [5e-324]


def _read_flushing() -> bool:
    return _DENORMAL[0] * 1.0 == 0.0


def _write_flushing(flush: bool) -> None:
    # Libraries that were compiled for speed set this too, without PyTorch.
    import torch

    torch.set_flush_denormal(flush)


_PLAIN: dict[str, Setting] = {
    "folder": Setting(_read_folder, _write_folder),
    "environment": Setting(os.environ.copy, _write_environment),
    "umask": Setting(_read_umask, os.umask),
    "locale": Setting(
        lambda: locale.setlocale(locale.LC_ALL),
        lambda value: locale.setlocale(locale.LC_ALL, value),
    ),
    "random": Setting(random.getstate, random.setstate),
    "numpy.random": Setting(np.random.mtrand.get_bit_generator, np.random.mtrand.set_bit_generator),
    "numpy.errors": Setting(np.geterr, lambda value: np.seterr(**value)),
    "numpy.error_call": Setting(np.geterrcall, np.seterrcall),
    "warnings": Setting(_read_warnings, _write_warnings),
    "logging": Setting(_read_logging, _write_logging),
    "signals": Setting(_read_signals, _write_signals, returns=False),
    "streams": Setting(_read_streams, _write_streams),
    "recursion": Setting(sys.getrecursionlimit, sys.setrecursionlimit),
    "collection": Setting(gc.isenabled, _write_collection),
    "flushing": Setting(_read_flushing, _write_flushing),
}
