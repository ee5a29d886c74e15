"""What is possible in a row, but seldom true: told to the reviewer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.progress import count
from mirbench.benchmark.result import ProbeRow, Result

#: Seconds per clip. Decoding 30 s of audio takes more than the first, and the largest model known
#: minutes on a processor.
QUICKEST, SLOWEST = 0.001, 3600.0

#: Seconds that a grid of probes takes at the least.
QUICKEST_GRID = 1.0

#: Bytes of the smallest process that can run a probe.
SMALLEST = 20 * 1024**2

#: Lengths of an embedding between which those of all published models lie.
FEWEST_DIMS, MOST_DIMS = 8, 50_000

#: Between seconds per row of one representation on two tasks.
_PROPORTION = 100.0


def odd_notes(result: Result) -> list[str]:
    """Say what is odd about a row by itself: its scores, dimensions and cost."""
    return [*_perfect(result), *_odd_dims(result), *_odd_cost(result)]


def _perfect(result: Result) -> Iterator[str]:
    perfect = [name for name, score in result.ordered_scores() if score.value >= 1 - 1e-9]
    if perfect:
        n = result.scores[perfect[0]].n
        yield (
            f"scores: {', '.join(map(show, perfect))} perfect on {count(n, 'clip')}; ask for the "
            "plugin, and run it"
        )


def _odd_dims(result: Result) -> Iterator[str]:
    dims, labels = result.representation.dims, len(result.task.labels)
    where = f"representation.dims: {count(dims, 'dimension')}"
    if dims < FEWEST_DIMS:
        yield f"{where} per embedding: fewer than any model is known to have"
    elif dims > MOST_DIMS:
        yield f"{where} per embedding: more than any model is known to have"
    if dims == labels and dims > 1:
        yield f"{where}, as many as the task has labels: an embedding could be the label itself"


def _odd_cost(result: Result) -> Iterator[str]:
    cost, seconds = result.cost, seconds_per_clip(result)
    if result.representation.origin != "precomputed":
        what = (
            f"cost.embedding_seconds: {cost.embedding_seconds:g} s for "
            f"{count(_embedded(result), 'clip')}"
        )
        if seconds < QUICKEST:
            yield f"{what}: less than decoding them takes"
        elif seconds > SLOWEST:
            yield f"{what}: more than an hour per clip"
    grid = isinstance(result.probe, ProbeRow) and result.deformation is None
    if grid and cost.probing_seconds < QUICKEST_GRID:
        yield (
            f"cost.probing_seconds: {cost.probing_seconds:g} s for "
            f"{count(result.protocol.probes_run, 'probe')}: less than training them takes"
        )
    if cost.peak_memory_bytes < SMALLEST:
        yield (
            f"cost.peak_memory_bytes: {count(cost.peak_memory_bytes, 'byte')}: no process that "
            "trains probes is so small"
        )


def _embedded(result: Result) -> int:
    """Clips that the cost of embedding is of: all, or the deformed ones."""
    counts = result.task.counts
    return counts.get("test", 0) if result.deformation is not None else sum(counts.values())


def seconds_per_clip(result: Result) -> float:
    """Seconds that embedding took per clip."""
    return result.cost.embedding_seconds / max(1, _embedded(result))


def proportion_notes(result: Result, path: Path, other: Result) -> Iterator[str]:
    """Say what does not go with another row of the same representation, which lies at `path`."""
    if result.representation.dims != other.representation.dims:
        yield (
            f"representation.dims: {result.representation.dims:,} here, "
            f"{other.representation.dims:,} in {path}"
        )
    here, there = seconds_per_clip(result), seconds_per_clip(other)
    same = result.cost.device.split(":")[0] == other.cost.device.split(":")[0]
    if same and here > 0 and there > 0 and max(here / there, there / here) > _PROPORTION:
        yield (
            f"cost.embedding_seconds: {here:.3g} s per clip here, {there:.3g} s in {path}, on the "
            "same kind of device: out of proportion to the number of clips"
        )
