"""From a name to a task and its splits."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path

from mirbench.benchmark.api import KEYS, TEMPO_LABELS, DataError, PluginError, Task, UsageError
from mirbench.benchmark.datasets.splits import SplitTable, compute_split, read_split
from mirbench.benchmark.plugins.finding import Plugin, find_plugin, find_plugins
from mirbench.benchmark.plugins.naming import plugin_argument
from mirbench.benchmark.registry.task_files import find_task_file, is_task_file, read_task_file
from mirbench.benchmark.scoring.metrics import METRICS, METRICS_OF

#: The tasks of files, by file and digest of the source.
_from_files: dict[tuple[Path, str], tuple[Task, Plugin]] = {}


def load_task(name: str) -> Task:
    """Load the task of a name, or of a file such as ``./task.py``.

    Raises
    ------
    UsageError
        If there is no such task or file, or a file's task has the name of another.
    PluginError
        If its module cannot be imported or holds no `Task`.

    Examples
    --------
    >>> task = load_task("gtzan")
    >>> task.kind, task.metrics, len(task.labels)
    ('multiclass', ('accuracy',), 10)
    """
    if not is_task_file(name):
        return load_named_task(name)
    plugins = find_plugins("task")
    plugin = find_task_file(name, plugins)
    if plugin.origin != "file":
        return load_named_task(plugin.name)
    assert plugin.source is not None
    key = plugin.source.path, plugin.source.digest()
    if key not in _from_files:
        task = read_task_file(plugin, plugins)
        _check_metrics(task, plugin)
        _from_files[key] = task, plugin
    return _from_files[key][0]


@functools.cache
def load_named_task(name: str) -> Task:
    """Load the task of a name, once; see `load_task`."""
    plugin = find_plugin("task", name)
    task = getattr(plugin.load_module(), plugin.attribute or "TASK", None)
    if not isinstance(task, Task):
        raise PluginError(f"task {name!r} of {plugin.place}: TASK is not a mirbench Task")
    if task.name != name:
        raise PluginError(f"task {name!r} of {plugin.place} calls itself {task.name!r}")
    _check_metrics(task, plugin)
    return task


def _check_metrics(task: Task, plugin: Plugin) -> None:
    who = f"task {task.name!r} of {plugin.place}"
    for metric in task.metrics:
        if metric not in METRICS:
            known = ", ".join(METRICS)
            raise PluginError(f"{who}: there is no metric {metric!r}; known: {known}")
        if metric not in METRICS_OF[task.kind]:
            fitting = ", ".join(METRICS_OF[task.kind])
            raise PluginError(f"{who}: {metric} is no metric of {task.kind} tasks; use {fitting}")
    if "weighted_key_score" in task.metrics and len(task.labels) != len(KEYS):
        raise PluginError(f"{who}: weighted_key_score needs the {len(KEYS)} keys as labels")
    if {"acc1", "acc2"} & set(task.metrics) and (task.labels != TEMPO_LABELS or task.z_score):
        raise PluginError(
            f"{who}: acc1 and acc2 need the labels {', '.join(TEMPO_LABELS)} of tempo_label, "
            "and z_score=False"
        )
    if "chroma_accuracy" in task.metrics and not _are_semitones(task.labels):
        raise PluginError(
            f"{who}: chroma_accuracy needs MIDI numbers in a row as labels, such as '60', '61'"
        )


def _are_semitones(labels: tuple[str, ...]) -> bool:
    if not labels[0].isdecimal():
        return False
    return labels == tuple(str(int(labels[0]) + step) for step in range(len(labels)))


def load_split(task: Task, name: str, folder: Path | None = None) -> SplitTable:
    """Read a split of a task, wherever the task's splits lie, or compute it from the dataset.

    Parameters
    ----------
    folder : Path, optional
        Folder of the dataset, which tasks need that compute their splits.

    Raises
    ------
    UsageError
        If the task does not offer the split, or `folder` is needed.
    DataError
        If its file is absent or malformed; the message names the line.

    Examples
    --------
    >>> split = load_split(load_task("gtzan"), "paper")
    >>> [len(split.ids(part)) for part in ("train", "valid", "test")]
    [443, 197, 290]
    """
    if task.compute_split is None:
        return read_split(task, name, split_folder(task))
    if folder is None:
        raise UsageError(f"the splits of {task.name!r} are computed from its data: say where it is")
    return compute_split(task, name, folder)


def load_splits(task: Task, folder: Path) -> list[SplitTable]:
    """Read every split of a task; those that cannot be computed yet are left out.

    Parameters
    ----------
    folder : Path
        Folder of the dataset.

    Raises
    ------
    DataError
        If the file of a frozen split is absent or malformed.
    """
    tables = []
    for name in task.splits:
        try:
            tables.append(load_split(task, name, folder))
        except DataError:
            if task.compute_split is None:
                raise
    return tables


def task_plugin(task: Task) -> Plugin:
    """Find the plugin that a task came from: a file, or what bears its name."""
    file = _file_of(task)
    return find_plugin("task", task.name) if file is None else file


def task_origin(task: Task) -> tuple[str, str]:
    """Say where a task is from, and digest its source unless it is built in.

    The version of a published task is raised when its reader changes; one's own is edited
    between two runs, and rows of before the edit are not rows of the task as it is.
    """
    plugin = task_plugin(task)
    if plugin.origin == "built-in" or plugin.source is None:
        return plugin.origin, ""
    return plugin.origin, plugin.source.digest()[:16]


def task_argument(task: Task) -> str:
    """Write what names a task on the command line: its name, or the path of its file."""
    file = _file_of(task)
    return task.name if file is None else plugin_argument(file)


def _file_of(task: Task) -> Plugin | None:
    """Find the file that a task came from, if it came from one."""
    return next((plugin for known, plugin in _from_files.values() if known is task), None)


def split_folder(task: Task) -> Path:
    """Folder of a task's splits: mirbench's own, or ``splits`` beside the module of a plugin.

    Splits that lie beside the module itself are found, too.
    """
    plugin = task_plugin(task)
    if plugin.origin == "built-in" or plugin.source is None:
        return Path(importlib.import_module("mirbench.splits").__path__[0])
    folder = plugin.source.path.parent
    beside = folder / "splits"
    at_hand = not beside.is_dir() and any(folder.glob(f"{task.name}.*.csv"))
    return folder if at_hand else beside
