"""Take weights that a person has: recognise by content which set they are, and convert them."""

from __future__ import annotations

import contextlib
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from mirbench.benchmark.api import DataError, PluginError, UsageError
from mirbench.benchmark.files.foreign import ARCHIVE_DAMAGES, is_zip
from mirbench.benchmark.files.unpack import Limits, unpack
from mirbench.benchmark.weights.conversion import Draft, draft, locked
from mirbench.benchmark.weights.sets import WeightSet

#: Weights are packed to no less than a half; an archive of so many times its size holds others.
_MOST_UNPACKED = 20

#: Bytes that are unpacked from however small an archive.
_ALWAYS = 10**9


def add_weights(
    sets: Mapping[str, WeightSet], paths: Sequence[Path]
) -> list[tuple[WeightSet, dict[str, Path]]]:
    """Put weights into the store that lie somewhere on this machine.

    Parameters
    ----------
    sets : mapping of str to WeightSet
        What they may be, by name: sets of one representation, at least one.
    paths : sequence of Path
        Files, folders or zip archives. A folder may hold the files of a set,
        or folders that do. A set of one file is found whatever its name.

    Returns
    -------
    list of (WeightSet, dict)
        The sets that were added, with the files that they were made from.

    Raises
    ------
    DataError
        If they are no set of the representation, with the reason for each set.
    UsageError
        If they might be more than one.
    """
    for path in paths:
        if not path.exists():
            raise UsageError(f"there is no file or folder {path}")
    with contextlib.ExitStack() as stack:
        unpacked = {path: _unpacked(path, sets.values(), stack) for path in paths}
        candidates, reasons = _recognise(sets, list(unpacked.values()), stack)
        if not candidates:
            text = "\n".join(f"  {set_name}: {why}" for set_name, why in reasons.items())
            name = next(iter(sets.values())).plugin.name
            for path, place in unpacked.items():
                text = text.replace(str(place), str(path))
            raise DataError(
                f"{', '.join(map(str, paths))}: these are no weights of {name}:\n{text}"
            )
        _check_unambiguous(candidates)
        for candidate, _ in candidates:
            with locked(candidate.weights):
                candidate.keep()
    return [(candidate.weights, files) for candidate, files in candidates]


def _recognise(
    sets: Mapping[str, WeightSet], places: Sequence[Path], stack: contextlib.ExitStack
) -> tuple[list[tuple[Draft, dict[str, Path]]], dict[str, str]]:
    """Try every set on what might be its files: what could be converted, and why not."""
    candidates, reasons = [], {}
    for weights in sets.values():
        names = " and ".join(file.name for file in weights.files)
        reasons[weights.name] = f"nothing there is called {names}"
        for files in _groups(weights, sets, places):
            try:
                candidate = draft(weights, files)
                stack.callback(candidate.discard)
                candidates.append((candidate, files))
                break
            except (DataError, PluginError) as error:
                reasons[weights.name] = str(error)
    return candidates, reasons


def _groups(
    weights: WeightSet, sets: Mapping[str, WeightSet], places: Sequence[Path]
) -> list[dict[str, Path]]:
    """List what might be the files of a set (name → path), the likeliest first."""
    names = [file.name for file in weights.files]
    foreign = {file.name for other in sets.values() for file in other.files} - set(names)
    loose = {place.name: place for place in places if place.is_file()}
    groups = [{name: loose[name] for name in names}] if loose.keys() >= set(names) else []
    folders = [folder for place in places for folder in _folders(place)]
    for folder in sorted(folders, key=lambda folder: folder.name != weights.name):
        # Sets of one architecture differ by nothing but the name of their folder.
        if folder.name in sets and folder.name != weights.name:
            continue
        if all((folder / name).is_file() for name in names):
            groups.append({name: folder / name for name in names})
        else:
            loose |= _only_file(folder)
    if len(names) == 1:
        others = [path for name, path in loose.items() if name not in {*names, *foreign}]
        groups += [{names[0]: path} for path in others]
    return groups


def _folders(place: Path) -> Iterator[Path]:
    """Go through a folder and the folders in it."""
    if place.is_dir():
        yield place
        yield from sorted(path for path in place.iterdir() if path.is_dir())


def _only_file(folder: Path) -> dict[str, Path]:
    files = [path for path in folder.iterdir() if path.is_file()]
    return {files[0].name: files[0]} if len(files) == 1 else {}


def _check_unambiguous(candidates: Sequence[tuple[Draft, dict[str, Path]]]) -> None:
    for number, (candidate, files) in enumerate(candidates):
        for other, its_files in candidates[:number]:
            if sorted(files.values()) == sorted(its_files.values()):
                weights, paths = candidate.weights, sorted(map(str, files.values()))
                raise UsageError(
                    f"{', '.join(paths)} might be {other.weights.name} or {weights.name}; "
                    f"say which, as in: {weights.command('add')}"
                )


def _unpacked(path: Path, sets: Iterable[WeightSet], stack: contextlib.ExitStack) -> Path:
    """Unpack an archive that holds files of a set; anything else is returned as it is.

    Many checkpoints are zip files themselves, so what counts is what is in them.
    """
    if not is_zip(path):
        return path
    names = {file.name for weights in sets for file in weights.files}
    try:
        with zipfile.ZipFile(path) as archive:
            held = {PurePosixPath(member).name for member in archive.namelist()}
    except (OSError, *ARCHIVE_DAMAGES) as error:
        why = str(error)[:300] or type(error).__name__
        raise DataError(f"{path} is a damaged or unknown archive: {why}") from error
    if not held & names:
        return path
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mirbench-")))
    most = max(_ALWAYS, _MOST_UNPACKED * path.stat().st_size)
    unpack([path], "zip", folder, Limits(total_bytes=most))
    return folder
