"""Table 3 of Castellon et al. (ISMIR 2021), measured again from the features they published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import DataError, MirbenchError, Task, UsageError
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.datasets.locate import dataset_folder, read_clips
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.evaluation.evaluate import evaluate_embeddings
from mirbench.benchmark.evaluation.places import default_out
from mirbench.benchmark.evaluation.settings import Settings
from mirbench.benchmark.evaluation.subject import Subject
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.fetch import fetch_file
from mirbench.benchmark.protocol import get_grid
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
    data : Path, optional
        Folder of the datasets; default: ``MIRBENCH_DATA`` or ``./data``.
    device : {"cpu", "cuda"}
        Where probes are trained.
    protocol : str
        Name of the probe protocol.
    out : Path, optional
        Folder of the rows; default: that of ``mirbench run``.
    cache : Path, optional
        Cache folder; default: the usual one.
    max_missing : float
        Share of a task's clips that an archive may lack.
    force : bool
        Probe again where the identical row is there.
    on_cell : callable, optional
        Called with every cell when it is finished.

    Returns
    -------
    list of Cell
        Task by task, in the order of Table 3. What cannot be measured has a reason instead.

    Raises
    ------
    UsageError
        If a representation or task is not in Table 3, there is no protocol of
        that name, or there is no folder `features`.
    """
    reps = _chosen("representation", rep, REPRESENTATIONS)
    tasks = _chosen("task", task, DATASETS)
    if features is not None and not features.is_dir():
        raise UsageError(f"there is no folder {features}")
    rules = get_grid(protocol)
    measurement = _Measurement(
        features=features,
        checksums=read_checksums() if checksums is None else checksums,
        data=data,
        settings=Settings(
            store=Store(cache),
            device=device,
            protocol=rules,
            out=out or default_out(rules),
            max_missing=max_missing,
            force=force,
        ),
        on_cell=on_cell,
    )
    cells = []
    for name in tasks:
        cells += measurement.column(load_task(name), reps, excused=task is None)
    return cells


@dataclass(frozen=True)
class _Measurement:
    """What all cells are measured with; see `reproduce`."""

    features: Path | None
    checksums: Mapping[str, str]
    data: Path | None
    settings: Settings
    on_cell: Callable[[Cell], None] | None

    def column(self, task: Task, representations: Sequence[str], excused: bool) -> list[Cell]:
        """Measure representations on a task; without its annotations all cells are empty."""
        split = load_split(task, SPLIT)
        try:
            folder = dataset_folder(task, self.data, self.settings.store.cache)
            clips = tuple(read_clips(task, folder, split))
        except DataError as error:
            reason = f"its annotations are needed: {error}"
            return [Cell(name, task.name, None, reason, excused) for name in representations]
        data = Dataset(task, split, clips, clips)
        cells = []
        for name in representations:
            cell = self._cell(name, data)
            cells.append(cell)
            if self.on_cell is not None:
                self.on_cell(cell)
        return cells

    def _cell(self, representation: str, data: Dataset) -> Cell:
        """Measure one representation on one task."""
        task, archive = data.task, Archive(data.task.name, representation)
        try:
            path = _archive_path(archive, self.features, self.checksums, self.settings.store.cache)
            embeddings = read_archive(
                path, task, [clip.id for clip in data.clips], self.checksums[archive.name]
            )
            subject = _subject(archive, self.checksums)
            row = evaluate_embeddings(subject, data, embeddings, self.settings)
        except MirbenchError as error:
            return Cell(representation, task.name, None, str(error))
        return Cell(representation, task.name, row)


def _chosen(kind: str, asked: Sequence[str] | None, known: Mapping[str, str]) -> list[str]:
    wrong = [name for name in asked or () if name not in known]
    if wrong:
        raise UsageError(f"Table 3 has no {kind} {wrong[0]!r}; it has: {', '.join(known)}")
    return [name for name in known if not asked or name in asked]


def _archive_path(
    archive: Archive, features: Path | None, checksums: Mapping[str, str], cache: CacheFolder
) -> Path:
    """Where an archive lies that has a checksum; without a folder of them it is downloaded."""
    if features is not None and not (features / archive.name).is_file():
        raise DataError(f"{archive.name} is not in {features}")
    item = archive.download(checksums)
    if features is not None:
        return features / archive.name
    place = cache.features("castellon2021") / archive.name
    fetch_file(item, place)
    return place


def _subject(archive: Archive, checksums: Mapping[str, str]) -> Subject:
    return Subject(
        name=f"{archive.representation}-published-features",
        origin="precomputed",
        params={},
        fingerprint=checksums[archive.name][:16],
        trained_on=REPRESENTATIONS[archive.representation],
    )
