"""What the prior is told about a clip: the same for every clip, as in Castellon et al. (2021).

The labels are: unknown artist, unknown genre, a piece of 62 seconds, of which
the clip is the beginning. They give one vector that stands before the first
code, and one vector for every position, its place in time.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mirbench.representations.jukebox.shape import Shape

GENRE = "y_emb.bow_genre_emb.emb.weight"
ARTIST = "y_emb.artist_emb.emb.weight"
TOTAL = "y_emb.total_length_emb.emb.weight"
ABSOLUTE = "y_emb.absolute_pos_emb.emb.weight"
RELATIVE = "y_emb.relative_pos_emb.emb.weight"


def total_length(shape: Shape) -> int:
    """Length that every clip's piece is said to have, in samples, rounded down to whole codes."""
    return shape.claimed_seconds * shape.sample_rate // shape.hop * shape.hop


def time_bins(shape: Shape) -> tuple[int, Tensor, Tensor]:
    """Bins of the total length, of the absolute and of the relative position.

    The original interpolates positions in float32 and rounds down; for its
    labels these integers are the same.

    Returns
    -------
    total : int
    absolute, relative : Tensor of int64, shape [n_ctx]
    """
    bins, rate, total = shape.time_bins, shape.sample_rate, total_length(shape)
    span = (shape.longest - shape.shortest) * rate
    position = torch.arange(shape.n_ctx) * shape.hop
    absolute = bins * position // (shape.longest * rate)
    relative = bins * position // total
    return bins * (total - shape.shortest * rate) // span, absolute, relative


def start_vector(weights: Mapping[str, Tensor]) -> Tensor:
    """Give the vector ``[width]`` of genre and artist 0, both of which mean "unknown"."""
    return weights[GENRE][0] + weights[ARTIST][0]


def time_signal(shape: Shape, weights: Mapping[str, Tensor]) -> Tensor:
    """Give the vectors ``[n_ctx, width]`` that tell every position its place in time."""
    total, absolute, relative = time_bins(shape)
    device = weights[TOTAL].device
    known = weights[TOTAL][total] + weights[ABSOLUTE][absolute.to(device)]
    return known + weights[RELATIVE][relative.to(device)]
