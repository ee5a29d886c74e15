"""Download a set of weights and convert it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mirbench.benchmark.api import DataError, Download, MirbenchError
from mirbench.benchmark.files.checksums import has_checksum, what_is_wrong
from mirbench.benchmark.files.fetch import fetch_file
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
    already_here : bool
        The set was in the store, or in an installed package; nothing was downloaded.
    originals : Path or None
        Where the downloaded files were kept.
    """

    weights: WeightSet
    already_here: bool
    originals: Path | None


def fetch_weights(weights: WeightSet, keep: bool = False, force: bool = False) -> FetchedWeights:
    """Download the files of a set, check them, and convert them.

    Parameters
    ----------
    weights : WeightSet
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
    missing = weights.plugin.missing_requirement()
    if missing is not None:
        raise MirbenchError(f"representation {weights.plugin.name!r} {missing}")
    if not force and (weights.ready or weights.in_package() is not None):
        prepare_weights(weights)
        return FetchedWeights(weights, True, None)
    folder = weights.folder / f"{weights.name}.originals"
    with locked(weights):
        if weights.ready and not force:  # another process was at it
            return FetchedWeights(weights, True, None)
        try:
            files = {file.name: _fetch(file, folder) for file in weights.files}
            say(f"converting the weights {weights.name}")
            convert(weights, files)
        except DataError as error:
            kept = f"kept in {folder}" if keep else "deleted (--keep keeps it)"
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)
            raise DataError(f"{error}\nWhat was downloaded is {kept}.") from error
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    return FetchedWeights(weights, False, folder if keep else None)


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
    matches = sorted(inside.rglob(file.name))
    if not matches:
        raise DataError(f"{file.sources[0]} holds no file {file.name}")
    return matches[0]
