"""Files of a submission: found without following links, read within limits."""

from __future__ import annotations

import itertools
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from mirbench.benchmark.api import DataError, UsageError
from mirbench.benchmark.files.foreign import Damaged, read_bounded
from mirbench.benchmark.result import predictions_path

#: Bytes of a row and of its predictions. The largest test set of the four datasets
#: (5,329 clips, 50 tags) takes 3.5 MB.
ROW_BYTES = 1_000_000
PREDICTIONS_BYTES = 16_000_000

#: Files below one folder.
MOST_FILES = 20_000

_NAME = re.compile(r"[A-Za-z0-9_=,+-][A-Za-z0-9._=,+-]*")
_SUFFIX = ".predictions.safetensors"


def find_rows(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Find the rows among files and below folders.

    Returns
    -------
    rows : list of Path
        JSON files, those that are only named by their predictions among them.
    strays : list of Path
        Files that belong to no row.

    Raises
    ------
    UsageError
        If there is nothing of a name, or it holds no files.
    """
    rows: dict[Path, None] = {}
    strays: dict[Path, None] = {}
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            files = sorted(_walk(path, _generated(path)))
            if not files:
                raise UsageError(f"there are no rows below {path}")
        elif os.path.lexists(path):
            files = [path]
        else:
            raise UsageError(f"there is no file {path}")
        for file in files:
            if file.name.endswith(_SUFFIX):
                rows[file.with_name(file.name.removesuffix(_SUFFIX) + ".json")] = None
            elif file.name.endswith(".json"):
                rows[file] = None
            else:
                strays[file] = None
    return list(rows), list(strays)


def stray_reason(path: Path) -> str:
    """Say why a file that belongs to no row cannot stay."""
    if path.is_symlink():
        return f"{path.name} is a symbolic link, which is not followed; remove it"
    return f"{path.name} is no file of a row (X.json, X.predictions.safetensors); remove it"


def _generated(folder: Path) -> set[Path]:
    """Pages that `mirbench run` writes beside the rows, where that is not the board's folder."""
    board = Path(os.path.abspath(folder)).parts[-2:] == ("leaderboard", "results")
    names = ("README.md", "index.html", "compare.html", ".rendered.json")
    return set() if board else {folder / name for name in names} | {*folder.glob("rep/*.html")}


def _walk(folder: Path, leave_out: set[Path]) -> Iterator[Path]:
    """Yield everything below a folder that is no folder; links are yielded, not followed."""
    waiting, count = [folder], 0
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                entries = list(itertools.islice(found, MOST_FILES + 1))
        except OSError as error:
            raise UsageError(f"cannot read {error.filename}: {error.strerror}") from error
        for entry in entries:
            path = Path(entry.path)
            count += 1
            if count > MOST_FILES:
                raise UsageError(f"there are more than {MOST_FILES} files below {folder}")
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            elif path not in leave_out:
                yield path


def check_place(path: Path) -> list[str]:
    """Say what is wrong with where a row lies and what its files are."""
    errors = []
    folder = path.absolute().parent
    for part in (folder.parent, folder, path, predictions_path(path)):
        if part.is_symlink():
            what = "folder" if part in (folder, folder.parent) else "file"
            errors.append(
                f"{part.name} is a symbolic link; put the {what} itself there, links are not read"
            )
    for file in (path, predictions_path(path)):
        mode = file.lstat().st_mode if os.path.lexists(file) else 0
        if stat.S_ISREG(mode) and mode & 0o111:
            errors.append(f"{file.name} is executable; rows are data: chmod -x {file.name}")
    for name in (folder.name, path.name):
        if not _NAME.fullmatch(name) or len(name) > 200:
            errors.append(
                f"the name {name!r} is not one that mirbench writes; "
                "let mirbench leaderboard submit put the row in its place"
            )
    return errors


def read_limited(path: Path, limit: int, what: str) -> bytes:
    """Read a regular file whose size is known to be within a limit; no link is followed.

    Raises
    ------
    DataError
        If it is absent, too large or no regular file.
    """
    try:
        return read_bounded(path, limit, follow_links=False)
    except FileNotFoundError:
        raise DataError(
            f"there is no {path.name}: {what} is missing; a row is two files, "
            "X.json and X.predictions.safetensors"
        ) from None
    except OSError as error:
        raise DataError(f"cannot read {path.name}: {error.strerror}") from error
    except Damaged as error:
        raise DataError(f"{path.name} was not read: {error}; put {what} there") from None
