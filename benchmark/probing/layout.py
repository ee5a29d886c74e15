"""Where the weights of a bank of probes lie in one flat buffer.

``[weights of layer 1 of every probe | their biases | weights of layer 2 | …]``:
so the first layer of all probes is one matrix, as wide as a matrix product
likes it, and the optimiser sees one array.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch

#: Below 12 columns, MKL takes another kernel, which rounds otherwise: with at
#: least as many as this, a probe does not notice which others are with it.
MIN_COLUMNS = 16
#: Floats; parts start at multiples of it.
ALIGNMENT = 16


@dataclass(frozen=True, slots=True)
class Part:
    """Weights or biases of one layer: `offset`, and the shape of one probe's share."""

    offset: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Floats of one probe."""
        size = 1
        for length in self.shape:
            size *= length
        return size


class Layout:
    """The flat buffer of `probes` probes with layers ``widths[0] → … → widths[-1]``."""

    def __init__(self, widths: tuple[int, ...], probes: int) -> None:
        self.widths, self.probes = widths, probes
        self.layers: list[tuple[Part, Part]] = []
        #: Rows of the first layer's matrix, with padding.
        self.columns = max(probes * widths[1], MIN_COLUMNS)
        offset = 0
        for number, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
            rows = self.columns if number == 0 else probes * fan_out
            weight = Part(offset, (fan_out, fan_in))
            offset = aligned(offset + rows * fan_in)
            bias = Part(offset, (fan_out,))
            offset = aligned(offset + rows)
            self.layers.append((weight, bias))
        self.size = offset

    def spans(self) -> list[tuple[int, int, int]]:
        """Stretch of every probe in every part: (start, stop, probe)."""
        return [
            (part.offset + probe * part.size, part.offset + (probe + 1) * part.size, probe)
            for layer in self.layers
            for part in layer
            for probe in range(self.probes)
        ]

    def view(self, buffer: torch.Tensor, part: Part) -> torch.Tensor:
        """One part of all probes, shape ``[probes, *part.shape]``."""
        stop = part.offset + self.probes * part.size
        return buffer[part.offset : stop].view(self.probes, *part.shape)

    def first(self, buffer: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """First layer as one matrix ``[columns, dims]`` and one bias ``[columns]``."""
        weight, bias = self.layers[0]
        dims = self.widths[0]
        matrix = buffer[weight.offset : weight.offset + self.columns * dims]
        return matrix.view(self.columns, dims), buffer[bias.offset : bias.offset + self.columns]


def aligned(floats: int) -> int:
    """Round up to where the next part may start."""
    return -(-floats // ALIGNMENT) * ALIGNMENT
