"""What Jukebox takes: parameters, memory, arithmetic, and how many clips fit a GPU."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence

import torch

from mirbench.benchmark.api import ModelCost
from mirbench.representations.jukebox.precision import exact_products
from mirbench.representations.jukebox.shape import Shape

#: Most clips computed at once; a GPU is busy with far fewer.
MAX_BATCH = 32

#: Largest memory of one clip, in bytes for each channel of each position: the residual stream,
#: its normalised copy, and the hidden layer twice.
CLIP_BYTES = {torch.float16: 14, torch.float32: 20}

#: Memory that a GPU's libraries take for themselves.
RESERVE_BYTES = 400_000_000

#: Share of the speed of matrix products alone that the whole model reaches. An estimate.
EFFICIENCY = 0.8


def parameters(shape: Shape, layers: int) -> int:
    """Numbers in the transformer's first layers and in the tables."""
    width, inner = shape.width, shape.attention_width
    matrices = 4 * width * inner + 2 * width * width
    vectors = 3 * inner + 7 * width
    return layers * (matrices + vectors) + (shape.codes + shape.n_ctx) * width


def device_bytes(shape: Shape, layers: int) -> int:
    """Memory of the loaded weights: matrices in 16 bit, tables in 32."""
    tables = (shape.codes + 2 * shape.n_ctx) * shape.width
    matrices = 4 * shape.width * shape.attention_width + 2 * shape.width**2
    vectors = 3 * shape.attention_width + 7 * shape.width
    return layers * (2 * matrices + 4 * vectors) + 4 * tables


def flops_per_clip(shape: Shape, layers: int, positions: int | None = None) -> float:
    """Floating-point operations of one clip, of which a multiplication and an addition are two."""
    n = shape.n_ctx if positions is None else min(positions, shape.n_ctx)
    matrices = 2.0 * n * (4 * shape.width * shape.attention_width + 2 * shape.width**2)
    seen = (shape.columns + shape.blocks + shape.columns) / 3
    attention = 4.0 * n * seen * shape.attention_width
    return layers * (matrices + attention) + _encoder_flops(shape, n)


def _encoder_flops(shape: Shape, codes: int) -> float:
    width, rate, total = shape.conv_width, float(codes * shape.hop), 0.0
    for block, downs in enumerate(shape.downs):
        for stage in range(downs):
            rate /= 2
            first = (1 if block == 0 else shape.code_width) if stage == 0 else width
            total += 2 * rate * width * (4 * first + 4 * width * shape.conv_depth)
        total += 2 * rate * 3 * width * shape.code_width
    return total + 2.0 * codes * shape.codes * shape.code_width


def model_cost(
    shape: Shape, layers: Sequence[int], named: bool, seconds: float, device: str, dtype: str
) -> ModelCost:
    """Estimate what a clip of so many seconds costs; the rest is as for `model.Jukebox`."""
    depth = max(layers)
    positions = int(seconds * shape.sample_rate) // shape.hop
    flops = flops_per_clip(shape, depth, positions)
    # On a processor, float16 is computed as float32.
    kind = "float32" if device == "cpu" else dtype
    return ModelCost(
        parameters=parameters(shape, depth),
        nbytes=device_bytes(shape, depth),
        flops=flops,
        seconds=flops / measured_flops(device, kind, shape.width) / EFFICIENCY,
        shape=(len(layers), shape.width) if named else (shape.width,),
    )


def clips_at_once(shape: Shape, dtype: torch.dtype, free: int) -> int:
    """How many clips fit into `free` bytes; at least one is tried."""
    clip = CLIP_BYTES[dtype] * shape.n_ctx * shape.width
    return max(1, min(MAX_BATCH, (free - RESERVE_BYTES) // clip))


def free_bytes(device: torch.device) -> int:
    """Memory of a GPU that is not taken, PyTorch's own unused share included."""
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + unused


@functools.cache
def measured_flops(device: str, dtype: str, width: int) -> float:
    """Measure floating-point operations a second of the model's largest product, in about 1 s."""
    on_gpu = device != "cpu"
    rows = 8192 if on_gpu else 512
    kind = getattr(torch, dtype)
    a = torch.randn(rows, width, device=device).to(kind)
    b = torch.randn(width, width, device=device).to(kind)
    best = float("inf")
    started = time.perf_counter()
    with exact_products():
        while time.perf_counter() - started < 1:
            begun = time.perf_counter()
            a @ b
            if on_gpu:
                torch.cuda.synchronize(device)
            best = min(best, time.perf_counter() - begun)
    return 2.0 * rows * width * width / best
