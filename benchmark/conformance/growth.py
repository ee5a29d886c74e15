"""Step of the kit about what a model costs: memory from clip to clip, speed, the peak."""

from __future__ import annotations

import gc
import os
import sys
import time
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import FloatArray, PluginError
from mirbench.benchmark.conformance.findings import Answer, Finding
from mirbench.benchmark.conformance.subject import CLIP_SECONDS, Question, Subject
from mirbench.benchmark.embedding.sounds import chords
from mirbench.benchmark.embedding.trial import VERY_SLOW
from mirbench.benchmark.machine.heap import give_back
from mirbench.benchmark.machine.memory import peak_memory
from mirbench.benchmark.progress import count

#: Clips that are embedded to see memory grow, in this many parts, and seconds that may take.
CLIPS, PARTS, AFFORDABLE = 200, 8, 20.0

#: The fewest clips that tell anything.
LEAST = 40

#: Bytes per clip above which memory grows: a run of ten thousand clips takes 160 MB more.
LEAK = 16_000

_LENGTHS = (1.0, 5.0, 12.0)


def growth(question: Question) -> Answer:
    """Embed many short clips and a few of usual length; see memory and time."""
    subject = Subject(question)
    speed, measures = _speed(subject)
    # Before many clips, which take memory only if there is a leak.
    measures["peak_bytes"] = float(peak_memory())
    memory, bytes_per_clip = _memory(subject)
    if bytes_per_clip is not None:
        measures["growth_bytes_per_clip"] = round(bytes_per_clip)
    return Answer((memory, speed), measures)


def _speed(subject: Subject) -> tuple[Finding, dict[str, float]]:
    seconds = subject.at_most(CLIP_SECONDS)
    audio = chords(seconds, subject.info.sample_rate)
    took = []
    for _ in range(3):
        started = time.perf_counter()
        subject.row("chords", audio)
        took.append(time.perf_counter() - started)
        if took[-1] > VERY_SLOW:
            break
    best = min(took)
    words = (
        f"{best:.3g} s per clip of {seconds:g} s ({seconds / best:,.0f} times real time, one "
        f"thread), {peak_memory() / 2**30:.2f} GiB at most"
    )
    measures = {"seconds_per_clip": best, "times_real_time": seconds / best}
    if best > VERY_SLOW:
        advice = "offer embed_batch for a GPU, and plan_model, so that --dry-run can foretell runs"
        return Finding("speed", "warning", words, advice), measures
    return Finding("speed", "passed", words), measures


def _memory(subject: Subject) -> tuple[Finding, float | None]:
    audio = _shortest(subject)
    if audio is None:
        return Finding("memory", "skipped", "short clips are refused"), None
    if _taken() is None:
        return Finding("memory", "skipped", "this system does not say what a process takes"), None
    clips = min(CLIPS, int(AFFORDABLE / _pace(subject, audio)))
    if clips < LEAST:
        found = f"{AFFORDABLE:g} s are enough for {count(clips, 'clip')}"
        return Finding("memory", "skipped", found), None
    taken: list[int] = []
    for number in range(clips):
        # Another clip each time, since a cache may keep those that are the same.
        subject.row("short", audio * np.float32(1 - number / (2 * clips)))
        if (number + 1) % (clips // PARTS) == 0:
            gc.collect()
            give_back()  # or a leak would fill what longer clips have left
            taken.append(_taken() or 0)
    return _judged(taken, clips)


def _pace(subject: Subject, audio: FloatArray) -> float:
    """Seconds per clip; the better of two, since other programs may have come in between."""
    took = []
    for _ in range(2):
        started = time.perf_counter()
        subject.row("short", audio)
        took.append(time.perf_counter() - started)
    return min(took)


def _judged(taken: list[int], done: int) -> tuple[Finding, float]:
    """Judge bytes at equal distances; the first quarter warms up."""
    steps = np.diff(taken[PARTS // 4 :]) / (done // PARTS)
    # A leak grows at every step, what settles at some.
    each = float(np.median(steps))
    words = f"{each / 1000:.0f} kB per clip" if each > 1000 else "steady"
    if each > LEAK:
        return Finding(
            "memory",
            "failed",
            f"it grows by {words} over {count(done, 'clip')}",
            "keep nothing from one call to the next: lists that are appended to, caches without "
            "a bound, graphs of gradients (embed under torch.no_grad())",
        ), each
    return Finding("memory", "passed", f"{words} over {count(done, 'clip')}"), each


def _shortest(subject: Subject) -> FloatArray | None:
    for seconds in _LENGTHS:
        audio = chords(subject.at_most(seconds), subject.info.sample_rate)
        try:
            if subject.row("short", audio) is not None:
                return audio
        except PluginError:
            continue
    return None


def _taken() -> int | None:
    """Bytes that this process has now, on a GPU too; None where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    torch = sys.modules.get("torch")
    on_gpu = 0
    if hasattr(torch, "cuda") and torch.cuda.is_initialized():  # type: ignore[union-attr]
        on_gpu = torch.cuda.memory_allocated()  # type: ignore[union-attr]
    return pages * os.sysconf("SC_PAGE_SIZE") + on_gpu
