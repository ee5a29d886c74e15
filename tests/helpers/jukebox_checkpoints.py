"""Random weights in the form of Jukebox's original checkpoint files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from mirbench.representations.jukebox.shape import Shape
from mirbench.representations.jukebox.weights import PRIOR_FILE, VQVAE_FILE, convert

#: Every attention pattern twice, rows of 8 positions, heads of 5 channels.
SMALL = Shape(
    crop_seconds=2,
    conv_width=8,
    conv_depth=2,
    code_width=8,
    codes=64,
    n_ctx=512,
    width=32,
    depth=8,
    heads=2,
    attention_width=10,
    blocks=64,
    genres=3,
    artists=4,
)


def vqvae_state(shape: Shape, seed: int = 0) -> dict[str, torch.Tensor]:
    """State of the VQ-VAE: the encoders and codebooks of all levels, without the decoders."""
    random = torch.Generator().manual_seed(seed)

    def normal(*size: int, scale: float) -> torch.Tensor:
        return scale * torch.randn(size, generator=random)

    state = {}
    for level in range(3):
        width = shape.conv_width * (2 if level == 0 else 1)
        depth = shape.conv_depth * (2 if level == 0 else 1)
        for block in range(level + 1):
            name = f"encoders.{level}.level_blocks.{block}.model"
            for stage in range(shape.downs[block]):
                first = (1 if block == 0 else shape.code_width) if stage == 0 else width
                state[f"{name}.{stage}.0.weight"] = normal(
                    width, first, 4, scale=(2 * first) ** -0.5
                )
                state[f"{name}.{stage}.0.bias"] = normal(width, scale=0.1)
                for unit in range(depth):
                    for part, kernel in ((1, 3), (3, 1)):
                        key = f"{name}.{stage}.1.model.{unit}.model.{part}"
                        scale = 0.4 * (width * kernel) ** -0.5
                        state[f"{key}.weight"] = normal(width, width, kernel, scale=scale)
                        state[f"{key}.bias"] = normal(width, scale=0.05)
            key = f"{name}.{shape.downs[block]}"
            scale = 0.5 * (3 * width) ** -0.5
            state[f"{key}.weight"] = normal(shape.code_width, width, 3, scale=scale)
            state[f"{key}.bias"] = normal(shape.code_width, scale=0.1)
        state[f"bottleneck.level_blocks.{level}.k"] = normal(
            shape.codes, shape.code_width, scale=0.5
        )
    return state


def prior_state(shape: Shape, seed: int = 0, spread: float = 1.0) -> dict[str, torch.Tensor]:
    """State of the top prior; `spread` widens the scores of attention, and what it changes."""
    random = torch.Generator().manual_seed(1000 + seed)

    def normal(*size: int, scale: float) -> torch.Tensor:
        return scale * torch.randn(size, generator=random)

    width, inner = shape.width, shape.attention_width
    state = {
        "y_emb.bow_genre_emb.emb.weight": normal(shape.genres, width, scale=0.5),
        "y_emb.artist_emb.emb.weight": normal(shape.artists, width, scale=0.5),
        "prior.x_emb.weight": normal(shape.codes, width, scale=0.5),
        "prior.pos_emb.pos_emb": normal(shape.n_ctx, width, scale=0.5),
        "prior.x_out.weight": normal(shape.codes, width, scale=0.5),
    }
    for signal in ("total_length", "absolute_pos", "relative_pos"):
        state[f"y_emb.{signal}_emb.emb.weight"] = normal(shape.time_bins, width, scale=0.5)
    for layer in range(shape.depth):
        name = f"prior.transformer._attn_mods.{layer}"
        wide = spread * width**-0.5
        matrices = {
            "attn.c_attn": normal(width, 3 * inner, scale=wide),
            "attn.c_proj": normal(inner, width, scale=inner**-0.5),
            "mlp.c_fc": normal(width, width, scale=width**-0.5),
            "mlp.c_proj": normal(width, width, scale=width**-0.5),
        }
        for part, matrix in matrices.items():
            state[f"{name}.{part}.w"] = matrix.half()
            state[f"{name}.{part}.b"] = normal(matrix.shape[1], scale=0.1)
        for part in ("ln_0", "ln_1"):
            state[f"{name}.{part}.weight"] = 1 + normal(width, scale=0.1)
            state[f"{name}.{part}.bias"] = normal(width, scale=0.1)
    return state


def write_checkpoint(path: Path, state: dict[str, Any], zipped: bool = False) -> None:
    """Write a state as the original did: with hyperparameters, some of them NumPy numbers."""
    content = {
        "hps": {"levels": 3, "lr": np.float64(0.0003), "hop": np.int64(128), "name": "5b"},
        "model": state,
        "opt": None,
        "step": 1,
    }
    torch.save(content, path, _use_new_zipfile_serialization=zipped)


def write_checkpoints(folder: Path, shape: Shape, seed: int = 0) -> dict[str, Path]:
    """Write both checkpoint files; give their paths by name."""
    folder.mkdir(parents=True, exist_ok=True)
    write_checkpoint(folder / VQVAE_FILE, vqvae_state(shape, seed))
    write_checkpoint(folder / PRIOR_FILE, prior_state(shape, seed))
    return {name: folder / name for name in (VQVAE_FILE, PRIOR_FILE)}


def converted_file(folder: Path, shape: Shape, layers: int, seed: int = 0) -> Path:
    """Write both checkpoint files and convert them; give the safetensors file."""
    path = folder / f"{layers}.safetensors"
    save_file(dict(convert(shape, layers, write_checkpoints(folder, shape, seed))), path)
    return path
