"""What a run would do: clips to embed, what is cached, disk and time, nothing computed for good."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import SPLITS, Clip, ModelCost, UnusableClip
from mirbench.benchmark.datasets.audio import audio_info
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.embedding.batches import batches_of, known_batch_size, merge_batches
from mirbench.benchmark.embedding.making import CHUNK_CLIPS
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.shard_spec import ShardSpec
from mirbench.benchmark.embedding.store import Store, read_shard
from mirbench.benchmark.embedding.window_counts import known_counts
from mirbench.benchmark.embedding.worker import Chunk, embed_chunk
from mirbench.benchmark.evaluation.found import read_whole
from mirbench.benchmark.evaluation.places import default_out
from mirbench.benchmark.evaluation.settings import Settings
from mirbench.benchmark.machine.device import free_cpus
from mirbench.benchmark.machine.launch import rules
from mirbench.benchmark.protocol import Protocol, get_protocol
from mirbench.benchmark.result import result_path
from mirbench.benchmark.runs.engines import check_engine
from mirbench.benchmark.runs.pairs import Names, Where, pairs_of
from mirbench.benchmark.runs.suitable import keep_suitable

#: Length of a clip that does not say how long it is.
USUAL_SECONDS = 30.0


@dataclass(frozen=True)
class DryRun:
    """What one (representation, task) of a run would take.

    Attributes
    ----------
    clips, cached : int
        Clips of the split, and how many of them the store has.
    disk_bytes, embed_seconds : float or None
        For the rest, extrapolated from a few clips embedded now (from noise
        where no audio is there yet); None if they cannot be embedded.
    probes : int
        Probes that would be trained, over all layers.
    probe_seconds : float or None
        What that is likely to take, from a short measured part of it; None
        if the length of an embedding is not known, or no grid is trained,
        which takes seconds.
    row : Path
        Where the row would lie.
    row_exists : bool
        Whether one lies there.
    row_fits : bool
        Whether that is whole, and of this representation's version and protocol: it is read
        instead, unless embeddings have changed.
    cost : ModelCost or None
        Of one clip, if the representation tells; no clip was embedded then.
    """

    representation: str
    task: str
    split: str
    clips: int
    cached: int
    disk_bytes: float | None
    embed_seconds: float | None
    probes: int
    probe_seconds: float | None
    row: Path
    row_exists: bool
    row_fits: bool
    cost: ModelCost | None = None


def dry_run(
    rep: Names,
    task: Names | None = None,
    *,
    split: str = "paper",
    data: Path | None = None,
    device: str = "cpu",
    gpus: int | None = None,
    jobs: int | None = None,
    engine: str = "local",
    address: str | None = None,
    protocol: str = "castellon2021",
    out: Path | None = None,
    cache: Path | None = None,
    full_hash: bool = False,
    clip_timeout: float | None = None,
    on_missing: Callable[[str], None] | None = None,
) -> Iterator[DryRun]:
    """Foretell the pairs of a run.

    Parameters
    ----------
    rep, task, split, data, device, gpus, jobs, protocol, out, cache, full_hash, clip_timeout
        As for `mirbench.benchmark.run`.
    engine, address
        As for `mirbench.benchmark.run`; what the run takes is told for this machine alone.
    on_missing : callable, optional
        As for `mirbench.benchmark.runs.pairs.pairs_of`.
    """
    chosen = get_protocol(protocol)
    check_engine(engine, address, device=device, gpus=gpus)
    settings = Settings(
        store=Store(cache),
        device=device,
        gpus=gpus,
        jobs=jobs,
        full_hash=full_hash,
        clip_timeout=clip_timeout,
        protocol=chosen,
        out=out or default_out(chosen),
    )
    where = Where(split=split, data=data, cache=settings.store.cache)
    pairs = pairs_of(rep, task, where, on_missing=on_missing, only_plan=True)
    for pair in keep_suitable(pairs, chosen, named=task is not None):
        yield _foretell(pair, settings)


def _foretell(pair: Pair, settings: Settings) -> DryRun:
    shards = _shards(pair, settings)
    there = [shard.path.exists() for shard in shards]
    stored = [shard for shard, found in zip(shards, there, strict=True) if found]
    lacking = (shard for shard, found in zip(shards, there, strict=True) if not found)
    missed = {clip.id: clip for shard in lacking for clip in shard.clips}
    todo = list(missed.values())
    cost = _cost(pair, settings.device) if todo else None
    sample = _embed_some(pair, todo, settings) if cost is None else cost[1]
    known = sample or (_first_rows(stored) if stored else None)
    data, protocol = pair.data, settings.protocol
    row = result_path(settings.out, pair.spec.label, data.task.name, data.split.name, protocol.name)
    return DryRun(
        representation=pair.spec.label,
        task=data.task.name,
        split=data.split.name,
        clips=len(data.clips),
        cached=sum(clip.id not in missed for clip in data.clips),
        disk_bytes=sample.nbytes * len(todo) if sample else None if todo else 0.0,
        embed_seconds=sample.seconds * len(todo) / settings.models
        if sample
        else None
        if todo
        else 0.0,
        probes=protocol.probes * (known.layers if known else 1),
        probe_seconds=None if known is None else _probe_seconds(data, settings, known),
        row=row,
        row_exists=row.exists(),
        row_fits=(found := read_whole(row)) is not None
        and found.representation.fingerprint == pair.fingerprint
        and found.protocol.hash == protocol.hash,
        cost=cost and cost[0],
    )


def _shards(pair: Pair, settings: Settings) -> list[ShardSpec]:
    """Say which shards a pair needs, without loading its model or decoding a dataset.

    Where that would be needed to know the batches of a model that depends on
    them, none is stored, as the ordinary division says too.
    """
    data, store = pair.data, settings.store
    _, size = known_batch_size(pair.fingerprint, store)
    if size is not None:
        counts = known_counts(data, settings)
        if data.task.window is None or len(counts) == len(data.every):
            return batches_of(pair, settings, size, counts)
    return store.shards_for(pair.fingerprint, data.task, data.clips, settings.full_hash)


@dataclass(frozen=True, slots=True)
class Sample:
    """What an average clip comes to: bytes, seconds, windows, and the shape of an embedding."""

    nbytes: float
    seconds: float
    windows: int
    layers: int
    dims: int


def _cost(pair: Pair, device: str) -> tuple[ModelCost, Sample] | None:
    """Ask the representation what an average clip costs; None if it does not tell."""
    if not pair.spec.tells_cost:
        return None
    seconds = _clip_seconds(pair.data.clips)
    windows = 1 if pair.task.window is None else max(1, int(seconds / pair.task.window + 1e-9))
    cost = pair.spec.cost(pair.task.window or seconds, device)
    *layers, dims = cost.shape
    # It tells what all processors take together, as many as there are workers by default.
    share = free_cpus() if device == "cpu" else 1
    return cost, Sample(
        nbytes=4.0 * windows * math.prod(cost.shape),
        seconds=cost.seconds * windows * share,
        windows=windows,
        layers=math.prod(layers),
        dims=dims,
    )


def _clip_seconds(clips: Sequence[Clip]) -> float:
    """Length of the first clip that tells it; `USUAL_SECONDS` if none does."""
    for clip in clips[:10]:
        if clip.duration is not None:
            return clip.duration
        with contextlib.suppress(UnusableClip):
            if clip.path is not None:
                return audio_info(clip.path).duration - clip.start
    return USUAL_SECONDS


def _embed_some(pair: Pair, todo: list[Clip], settings: Settings) -> Sample | None:
    """Embed a few clips, or noise of their length if none is on disk; the very first warms up."""
    if not todo:
        return None
    sandbox = rules().sandbox
    place = None if sandbox is None else sandbox.scratch  # which does not see the usual one
    with tempfile.TemporaryDirectory(prefix="mirbench-", dir=place) as folder:
        present = [clip for clip in todo if clip.path is not None and clip.path.is_file()]
        present = present or [_noise(todo[0], Path(folder))]
        return _time(pair, present[:1], present[1 : 1 + CHUNK_CLIPS] or present, settings)


def _noise(clip: Clip, folder: Path) -> Clip:
    import soundfile

    rate, seconds = 22_050, clip.duration or USUAL_SECONDS
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, int(rate * seconds))
    soundfile.write(folder / "noise.wav", noise, rate)
    return Clip("noise", folder / "noise.wav", clip.label, clip.group, duration=clip.duration)


def _time(pair: Pair, first: list[Clip], some: list[Clip], settings: Settings) -> Sample | None:
    device, limit = settings.device, settings.clip_timeout
    with EmbeddingSettings(device=device, jobs=1).model_workers() as workers:
        for clips in (first, some):
            model = pair.model(device)
            chunk = Chunk(model, pair.task.window, tuple(clips), shard=0, clip_timeout=limit)
            (outcome,) = workers.unordered(embed_chunk, [chunk])
    if not outcome.rows:
        return None
    rows = list(outcome.rows.values())
    return Sample(
        nbytes=sum(row.nbytes for row in rows) / len(rows),
        seconds=outcome.seconds / len(some),
        windows=max(len(row) for row in rows),
        layers=rows[0].shape[1] if rows[0].ndim == 3 else 1,
        dims=rows[0].shape[-1],
    )


def _first_rows(stored: list[ShardSpec]) -> Sample | None:
    shard = read_shard(stored[0].path)
    if stored[0].rows is not None:  # the windows of a clip are in several batches
        shard = merge_batches([s for spec in stored if (s := read_shard(spec.path)) is not None])
    if shard is None or not len(shard.embedding):
        return None
    rows = shard.embedding
    return Sample(
        nbytes=0.0,
        seconds=0.0,
        windows=int((shard.clip == shard.clip[0]).sum()),
        layers=rows.shape[1] if rows.ndim == 3 else 1,
        dims=rows.shape[-1],
    )


def _probe_seconds(data: Dataset, settings: Settings, sample: Sample) -> float | None:
    if not isinstance(settings.protocol, Protocol):
        return None
    from mirbench.benchmark.probing.estimate import estimate_seconds

    task = data.task
    train, valid, test = (len(data.split.ids(part)) * sample.windows for part in SPLITS)
    estimate = estimate_seconds(
        task.kind,
        (train, valid, test),
        sample.dims,
        len(task.labels),
        settings.protocol,
        metric=task.metrics[0],
        windows_per_clip=sample.windows,
        device=settings.device,
    )
    return estimate.seconds * sample.layers
