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
from mirbench.benchmark.registry import load_split, load_task
from mirbench.benchmark.result import Result

#: How most of what cannot be is mended.
AGAIN = "run the row again with this version of mirbench"


@dataclass(frozen=True)
class Ground:
    """Task, split and protocol of a row."""

    task: Task
    split: SplitTable
    protocol: AnyProtocol


def find_ground(result: Result, data: Path | None = None) -> tuple[Ground | None, list[str]]:
    """Look up task, split and protocol of a row, or say which of them there is not.

    Parameters
    ----------
    result : Result
        The row.
    data : Path, optional
        Folder of the datasets, which decide the splits of some tasks; default: the usual one.
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
        task = load_task(result.task.name)
        folder = dataset_folder(task, data, CacheFolder.find())
        split = load_split(task, result.task.split, folder)
    except MirbenchError as error:
        if result.task.origin == "file":
            errors.append(
                "task.origin: it is a file; the board has rows of tasks that mirbench knows, so "
                "propose the task first, with its splits"
            )
        return None, [*errors, f"task: {error}"]
    return (None if protocol is None else Ground(task, split, protocol)), errors
