"""The part of `gpu_check` that runs JUKEBOX, with random weights of the true shape."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from bench.bench_jukebox import Original, checkpoints, random_weights, relative
from bench.gpu_check import Asked, Report

from mirbench.benchmark.files.tensorfile import write_tensors
from mirbench.representations.jukebox import planning
from mirbench.representations.jukebox.model import Jukebox
from mirbench.representations.jukebox.precision import exact_products
from mirbench.representations.jukebox.shape import FIVE_B, Shape

#: Batches that are tried: of those in float32, few, for they take long.
BATCHES = {"float16": (1, 4, 8, 32), "float32": (1, 8)}


def timed(work: Callable[[], object], device: str) -> tuple[float, float]:
    """Give the seconds of a call, and the peak memory of a GPU in GB."""
    if device == "cpu":
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun, float("nan")
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    begun = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - begun, torch.cuda.max_memory_allocated() / 1e9


def plain_way(
    path: Path, shape: Shape, layers: int, device: str, clip: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Embed a clip as the original does; give the embedding, the seconds, and the peak memory."""
    with exact_products(), torch.inference_mode():
        original = Original(path, shape, layers, device)
        wanted = original.embed(clip)[None]
        seconds, memory = timed(lambda: original.embed(clip), device)
    return wanted, seconds, memory


def jukebox(report: Report, asked: Asked) -> None:
    """Time the plain way, and batches in both precisions."""
    shape, layers = (checkpoints.SMALL, 8) if asked.small else (FIVE_B, 36)
    batches = {"float16": (1, 2), "float32": (1,)} if asked.small else BATCHES
    random = np.random.default_rng(0)
    samples = shape.crop_seconds * shape.sample_rate
    most = max(max(sizes) for sizes in batches.values())
    clips = [0.3 * random.standard_normal(samples, dtype=np.float32) for _ in range(most)]
    with tempfile.TemporaryDirectory(prefix="mirbench-") as folder:
        path = Path(folder) / "random.safetensors"
        with path.open("wb") as file:
            write_tensors(file, random_weights(shape, layers))
        print("[weights written]", flush=True)
        report.add(
            f"JUKEBOX with random weights, {layers} layers of {shape.width}, clips of "
            f"{shape.crop_seconds} seconds that are in memory; encoder included. The plain way is "
            "the original's: float32, a clip at a time.",
            "",
            "| products | batch | clips/s | times the plain way | share of a product alone | "
            "peak memory, GB | distance from the plain way |",
            "|---|---|---|---|---|---|---|",
        )
        wanted, plain, memory = plain_way(path, shape, layers, asked.device, clips[0])
        report.add(f"| plain | 1 | {1 / plain:.2f} | 1.0 | | {memory:.1f} | |")
        flops = planning.flops_per_clip(shape, layers)
        for dtype, sizes in batches.items():
            if asked.left() < 0:
                report.add("", "(The time was up here.)")
                break
            if asked.device != "cpu":
                torch.cuda.empty_cache()
            model = Jukebox(path, shape, [layers], False, asked.device, dtype)
            kind = "float32" if asked.device == "cpu" else dtype
            ceiling = planning.measured_flops(asked.device, kind, shape.width)
            found = model.embed_batch(clips[:1], shape.sample_rate)
            for size in sizes:
                if size > 1 and asked.left() < 0:
                    break

                def work(model: Jukebox = model, size: int = size) -> None:
                    model.embed_batch(clips[:size], shape.sample_rate)

                if dtype == "float16":
                    work()  # what is slow the first time
                seconds, memory = timed(work, asked.device)
                rate = size / seconds
                report.add(
                    f"| {dtype} | {size} | {rate:.2f} | {rate * plain:.1f} | "
                    f"{rate * flops / ceiling:.0%} | {memory:.1f} | {relative(found, wanted):.1e} |"
                )
            del model
    report.add("")
