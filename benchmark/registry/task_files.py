"""Tasks that are files: ``--task ./task.py``, with their splits in a folder beside them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import PluginError, Task, UsageError
from mirbench.benchmark.files.foreign import is_there
from mirbench.benchmark.plugins.finding import Plugin
from mirbench.benchmark.plugins.source import file_source

#: What of a task runs its module's code.
_FUNCTIONS = ("read_clips", "compute_split", "list_files", "prepare")


def is_task_file(text: str) -> bool:
    """Whether a text names a file and not a task."""
    return text.endswith(".py")


def find_task_file(text: str, plugins: Iterable[Plugin]) -> Plugin:
    """Find the plugin that a file is; that of a task which mirbench knows is that task's.

    Parameters
    ----------
    text : str
        Path of the file.
    plugins : iterable of Plugin
        All tasks that have names.

    Raises
    ------
    UsageError
        If there is no such file.
    """
    path = Path(text).expanduser()
    if not is_there(path) or not path.is_file():
        raise UsageError(f"there is no file {path}")
    source = file_source(path)
    for plugin in plugins:
        if plugin.source is not None and plugin.source.path.resolve() == source.path:
            return plugin
    return Plugin("task", path.stem, "file", None, source)


def read_task_file(plugin: Plugin, plugins: Iterable[Plugin]) -> Task:
    """Run a file and take its task.

    Parameters
    ----------
    plugin : Plugin
        The file.
    plugins : iterable of Plugin
        All tasks that have names, which the file's may not take.

    Raises
    ------
    UsageError
        If its name is taken.
    PluginError
        If the file cannot be run, has no `Task`, or wants a place on the board.
    """
    assert plugin.source is not None
    path, module = plugin.source.path, plugin.load_module()
    task = getattr(module, "TASK", None)
    if task is None:
        hint = (
            "it has a load_model: name it with --rep"
            if hasattr(module, "load_model")
            else "a task is TASK = Task(name=…, …) in a module, as in tasks/gtzan.py"
        )
        raise PluginError(f"{path} has no TASK; {hint}")
    if not isinstance(task, Task):
        raise PluginError(f"{path}: TASK is of type {type(task).__name__}, not a mirbench Task")
    for other in plugins:
        if other.name.lower() == task.name.lower():
            raise UsageError(
                f"two tasks are named {task.name!r}: {other.place} and file ({path}); give the "
                "task of the file another name, and its splits too"
            )
    if task.board != "other":
        raise PluginError(
            f"{path}: board is {task.board!r}, but the tables of the leaderboard are for tasks "
            "that mirbench knows; leave board out"
        )
    calls: dict[str, Any] = {
        name: _inside(plugin, call) for name in _FUNCTIONS if (call := getattr(task, name))
    }
    return replace(task, **calls)


def _inside(plugin: Plugin, function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of a file import what lies beside it, whenever it is called."""

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        with plugin.running():
            made = function(*arguments)
            return iter(list(made)) if isinstance(made, Iterator) else made

    return call
