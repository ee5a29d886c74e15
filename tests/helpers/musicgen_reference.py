"""MusicGen's language model once more, in NumPy and float64, from the tensors of its file.

Written from the paper and a description of the layout; it shares nothing with mirbench's
or transformers' code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import erf, softmax

Array = npt.NDArray[Any]


def delay_pattern(codes: Array, padding: int, channels: int = 1) -> Array:
    """Shift codes ``[n_codebooks, n_frames]`` into ``[n_codebooks, n_frames + 1]``, one by one."""
    books, frames = codes.shape
    fed = np.full((books, frames + 1), padding)
    for book in range(books):
        for step in range(frames + 1):
            frame = step - 1 - book // channels
            if frame >= 0:
                fed[book, step] = codes[book, frame]
    return fed


def language_states(
    tensors: Mapping[str, Array], fed: Array, heads: int, text: Array | None = None
) -> list[Array]:
    """States of the language model: the input of the first block, then the output of each.

    The last one is normalised.

    Parameters
    ----------
    tensors : mapping
        Of the whole model, by the names in its file.
    fed : ndarray of int, shape [n_codebooks, n_positions]
    heads : int
    text : ndarray, shape [n_keys, width], optional
        What is attended to; None: there is no such step.
    """
    own = {
        key.removeprefix("decoder.model.decoder."): np.asarray(value, np.float64)
        for key, value in tensors.items()
        if key.startswith("decoder.model.decoder.")
    }
    tables = [own[f"embed_tokens.{book}.weight"] for book in range(len(fed))]
    x = sum(table[tokens] for table, tokens in zip(tables, fed, strict=True))
    width = x.shape[1]
    half = width // 2
    speeds = 10_000.0 ** (-np.arange(half) / (half - 1))
    angles = np.arange(len(x))[:, None] * speeds
    x = x + np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    causal = np.where(np.tri(len(x), dtype=bool), 0, -np.inf)
    states, number = [x], 0
    while f"layers.{number}.fc1.weight" in own:
        part = {
            key.removeprefix(f"layers.{number}."): value
            for key, value in own.items()
            if key.startswith(f"layers.{number}.")
        }
        y = _normed(x, part, "self_attn_layer_norm")
        x = x + _attention(y, y, part, "self_attn", heads, causal)
        if text is not None:
            y = _normed(x, part, "encoder_attn_layer_norm")
            x = x + _attention(y, text, part, "encoder_attn", heads, 0)
        y = _normed(x, part, "final_layer_norm") @ part["fc1.weight"].T
        x = x + (y * (1 + erf(y / np.sqrt(2))) / 2) @ part["fc2.weight"].T
        states.append(x)
        number += 1
    return [*states[:-1], _normed(x, own, "layer_norm")]


def _normed(x: Array, part: Mapping[str, Array], name: str) -> Array:
    centred = x - x.mean(1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5)
    return np.asarray(scaled * part[f"{name}.weight"] + part[f"{name}.bias"])


def _attention(
    x: Array, keys: Array, part: Mapping[str, Array], name: str, heads: int, mask: Any
) -> Array:
    def split(values: Array, kind: str) -> Array:
        product = values @ part[f"{name}.{kind}_proj.weight"].T
        return product.reshape(len(values), heads, -1).swapaxes(0, 1)

    q, k, v = split(x, "q"), split(keys, "k"), split(keys, "v")
    weights = softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1]) + mask, axis=-1)
    joined = (weights @ v).swapaxes(0, 1).reshape(len(x), -1)
    return np.asarray(joined @ part[f"{name}.out_proj.weight"].T)
