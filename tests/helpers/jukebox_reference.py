"""Jukebox written plainly, in float64: whole sequences, whole masks, one thing after the other.

A reference for `mirbench.representations.jukebox`, made from the same
specification and from nothing of its code but the hyperparameters.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mirbench.representations.jukebox.shape import Shape

State = dict[str, Tensor]


def features(state: State, shape: Shape, audio: Tensor) -> Tensor:
    """Encode audio ``[n_samples]`` as ``[n_codes, code_width]``, in one pass."""
    x = audio.double()[None, None]
    for block, downs in enumerate(shape.downs):
        model = f"encoders.2.level_blocks.{block}.model"

        def conv(x: Tensor, name: str, model: str = model, **options: int) -> Tensor:
            weight, bias = (state[f"{model}.{name}.{part}"].double() for part in ("weight", "bias"))
            return functional.conv1d(x, weight, bias, **options)

        for stage in range(downs):
            x = conv(x, f"{stage}.0", stride=2, padding=1)
            for unit in range(shape.conv_depth):
                d = shape.dilation_growth**unit
                y = conv(
                    functional.relu(x), f"{stage}.1.model.{unit}.model.1", padding=d, dilation=d
                )
                x = x + conv(functional.relu(y), f"{stage}.1.model.{unit}.model.3")
        x = conv(x, f"{downs}", padding=1)
    return x[0].t()


def distances(state: State, shape: Shape, audio: Tensor) -> Tensor:
    """Squared distances ``[n_codes, codes]`` from every frame to every codeword."""
    frames = features(state, shape, audio)
    codewords = state["bottleneck.level_blocks.2.k"].double()
    return torch.cdist(frames, codewords, compute_mode="donot_use_mm_for_euclid_dist") ** 2


def conditions(state: State, shape: Shape) -> tuple[Tensor, Tensor]:
    """Give the start vector ``[width]`` and time signal ``[n_ctx, width]``, bins in float32."""
    hop, rate = shape.hop, shape.sample_rate
    total = torch.tensor(float(62 * rate // hop * hop))
    end = torch.tensor(float(shape.n_ctx * hop))
    position = end * (torch.arange(shape.n_ctx, dtype=torch.float32) / shape.n_ctx)

    def table(name: str, value: Tensor, low: float, high: float) -> Tensor:
        bins = (128 * ((value - low) / (high - low))).floor().long()
        return state[f"y_emb.{name}_emb.emb.weight"].double()[bins]

    fraction = torch.clamp(end / total, max=1) * (position / end)
    signal = table("total_length", total, 60.0 * rate, 600.0 * rate)
    signal = signal + table("absolute_pos", position, 0.0, 600.0 * rate)
    signal = signal + table("relative_pos", fraction, 0.0, 1.0)
    genre, artist = (state[f"y_emb.{name}_emb.emb.weight"] for name in ("bow_genre", "artist"))
    return genre[0].double() + artist[0].double(), signal


def mask(pattern: int, columns: int, n: int) -> Tensor:
    """Which position (row) may see which (column), ``[n, n]``."""
    i = torch.arange(n)
    row, column = i // columns, i % columns
    before = i[None] <= i[:, None]
    if pattern == 0:
        return (row[None] == row[:, None]) & before
    if pattern == 1:
        return (column[None] == column[:, None]) & before
    return row[None] == row[:, None] - 1


def layers(state: State, shape: Shape, codes: Tensor, depth: int) -> list[Tensor]:
    """Activations ``[n, width]`` after each of the first `depth` layers, for codes ``[n]``."""
    n = len(codes)
    start, signal = conditions(state, shape)
    x = torch.cat([start[None], state["prior.x_emb.weight"].double()[codes[:-1]]])
    x = x + state["prior.pos_emb.pos_emb"].double()[:n] + signal[:n]
    found = []
    for layer in range(depth):
        own = {
            key.removeprefix(f"prior.transformer._attn_mods.{layer}."): value.double()
            for key, value in state.items()
            if key.startswith(f"prior.transformer._attn_mods.{layer}.")
        }
        visible = mask(layer % 3, shape.columns, n)
        normed = _norm(x, own, "ln_0")
        q, k, v = (normed @ own["attn.c_attn.w"] + own["attn.c_attn.b"]).chunk(3, 1)
        heads = []
        for head in range(shape.heads):
            part = slice(head * shape.head_width, (head + 1) * shape.head_width)
            scores = q[:, part] @ k[:, part].t() * shape.head_width**-0.5
            scores = scores.masked_fill(~visible, float("-inf"))
            heads.append(scores.softmax(1).nan_to_num(0.0) @ v[:, part])
        a = torch.cat(heads, 1) @ own["attn.c_proj.w"] + own["attn.c_proj.b"]
        u = x + a
        hidden = _norm(u, own, "ln_1") @ own["mlp.c_fc.w"] + own["mlp.c_fc.b"]
        hidden = hidden * torch.sigmoid(1.702 * hidden)
        x = u + hidden @ own["mlp.c_proj.w"] + own["mlp.c_proj.b"]
        found.append(x)
    return found


def _norm(x: Tensor, own: State, name: str) -> Tensor:
    mean, variance = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False)
    return (x - mean) / torch.sqrt(variance + 1e-5) * own[f"{name}.weight"] + own[f"{name}.bias"]
