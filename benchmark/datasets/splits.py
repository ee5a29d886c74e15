"""Fixed splits: read ``<task>.<split>.csv`` and check it, or compute it from the dataset."""

from __future__ import annotations

import contextlib
import csv
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import SPLITS, DataError, PluginError, Split, Task, UsageError
from mirbench.benchmark.files.foreign import Damaged, read_bounded
from mirbench.benchmark.machine.code_lines import error_text
from mirbench.benchmark.machine.process_state import kept_process

#: Of a split: some ten million clips.
MOST_BYTES = 256 * 2**20


@dataclass(frozen=True)
class SplitTable:
    """Which clips are for training, validation and test.

    Attributes
    ----------
    name : str
        ``paper``, ``artist`` or another that the task offers.
    of : mapping
        Clip id to split, in the order of the file.
    sha256 : str
        Of the file, in hex, or of the file that a computed split would be.
    """

    name: str
    of: Mapping[str, Split]
    sha256: str

    def ids(self, split: Split) -> list[str]:
        """Clip ids of one split, sorted."""
        return [clip_id for clip_id, value in self.of.items() if value == split]


def read_split(task: Task, name: str, folder: Path) -> SplitTable:
    """Read a split of a task.

    Parameters
    ----------
    folder : Path
        Folder of the file; see `mirbench.benchmark.registry.load_split`.

    Raises
    ------
    UsageError
        If the task does not offer the split.
    DataError
        If the file is absent or malformed; the message names the line.
    """
    _check_offered(task, name)
    path = folder / f"{task.name}.{name}.csv"
    if not path.exists():
        raise DataError(
            f"task {task.name!r}: the split {name!r} should be the file {path}, which is not "
            "there: it has the header clip_id,split, and a line for each clip, sorted by clip id"
        )
    try:
        content = read_bounded(path, most=MOST_BYTES)
    except (OSError, Damaged) as error:
        raise DataError(f"task {task.name!r}: cannot read the split {path}: {error}") from error
    return SplitTable(name, _parse(content, path), hashlib.sha256(content).hexdigest())


def compute_split(task: Task, name: str, folder: Path) -> SplitTable:
    """Compute a split of a task that has no frozen ones.

    Parameters
    ----------
    folder : Path
        Folder of the dataset.

    Raises
    ------
    UsageError
        If the task does not offer the split.
    DataError
        If files that decide it are absent.
    PluginError
        If the task fails otherwise, or what it computes is no split.
    """
    _check_offered(task, name)
    assert task.compute_split is not None
    with task_code(task, f"computing the split {name!r}"):
        computed = dict(sorted(task.compute_split(folder, name).items()))
    for split in SPLITS:
        if split not in computed.values():
            raise DataError(f"task {task.name!r}: {folder} has no clip for {split} of {name!r}")
    lines = ["clip_id,split", *(f"{clip_id},{split}" for clip_id, split in computed.items())]
    text = "\n".join(lines) + "\n"
    return SplitTable(
        name, _parse(text.encode(), folder), hashlib.sha256(text.encode()).hexdigest()
    )


@contextlib.contextmanager
def task_code(task: Task, doing: str) -> Iterator[None]:
    """Run code of a task: it sees no secrets, and what it sets for the process is put back.

    Parameters
    ----------
    task : Task
    doing : str
        What it does, for the message.

    Raises
    ------
    PluginError
        For whatever it raises but `DataError`.
    """
    try:
        with kept_process():
            yield
    except (DataError, PluginError):
        raise
    except Exception as error:
        raise PluginError(f"task {task.name!r}: {doing} raised {error_text(error)}") from error


def _check_offered(task: Task, name: str) -> None:
    if name not in task.splits:
        offered = ", ".join(task.splits)
        raise UsageError(f"task {task.name!r} has no split {name!r}; it offers: {offered}")


def _parse(content: bytes, path: Path) -> dict[str, Split]:
    try:
        rows = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8: {error}") from error
    if not rows or rows[0] != ["clip_id", "split"]:
        raise DataError(f"{path}, line 1: the header must be clip_id,split")
    of: dict[str, Split] = {}
    sides: dict[str, Split] = {name: name for name in SPLITS}  # one text of each for all rows
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != 2 or row[1] not in SPLITS:
            raise DataError(
                f"{path}, line {number}: expected a clip id and one of {', '.join(SPLITS)}"
            )
        if row[0] in of:
            raise DataError(f"{path}, line {number}: clip {row[0]!r} stands there twice")
        of[row[0]] = sides[row[1]]
    if list(of) != sorted(of):
        raise DataError(f"{path} is not sorted by clip id")
    for split in SPLITS:
        if split not in of.values():
            raise DataError(f"{path} has no clip for {split}")
    return of
