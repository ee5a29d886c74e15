"""What a run would do: clips to embed, what is cached, disk and time, nothing computed for good."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import SPLITS, Clip
from mirbench.benchmark.embedding import CHUNK_CLIPS
from mirbench.benchmark.engine import free_cpus
from mirbench.benchmark.jobs import Job, Names, default_out, plan_jobs
from mirbench.benchmark.protocol import Protocol, get_protocol
from mirbench.benchmark.result import result_path
from mirbench.benchmark.store import Shard, Store, read_shard
from mirbench.benchmark.worker import Chunk, embed_chunk

#: Length of a clip that does not say how long it is.
USUAL_SECONDS = 30.0


@dataclass(frozen=True)
class Plan:
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
        if the length of an embedding is not known.
    row : Path
        Where the row would lie.
    row_exists : bool
        Whether one lies there, which is read instead if it is identical.
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


def plan_run(
    rep: Names,
    task: Names | None = None,
    *,
    split: str = "paper",
    data: Path | None = None,
    device: str = "cpu",
    jobs: int | None = None,
    protocol: str = "castellon2021",
    out: Path | None = None,
    cache: Path | None = None,
    full_hash: bool = False,
) -> Iterator[Plan]:
    """Plan the pairs of a run; the arguments are those of `mirbench.benchmark.run`."""
    rules = get_protocol(protocol)
    store = Store(cache)
    workers = jobs or (free_cpus() if device == "cpu" else 1)
    for job in plan_jobs(rep, task, split, data, store):
        yield _plan(job, store, rules, out or default_out(rules), device, workers, full_hash)


def _plan(
    job: Job,
    store: Store,
    protocol: Protocol,
    out: Path,
    device: str,
    workers: int,
    full_hash: bool,
) -> Plan:
    shards = store.plan(job.spec.fingerprint(), job.task, job.clips, full_hash)
    stored = [shard for shard in shards if shard.path.exists()]
    todo = [clip for shard in shards if shard not in stored for clip in shard.clips]
    sample = _embed_some(job, todo, device)
    known = sample or (_first_rows(read_shard(stored[0].path)) if stored else None)
    label, task, split = job.spec.label, job.task.name, job.split.name
    row = result_path(out, label, task, split, protocol.name)
    return Plan(
        representation=label,
        task=task,
        split=split,
        clips=len(job.clips),
        cached=len(job.clips) - len(todo),
        disk_bytes=sample.nbytes * len(todo) if sample else None if todo else 0.0,
        embed_seconds=sample.seconds * len(todo) / workers if sample else None if todo else 0.0,
        probes=len(protocol.grid()) * (known.layers if known else 1),
        probe_seconds=None if known is None else _probe_seconds(job, protocol, known, device),
        row=row,
        row_exists=row.exists(),
    )


@dataclass(frozen=True, slots=True)
class Sample:
    """What an average clip comes to: bytes, seconds, windows, and the shape of an embedding."""

    nbytes: float
    seconds: float
    windows: int
    layers: int
    dims: int


def _embed_some(job: Job, todo: list[Clip], device: str) -> Sample | None:
    """Embed a few clips, or noise of their length if none is on disk; the very first warms up."""
    if not todo:
        return None
    with tempfile.TemporaryDirectory(prefix="mirbench-") as folder:
        present = [clip for clip in todo if clip.path is not None and clip.path.is_file()]
        present = present or [_noise(todo[0], Path(folder))]
        return _time(job, present[:1], present[1 : 1 + CHUNK_CLIPS] or present, device)


def _noise(clip: Clip, folder: Path) -> Clip:
    import soundfile

    rate, seconds = 22_050, clip.duration or USUAL_SECONDS
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, int(rate * seconds))
    soundfile.write(folder / "noise.wav", noise, rate)
    return Clip("noise", folder / "noise.wav", clip.label, clip.group, duration=clip.duration)


def _time(job: Job, first: list[Clip], some: list[Clip], device: str) -> Sample | None:
    for clips in (first, some):
        chunk = Chunk(
            representation=job.spec.text,
            fingerprint=job.spec.fingerprint(),
            device=device,
            window=job.task.window,
            clips=tuple(clips),
            shard=0,
        )
        outcome = embed_chunk(chunk)
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


def _first_rows(shard: Shard | None) -> Sample | None:
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


def _probe_seconds(job: Job, protocol: Protocol, sample: Sample, device: str) -> float:
    from mirbench.benchmark.probing.estimate import estimate_seconds

    counts = [len(job.split.ids(split)) * sample.windows for split in SPLITS]
    estimate = estimate_seconds(
        job.task.kind,
        (counts[0], counts[1], counts[2]),
        sample.dims,
        len(job.task.labels),
        protocol,
        metric=job.task.metrics[0],
        windows_per_clip=sample.windows,
        device=device,
    )
    return estimate.seconds * sample.layers
