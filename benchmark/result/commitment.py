"""A row's commitment: what the embeddings of ten clips look like, so that others can see them too.

The task and its split name the clips; nobody chooses them. Of each, the row keeps a sketch of its
embedding: sixteen sums with fixed random signs, whose length is about that of the embedding. A
digest would not do, since processors and libraries round differently; sketches of two embeddings
lie as near to each other as the embeddings do, so they can be compared with a tolerance.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mirbench.benchmark.api import DataError, FloatArray
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.result.record import Record

Numbers = npt.NDArray[np.float64]

#: Clips that a row commits itself to, and numbers that a sketch has.
CLIPS = 10
LENGTH = 16

#: Between two sketches of one clip, by their length: rounding, also of a GPU.
TOLERANCE = 0.02

_NUMBER = re.compile(r"-?\d(\.\d+)?(e[+-]\d{2,3})?|-?\d+(\.\d+)?")


class Commitment(Record):
    """What the embeddings of ten clips look like. Not part of a row's identity."""

    sketches: dict[str, str] = Field(
        description="Clip id to sixteen sums of its embedding with random signs, the mean over "
        "windows, all layers in a row; see mirbench leaderboard verify"
    )


def committed_clips(
    split_sha256: str, clip_ids: Iterable[str], missing: Collection[str] = ()
) -> list[str]:
    """Choose ten clips, sorted: those whose SHA-256 with that of the split is smallest.

    Parameters
    ----------
    split_sha256 : str
        Of the split's file, as in the row.
    clip_ids : iterable of str
        Clips of the split.
    missing : collection of str
        Those that have no embedding.
    """

    def order(clip_id: str) -> bytes:
        return hashlib.sha256(f"{split_sha256} {clip_id}".encode()).digest()

    present = (clip_id for clip_id in clip_ids if clip_id not in missing)
    return sorted(sorted(present, key=order)[:CLIPS])


def sketch(embedding: FloatArray) -> Numbers:
    """Project an embedding onto sixteen directions of random signs.

    Parameters
    ----------
    embedding : ndarray of float32, shape [n_windows, dims] or [n_windows, n_layers, dims]
        Of one clip.

    Returns
    -------
    ndarray of float64, shape [16]
        Its squared length is that of the embedding's mean over windows, on average over signs.
    """
    mean = embedding.astype(np.float64).mean(axis=0).ravel()
    # The bits of a hash, which no version of a library changes.
    random = hashlib.shake_256(b"mirbench commitment 1").digest(-(-LENGTH * len(mean) // 8))
    bits = np.unpackbits(np.frombuffer(random, np.uint8))[: LENGTH * len(mean)]
    signs = bits.reshape(len(mean), LENGTH).astype(np.float64) * 2 - 1
    projected: Numbers = mean @ signs / LENGTH**0.5
    return projected


def sketch_text(numbers: Numbers) -> str:
    """Write a sketch with four significant digits a number."""
    return " ".join(f"{number:.4g}" for number in numbers)


def read_sketch(text: str) -> Numbers:
    """Read what `sketch_text` writes.

    Raises
    ------
    DataError
        If it is anything else.
    """
    words = text.split(" ")
    if len(words) != LENGTH or not all(_NUMBER.fullmatch(word) for word in words):
        raise DataError(f"{show(text, 40)} is no sketch of an embedding: {LENGTH} numbers")
    return np.array([float(word) for word in words])


def sketch_distances(stated: Mapping[str, str], found: Mapping[str, Numbers]) -> dict[str, float]:
    """Compute how far found sketches are from the stated ones, by clip, relative to their length.

    Raises
    ------
    DataError
        If a stated sketch is none.
    """
    distances = {}
    for clip_id, text in stated.items():
        there, here = read_sketch(text), found[clip_id]
        length = max(float(np.linalg.norm(there)), float(np.linalg.norm(here)))
        apart = float(np.linalg.norm(there - here))
        distances[clip_id] = apart / length if length > 0 else 0.0
    return distances
