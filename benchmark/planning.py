"""What a run would do: clips to embed, what is cached, disk and time, nothing computed for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import Clip
from mirbench.benchmark.commands import Job, Names, default_out, plan_jobs
from mirbench.benchmark.embedding import CHUNK_CLIPS
from mirbench.benchmark.engine import free_cpus
from mirbench.benchmark.protocol import Protocol, get_protocol
from mirbench.benchmark.result import result_path
from mirbench.benchmark.store import Store
from mirbench.benchmark.worker import Chunk, embed_chunk


@dataclass(frozen=True)
class Plan:
    """What one (representation, task) of a run would take.

    Attributes
    ----------
    clips, cached : int
        Clips of the split, and how many of them the store has.
    disk_bytes, embed_seconds : float or None
        For the rest, extrapolated from a few clips embedded now; None if no
        audio is there to measure with.
    probes : int
        Probes that would be trained, for one layer.
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
) -> Iterator[Plan]:
    """Plan the pairs of a run; the arguments are those of `mirbench.benchmark.run`."""
    rules = get_protocol(protocol)
    store = Store(cache)
    workers = jobs or (free_cpus() if device == "cpu" else 1)
    for job in plan_jobs(rep, task, split, data, store):
        yield _plan(job, store, rules, out or default_out(rules), device, workers)


def _plan(job: Job, store: Store, protocol: Protocol, out: Path, device: str, workers: int) -> Plan:
    shards = store.plan(job.spec.fingerprint(), job.task, job.clips)
    todo = [clip for shard in shards if not shard.path.exists() for clip in shard.clips]
    disk, seconds = _measure(job, todo, device)
    label, task, split = job.spec.label, job.task.name, job.split.name
    row = result_path(out, label, task, split, protocol.name)
    return Plan(
        representation=label,
        task=task,
        split=split,
        clips=len(job.clips),
        cached=len(job.clips) - len(todo),
        disk_bytes=disk,
        embed_seconds=None if seconds is None else seconds / workers,
        probes=len(protocol.grid()),
        row=row,
        row_exists=row.exists(),
    )


def _measure(job: Job, todo: list[Clip], device: str) -> tuple[float | None, float | None]:
    """Bytes and seconds for all of `todo`, from its first clips; the very first warms up."""
    if not todo:
        return 0.0, 0.0
    present = [clip for clip in todo if clip.path is not None and clip.path.is_file()]
    sample = present[1 : 1 + CHUNK_CLIPS] or present
    if not sample:
        return None, None
    for clips in (present[:1], sample):
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
        return None, None
    size = sum(rows.nbytes for rows in outcome.rows.values()) / len(outcome.rows)
    return size * len(todo), outcome.seconds / len(sample) * len(todo)
