"""What MusicGen takes: parameters, memory and arithmetic."""

from __future__ import annotations

import math

from mirbench.benchmark.api import ModelCost
from mirbench.representations.jukebox.planning import EFFICIENCY, measured_flops
from mirbench.representations.musicgen.shape import HOP, SAMPLE_RATE, Options, Shape

#: Of the encoder of EnCodec at 32 kHz and its four codebooks.
ENCODEC_PARAMETERS = 29_840_640

#: Floating-point operations of EnCodec's encoder for a code, of one channel.
ENCODEC_FLOPS = 177_500_000

_BYTES = {"float32": 4, "float16": 2}


def blocks_kept(shape: Shape, options: Options) -> int:
    """How many blocks the wanted layers need; of layer 0, the first one's input, still one."""
    return max(1, *options.layers)


def parameters(shape: Shape, options: Options) -> int:
    """Numbers in what is kept of the language model.

    Without a text, nothing of a block's attention to it.
    """
    width = shape.width
    block = 4 * width**2 + 2 * width * shape.inner + 4 * width
    if options.text == "empty":
        block += 4 * width**2 + 2 * width
    tables = shape.codebooks * (shape.codes + 1) * width
    return blocks_kept(shape, options) * block + tables + 2 * width


def flops_of_clip(shape: Shape, options: Options, seconds: float) -> float:
    """Floating-point operations of a clip, of which a multiplication and an addition are two."""
    width, frames = shape.width, math.ceil(seconds * SAMPLE_RATE / HOP)
    pieces = max(1, math.ceil(seconds / options.chunk))
    positions = frames / pieces + (options.pattern == "delay")
    products = 4 * width**2 + 2 * width * shape.inner
    if options.text == "empty":
        products += 2 * width**2  # of one key, the keys and values cost nothing
    block = 2 * positions * products + 4 * positions**2 * width
    return pieces * blocks_kept(shape, options) * block + frames * ENCODEC_FLOPS


def model_cost(shape: Shape, options: Options, seconds: float, device: str) -> ModelCost:
    """Estimate what a clip of so many seconds costs, from a measured matrix product."""
    numbers = parameters(shape, options)
    flops = flops_of_clip(shape, options, seconds)
    speed = measured_flops(device, options.dtype, shape.width) * EFFICIENCY
    layers = (len(options.layers),) if options.named else ()
    return ModelCost(
        parameters=numbers + ENCODEC_PARAMETERS,
        nbytes=_BYTES[options.dtype] * numbers + 4 * ENCODEC_PARAMETERS,
        flops=flops,
        seconds=flops / speed,
        shape=(*layers, shape.width),
    )
