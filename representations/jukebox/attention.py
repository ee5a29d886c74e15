"""The three sparse attention patterns of Jukebox's prior.

Positions are folded into rows: position ``i`` stands in row ``i // columns``
and column ``i % columns``. Layer ``d`` uses pattern ``d % 3``:

0. `along_rows`: a position sees its own row, up to itself;
1. `along_columns`: it sees its own column, up to itself;
2. `previous_rows`: it sees the whole row before its own; the first row sees nothing, and gets 0.

Together, three layers let every position see all before it. Each pattern is
many short dense attentions, so no mask is ever made: queries, keys and values
``[clips, rows, columns, heads, channels]`` are only viewed otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

Pattern = Callable[[Tensor, Tensor, Tensor, float], Tensor]


def along_rows(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """Attend within a row, causally."""
    queries, keys, values = (x.flatten(0, 1).transpose(1, 2) for x in (q, k, v))
    attended = _attend(queries, keys, values, scale, causal=True)
    return attended.transpose(1, 2).reshape(q.shape)


def along_columns(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """Attend within a column, causally."""
    queries, keys, values = (x.flatten(2, 3).transpose(1, 2) for x in (q, k, v))
    attended = _attend(queries, keys, values, scale, causal=True)
    return attended.transpose(1, 2).reshape(q.shape)


def previous_rows(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """Attend to all of the row before.

    The rows of all clips are taken as one sequence; the first row of a clip,
    which would see the last of another, is then set to 0.
    """
    out = torch.zeros_like(q, memory_format=torch.contiguous_format)
    rows = out.flatten(0, 1)
    if len(rows) > 1:
        queries = q.flatten(0, 1)[1:].transpose(1, 2)
        keys, values = (x.flatten(0, 1)[:-1].transpose(1, 2) for x in (k, v))
        rows[1:] = _attend(queries, keys, values, scale, causal=False).transpose(1, 2)
    out[:, 0] = 0
    return out


#: By the layer's number modulo 3.
PATTERNS: tuple[Pattern, ...] = (along_rows, along_columns, previous_rows)


def _attend(q: Tensor, k: Tensor, v: Tensor, scale: float, causal: bool) -> Tensor:
    """Dense attention ``[batch, heads, positions, channels]``."""
    if q.is_cuda and q.dtype == torch.float32:
        # The fused kernels put float32 together from TF32 products.
        with sdpa_kernel(SDPBackend.MATH):
            return functional.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)
    return functional.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)
