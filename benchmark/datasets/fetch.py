"""Download and unpack a task's dataset."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import DataError, Download, MirbenchError, PluginError, Task
from mirbench.benchmark.datasets.locate import data_root, dataset_folder, prepare, read_clips
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.checksums import has_checksum, what_is_wrong
from mirbench.benchmark.files.fetch import fetch_file, forbid_if_offline
from mirbench.benchmark.files.unpack import unpack
from mirbench.benchmark.progress import bar, count, say

#: Single files downloaded at once: few, so as not to burden the publishers' servers.
CONNECTIONS = 4

#: Failures at the beginning, without a single success, after which the rest is not tried.
HOPELESS = 8


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch did.

    Attributes
    ----------
    folder : Path
        Folder of the dataset.
    downloaded, unpacked : int
        Number of files.
    archives : tuple of Path
        Archives that were unpacked and are not needed any more.
    annotations : bool
        The audio was left out.
    """

    task: Task
    folder: Path
    downloaded: int
    unpacked: int
    archives: tuple[Path, ...]
    annotations: bool = False


def fetch(
    task: Task,
    data: Path | None = None,
    cache: CacheFolder | None = None,
    annotations: bool = False,
) -> Fetched:
    """Download what is missing of a dataset, check and unpack it.

    Files that are there already and right are left alone, so that an
    interrupted fetch goes on when it is run again.

    Parameters
    ----------
    task : Task
    data : Path, optional
        Folder of the datasets; the dataset's own folder is made in it.
    cache : CacheFolder, optional
        Where a dataset lies that mirbench makes itself; default: the usual one.
    annotations : bool
        Leave the audio out, which features that others computed do not need.

    Raises
    ------
    MirbenchError
        If something could not be downloaded, or must be asked for.
    """
    if task.prepare is not None:
        folder = dataset_folder(task, data, cache or CacheFolder.find())
        prepare(task, folder)
        return Fetched(task, folder, 0, 0, ())
    folder = fetch_folder(task, data)
    if not task.downloads and task.list_files is None:
        raise MirbenchError(f"{task.title} cannot be fetched. {task.how_to_get}")
    downloaded = unpacked = 0
    archives: list[Path] = []
    downloads = () if _is_complete(task, folder) else task.downloads
    if annotations:
        downloads = _without_audio(task, downloads)
    on_request = []
    for group in archive_groups(downloads):
        absent = [item for item in group if not (folder / item.filename).exists()]
        if any(not item.mirrors for item in absent):
            on_request += [item.filename for item in absent]
            continue
        for item in group:
            downloaded += _fetch_file(item, folder)
        if group[0].unpack is not None:
            pieces = [folder / item.filename for item in group]
            unpacked += unpack(pieces, group[0].unpack, folder)
            archives += pieces
    if on_request:
        raise MirbenchError(
            f"{', '.join(on_request)}: {task.title} is given out on request only. "
            f"{task.how_to_get} (Or put the archives into {folder} and run this again: they are "
            "checked and unpacked.)"
        )
    if task.list_files is not None and not annotations:
        downloaded += _fetch_files(task, list(task.list_files(folder)), folder)
    return Fetched(task, folder, downloaded, unpacked, tuple(archives), annotations)


def _without_audio(task: Task, downloads: Sequence[Download]) -> tuple[Download, ...]:
    if task.list_files is None and not any(item.audio for item in task.downloads):
        raise MirbenchError(
            f"{task.title}: its audio and its annotations are not published apart from each other; "
            "leave out --annotations"
        )
    return tuple(item for item in downloads if not item.audio)


def fetch_folder(task: Task, data: Path | None) -> Path:
    """Folder that a dataset is fetched into: below `data`, or `data` itself if it bears its name.

    `data` itself is also taken if a file of the dataset lies there.
    """
    root = data_root(data)
    inside = root / task.folder
    holds_dataset = root.name == task.folder or any(
        (root / item.filename).exists() for item in task.downloads
    )
    return root if holds_dataset and not inside.is_dir() else inside


def archive_groups(downloads: Sequence[Download]) -> list[list[Download]]:
    """Group the pieces ``name.001``, ``name.002``, … of one archive; other files stand alone."""
    groups: dict[str, list[Download]] = {}
    for item in downloads:
        piece = re.fullmatch(r"(.+)\.\d{3}", item.filename) if item.unpack else None
        groups.setdefault(piece[1] if piece else item.filename, []).append(item)
    return [sorted(group, key=lambda item: item.filename) for group in groups.values()]


def _is_complete(task: Task, folder: Path) -> bool:
    """Whether all that the archives bring is there, so that they may have been deleted."""
    try:
        if task.list_files is not None and next(task.list_files(folder), None):
            return True
        clips = read_clips(task, folder)
    except (DataError, PluginError):
        return False
    present = [clip.path is not None and clip.path.is_file() for clip in clips]
    return bool(present) and all(present)


def _fetch_file(item: Download, folder: Path) -> int:
    """Download one file unless the right one is there; a wrong one is put aside, not deleted."""
    path = folder / item.filename
    if path.exists():
        wrong = what_is_wrong(path, item) if has_checksum(item) else None
        if wrong is None:
            return 0
        if item.unpack is None:
            say(f"{path} is kept, though it is not the published file: {wrong}")
            return 0
        aside = path.with_name(path.name + ".wrong")
        path.replace(aside)
        say(f"{path.name} is not the published file ({wrong}); it is now {aside.name}")
    fetch_file(item, path)
    return 1


def _fetch_files(task: Task, items: Sequence[Download], folder: Path) -> int:
    """Download single files, several at a time; failures are reported together at the end."""
    todo = [item for item in items if _is_absent_or_wrong(folder / item.filename, item)]
    if todo:
        forbid_if_offline(f"the audio of {task.name}")
    failures: list[str] = []
    fetched = 0

    def work(item: Download) -> str | None:
        try:
            path = folder / item.filename
            path.unlink(missing_ok=True)
            fetch_file(item, path, quiet=True)
        except MirbenchError as error:
            return str(error)
        return None

    pool = ThreadPoolExecutor(CONNECTIONS)
    try:
        with bar(f"fetching {task.folder}", len(items), "file", len(items) - len(todo)) as progress:
            for failure in pool.map(work, todo):
                progress.update(1)
                if failure is None:
                    fetched += 1
                    continue
                failures.append(failure)
                if not fetched and len(failures) == HOPELESS:
                    break
    finally:
        pool.shutdown(cancel_futures=True)
    if failures:
        left = len(todo) - fetched
        raise DataError(
            f"{count(left, 'file', of=len(items))} could not be fetched, the others are here; "
            "run the same command again to go on. The first reasons:\n" + "\n".join(failures[:3])
        )
    return fetched


def _is_absent_or_wrong(path: Path, item: Download) -> bool:
    return not path.is_file() or what_is_wrong(path, item) is not None
