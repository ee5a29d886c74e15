"""Table 3 of Castellon et al. (ISMIR 2021), measured again from the features they published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import DataError, MirbenchError, UsageError
from mirbench.benchmark.datasets.locate import dataset_folder, read_clips
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.evaluation.evaluate import Subject, evaluate_embeddings
from mirbench.benchmark.evaluation.places import default_out
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.download import fetch_file
from mirbench.benchmark.protocol import get_protocol
from mirbench.benchmark.registry import load_split, load_task
from mirbench.benchmark.reproduction.published_features import (
    DATASETS,
    REPRESENTATIONS,
    Archive,
    read_archive,
    read_checksums,
)
from mirbench.benchmark.result import Row

SPLIT = "paper"


@dataclass(frozen=True)
class Cell:
    """One representation on one task: its row, or the reason why there is none.

    Attributes
    ----------
    excused : bool
        Whether the reason is only that the task's annotations are not here,
        and the task was not asked for by name.
    """

    representation: str
    task: str
    row: Row | None
    reason: str = ""
    excused: bool = False


def reproduce(
    rep: Sequence[str] | None = None,
    task: Sequence[str] | None = None,
    *,
    features: Path | None = None,
    checksums: Mapping[str, str] | None = None,
    data: Path | None = None,
    device: str = "cpu",
    protocol: str = "castellon2021",
    out: Path | None = None,
    cache: Path | None = None,
    max_missing: float = 0.05,
    force: bool = False,
    on_cell: Callable[[Cell], None] | None = None,
) -> list[Cell]:
    """Probe published features; a row that is there and identical is not probed again.

    No audio is needed. The annotation files of a task are, except for GTZAN.

    Parameters
    ----------
    rep, task : sequence of str, optional
        Default: all six, all four.
    features : Path, optional
        Folder that holds the archives; default: they are downloaded into the cache.
    checksums : mapping, optional
        Archive to SHA-256; default: that of the published archives.
    on_cell : callable, optional
        Called with every cell when it is finished.

    Returns
    -------
    list of Cell
        Task by task, in the order of Table 3. What cannot be measured has a reason instead.

    Raises
    ------
    UsageError
        If a representation or task is not in Table 3, or there is no folder `features`.
    """
    reps = _chosen("representation", rep, REPRESENTATIONS)
    tasks = _chosen("task", task, DATASETS)
    if features is not None and not features.is_dir():
        raise UsageError(f"there is no folder {features}")
    rules = get_protocol(protocol)
    store = Store(cache)
    table = read_checksums() if checksums is None else checksums
    cells = []
    for name in tasks:
        spec = load_task(name)
        split = load_split(spec, SPLIT)
        try:
            clips = read_clips(spec, dataset_folder(spec, data, store.cache), split)
        except DataError as error:
            reason = f"its annotations are needed: {error}"
            cells += [Cell(one, name, None, reason, excused=task is None) for one in reps]
            continue
        for one in reps:
            archive = Archive(name, one)
            try:
                place = _archive_path(archive, features, table, store.cache)
                embeddings = read_archive(
                    place, spec, [clip.id for clip in clips], table[archive.name]
                )
                row = evaluate_embeddings(
                    _subject(one, archive, table),
                    spec,
                    split,
                    clips,
                    embeddings,
                    store,
                    rules,
                    out or default_out(rules),
                    device,
                    max_missing,
                    force,
                )
                cell = Cell(one, name, row)
            except MirbenchError as error:
                cell = Cell(one, name, None, str(error))
            cells.append(cell)
            if on_cell is not None:
                on_cell(cell)
    return cells


def _chosen(kind: str, asked: Sequence[str] | None, known: Mapping[str, str]) -> list[str]:
    wrong = [name for name in asked or () if name not in known]
    if wrong:
        raise UsageError(f"Table 3 has no {kind} {wrong[0]!r}; it has: {', '.join(known)}")
    return [name for name in known if not asked or name in asked]


def _archive_path(
    archive: Archive, features: Path | None, table: Mapping[str, str], cache: CacheFolder
) -> Path:
    """Where an archive lies that has a checksum; without a folder of them it is downloaded."""
    if features is not None and not (features / archive.name).is_file():
        raise DataError(f"{archive.name} is not in {features}")
    item = archive.download(table)
    if features is not None:
        return features / archive.name
    place = cache.features("castellon2021") / archive.name
    fetch_file(item, place)
    return place


def _subject(representation: str, archive: Archive, table: Mapping[str, str]) -> Subject:
    return Subject(
        name=f"castellon2021/{representation}",
        origin="published features",
        params={},
        fingerprint=table[archive.name][:16],
        trained_on=REPRESENTATIONS[representation],
    )
