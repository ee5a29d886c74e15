"""What this version of mirbench knows about a row's task, split and protocol."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import MirbenchError, Task
from mirbench.benchmark.datasets.locate import dataset_folder
from mirbench.benchmark.datasets.splits import SplitTable
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.protocol import PROTOCOLS, AnyProtocol
from mirbench.benchmark.registry import load_named_task, load_split
from mirbench.benchmark.result import Result

#: How most of what cannot be is mended.
AGAIN = "run the row again with this version of mirbench"


@dataclass(frozen=True)
class Ground:
    """Task, split and protocol of a row."""

    task: Task
    split: SplitTable
    protocol: AnyProtocol


class Splits:
    """Tasks and their splits, each of which is read or computed once.

    Parameters
    ----------
    data : Path, optional
        Folder of the datasets, which decide the splits of some tasks; default: the usual one.
    """

    def __init__(self, data: Path | None = None) -> None:
        self._data = data
        self._known: dict[tuple[str, str], tuple[Task, SplitTable]] = {}

    def find(self, task_name: str, split: str) -> tuple[Task, SplitTable]:
        """Load a task and one of its splits; raises as `load_named_task` and `load_split`.

        A file is never loaded: a row would have its code run by whoever checks it.
        """
        key = task_name, split
        if key not in self._known:
            task = load_named_task(task_name)
            folder = dataset_folder(task, self._data, CacheFolder.find())
            self._known[key] = task, load_split(task, split, folder)
        return self._known[key]


def find_ground(result: Result, splits: Splits) -> tuple[Ground | None, list[str]]:
    """Look up task, split and protocol of a row, or say which of them there is not.

    Parameters
    ----------
    result : Result
        The row.
    splits : Splits
        Of this and other rows.
    """
    errors = []
    protocol = PROTOCOLS.get(result.protocol.name)
    if protocol is None:
        main = ", ".join(name for name, known in PROTOCOLS.items() if known.on_board)
        errors.append(
            f"protocol.name: there is no protocol {show(result.protocol.name)}; the board has "
            f"rows of: {main}"
        )
    elif not protocol.on_board:
        errors.append(
            f"protocol.name: {protocol.name} is for trying things out and stays off the board; "
            "run the row without --protocol"
        )
    try:
        task, split = splits.find(result.task.name, result.task.split)
    except MirbenchError as error:
        if result.task.origin == "file":
            errors.append(
                "task.origin: it is a file; the board has rows of tasks that mirbench knows, so "
                "propose the task first, with its splits"
            )
        return None, [*errors, f"task: {error}"]
    return (None if protocol is None else Ground(task, split, protocol)), errors
