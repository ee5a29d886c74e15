"""Recompute what a row commits itself to, from its plugin."""

from __future__ import annotations

import datetime
import importlib.metadata
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from mirbench.benchmark.api import DataError, UsageError
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.datasets.splits import SplitTable
from mirbench.benchmark.embedding.compute import embed_task
from mirbench.benchmark.embedding.pair import EmbeddingSettings
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.evaluation.commit import sketches_of
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.machine.device import check_device
from mirbench.benchmark.result import (
    Commitment,
    Result,
    Verification,
    read_result,
    row_sha256,
    sketch_distances,
    write_verification,
)
from mirbench.benchmark.result.commitment import TOLERANCE
from mirbench.benchmark.result.verified import NAME
from mirbench.benchmark.runs.pairs import Where, pairs_of


@dataclass(frozen=True)
class Recomputed:
    """How near the recomputed embeddings came to what a row says.

    Attributes
    ----------
    result : Result
        The row.
    distances : dict
        Clip id to the difference of the sketches, by their length.
    fingerprint : str
        Of the representation that was run.
    record : Path or None
        The verification that was written.
    """

    result: Result
    distances: dict[str, float]
    fingerprint: str
    record: Path | None = None

    @property
    def far(self) -> dict[str, float]:
        """Clips whose embeddings are not those of the row."""
        return {clip: apart for clip, apart in self.distances.items() if not apart <= TOLERANCE}


def verify(
    row: Path,
    rep: str | None = None,
    *,
    data: Path | None = None,
    device: str = "cpu",
    jobs: int | None = None,
    cache: Path | None = None,
    by: str | None = None,
) -> Recomputed:
    """Embed the ten clips that a row commits itself to, and compare.

    Nothing is taken from the store and nothing is left in it.

    Parameters
    ----------
    row : Path
        File of the row.
    rep : str, optional
        The representation, as on the command line; default: the built-in one of the row.
    data : Path, optional
        Folder of the datasets; default: ``MIRBENCH_DATA`` or ``./data``.
    device : {"cpu", "cuda"}
        Where the model runs.
    jobs : int, optional
        Worker processes; default: one per processor.
    cache : Path, optional
        The cache folder, where weights lie.
    by : str, optional
        Who does it: if the embeddings are those of the row, a verification is written.

    Raises
    ------
    UsageError
        If the row is of a representation that is not built in, and none is named.
    DataError
        If the row has no commitment or cannot be read, or clips of it cannot be embedded.
    """
    check_device(device)
    if by is not None and not re.fullmatch(NAME, by):
        raise UsageError(f"--by {by!r}: a name has letters, digits, spaces and . _ @ - only")
    result = read_result(row)
    commitment = _commitment(row, result)
    where = CacheFolder.find(cache)
    chosen = Where(split=result.task.split, data=data, cache=where)
    (pair,) = pairs_of(_named(result, rep), result.task.name, chosen, make=True)
    if pair.data.split.sha256 != result.task.split_sha256:
        raise DataError(f"{row} is of another version of the split {result.task.split!r}")
    ten = replace(pair, data=_few(pair.data, list(commitment.sketches)))
    where.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="verify-", dir=where.root) as folder:
        settings = EmbeddingSettings(store=Store(Path(folder)), device=device, jobs=jobs)
        embeddings = embed_task(ten, settings)
        if embeddings.missing:
            clip_id, why = next(iter(embeddings.missing.items()))
            raise DataError(f"clip {clip_id!r}, which the row has, cannot be embedded: {why}")
        found = sketches_of(embeddings, list(commitment.sketches))
    distances = sketch_distances(commitment.sketches, found)
    recomputed = Recomputed(result, distances, ten.fingerprint)
    if by is None or recomputed.far:
        return recomputed
    return replace(recomputed, record=_write(row, recomputed, device, by))


def _commitment(row: Path, result: Result) -> Commitment:
    if result.commitment is None:
        raise DataError(
            f"{row} commits itself to nothing that could be recomputed: it is of an older version "
            "of mirbench (or on deformed clips); run it again with --force"
        )
    return result.commitment


def _named(result: Result, rep: str | None) -> str:
    record = result.representation
    if rep is not None:
        return rep
    if record.origin != "built-in":
        raise UsageError(
            f"the row is of {record.name!r}, which is not built in (origin: {record.origin}); name "
            "its plugin with --rep FILE.py, and read it before you run it, or say --sandbox"
        )
    return record.name


def _few(data: Dataset, clip_ids: list[str]) -> Dataset:
    """Keep a few clips of a dataset; of a model with fixed batches, theirs."""
    wanted = set(clip_ids)
    if absent := wanted - set(data.split.of):
        raise DataError(f"{min(absent)!r} is no clip of the split {data.split.name!r}")
    members = {clip_id: part for clip_id, part in data.split.of.items() if clip_id in wanted}
    return replace(
        data,
        split=SplitTable(data.split.name, members, data.split.sha256),
        clips=tuple(clip for clip in data.clips if clip.id in wanted),
        limit=len(wanted),
        complete=data.clips,
    )


def _write(row: Path, recomputed: Recomputed, device: str, by: str) -> Path:
    verification = Verification(
        row_sha256=row_sha256(row),
        by=by,
        date=datetime.datetime.now(datetime.UTC).date(),
        mirbench=importlib.metadata.version("mirbench"),
        device=device,
        fingerprint=recomputed.fingerprint,
        clips=len(recomputed.distances),
        difference=round(max(recomputed.distances.values()), 6),
    )
    return write_verification(row, verification)
