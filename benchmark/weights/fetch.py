"""Download a set of weights and convert it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mirbench.benchmark.api import DataError, Download, MirbenchError
from mirbench.benchmark.files.checksums import has_checksum, what_is_wrong
from mirbench.benchmark.files.download import fetch_file
from mirbench.benchmark.files.unpack import unpack
from mirbench.benchmark.progress import say
from mirbench.benchmark.weights.conversion import convert, locked
from mirbench.benchmark.weights.lookup import prepare_weights
from mirbench.benchmark.weights.sets import WeightFile, WeightSet


@dataclass(frozen=True)
class FetchedWeights:
    """What a fetch did.

    Attributes
    ----------
    found : bool
        The set was there, or in an installed package; nothing was downloaded.
    originals : Path or None
        Where the downloaded files were kept.
    """

    one: WeightSet
    found: bool
    originals: Path | None


def fetch_weights(one: WeightSet, keep: bool = False, force: bool = False) -> FetchedWeights:
    """Download the files of a set, check them, and convert them.

    Parameters
    ----------
    one : WeightSet
        What to fetch.
    keep : bool
        Do not delete the downloaded files after conversion.
    force : bool
        Download and convert even if the set is there.

    Raises
    ------
    DataError
        If what came is not the set, or not what came the first time.
    MirbenchError
        If it cannot be downloaded or written.
    """
    missing = one.plugin.missing_requirement()
    if missing is not None:
        raise MirbenchError(f"representation {one.plugin.name!r} {missing}")
    if not force and (one.ready or one.in_package() is not None):
        prepare_weights(one)
        return FetchedWeights(one, True, None)
    folder = one.folder / f"{one.name}.originals"
    with locked(one):
        if one.ready and not force:  # another process was at it
            return FetchedWeights(one, True, None)
        try:
            files = {file.name: _fetch(file, folder) for file in one.files}
            say(f"converting the weights {one.name}")
            convert(one, files)
        except DataError as error:
            kept = f"kept in {folder}" if keep else "deleted (--keep keeps it)"
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)
            raise DataError(f"{error}\nWhat was downloaded is {kept}.") from error
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    return FetchedWeights(one, False, folder if keep else None)


def _fetch(file: WeightFile, folder: Path) -> Path:
    """Download one file, unless it is there from an earlier attempt."""
    if file.zipped:
        return _fetch_from_zip(file, folder)
    item = Download(filename=file.name, mirrors=file.sources, sha256=file.sha256, bytes=file.bytes)
    path = folder / file.name
    if path.exists() and has_checksum(item) and what_is_wrong(path, item) is not None:
        path.unlink()
    fetch_file(item, path)
    return path


def _fetch_from_zip(file: WeightFile, folder: Path) -> Path:
    archive = folder / PurePosixPath(file.sources[0]).name
    fetch_file(Download(filename=archive.name, mirrors=file.sources), archive)
    inside = folder / f"{archive.name}.unpacked"
    unpack([archive], "zip", inside)
    found = sorted(inside.rglob(file.name))
    if not found:
        raise DataError(f"{file.sources[0]} holds no file {file.name}")
    return found[0]
