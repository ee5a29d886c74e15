"""Recompute what a row commits itself to, from its plugin."""

from __future__ import annotations

import datetime
import importlib.metadata
import re
import tempfile
from collections.abc import Sequence
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
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.machine.device import check_device
from mirbench.benchmark.plugins.adapters import adapter_form
from mirbench.benchmark.plugins.finding import Plugin, find_plugins
from mirbench.benchmark.plugins.naming import split_name
from mirbench.benchmark.progress import count
from mirbench.benchmark.result import (
    Commitment,
    Result,
    Verification,
    committed_clips,
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
        If the row is of a representation that is not built in, or that an adapter runs, and none
        is named.
    DataError
        If the row has no commitment or cannot be read, is of a task that is not installed, commits
        itself to other clips than its split names, or clips of it cannot be embedded.
    """
    check_device(device)
    if by is not None and not re.fullmatch(NAME, by):
        raise UsageError(f"--by {by!r}: a name has letters, digits, spaces and . _ @ - only")
    result = read_result(row)
    commitment = _commitment(row, result)
    where = CacheFolder.find(cache)
    chosen = Where(split=result.task.split, data=data, cache=where)
    (pair,) = pairs_of(_named(result, rep), _known_task(row, result), chosen, make=True)
    if pair.data.split.sha256 != result.task.split_sha256:
        raise DataError(f"{row} is of another version of the split {result.task.split!r}")
    _check_clips(row, result, commitment, pair.data.split)
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
    """Name the representation to be run.

    What the row says may be a path, or name a module to be imported, so it is taken for no more
    than the name of a representation of mirbench itself.
    """
    if rep is not None:
        return rep
    record = result.representation
    plugins = find_plugins("representation")
    own = {
        plugin.name
        for plugin in plugins
        if plugin.origin == "built-in" and adapter_form(plugin) is None
    }
    if record.origin != "built-in":
        why = f"which is not built in (origin: {record.origin})"
    elif record.name.partition(":")[0] not in own or _base(record.name, plugins) not in own:
        why = "which names no representation that mirbench itself computes"
    else:
        return record.name
    raise UsageError(
        f"the row is of {show(record.name)}, {why}; name its plugin with --rep FILE.py (what an "
        "adapter runs with --rep ADAPTER:TARGET), and read it first, or add --sandbox"
    )


def _base(name: str, plugins: Sequence[Plugin]) -> str | None:
    try:
        return split_name(name, plugins).base
    except UsageError:  # as of an adapter without a target
        return None


def _known_task(row: Path, result: Result) -> str:
    """Name the task of a row: never a file, since its code would run because a row names it."""
    name = result.task.name
    if name not in {plugin.name for plugin in find_plugins("task")}:
        raise DataError(
            f"{row} is of task {show(name)}, which is no task that is installed here (mirbench "
            "list); files are not run because a row names them"
        )
    return name


def _check_clips(row: Path, result: Result, commitment: Commitment, split: SplitTable) -> None:
    """Refuse a row that has chosen its clips itself."""
    lost = {clip.clip_id for clip in result.task.missing}
    n_lost, most = len(lost & split.of.keys()), EmbeddingSettings.max_missing
    if n_lost > most * len(split.of):
        missing = count(n_lost, "clip", "is", of=len(split.of))
        raise DataError(
            f"{row}: {missing} missing; at most {100 * most:.0f} % may be, or the row would choose "
            "the clips that are recomputed"
        )
    expected = committed_clips(split.sha256, split.of, lost)
    if sorted(commitment.sketches) != expected:
        odd = min(set(commitment.sketches) ^ set(expected))
        raise DataError(
            f"{row} does not commit itself to the {count(len(expected), 'clip')} that its split "
            f"names, as {show(odd)} tells: a row cannot choose them; run it again with --force"
        )


def _few(data: Dataset, clip_ids: list[str]) -> Dataset:
    """Keep a few clips of a dataset; of a model with fixed batches, theirs."""
    wanted = set(clip_ids)
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
