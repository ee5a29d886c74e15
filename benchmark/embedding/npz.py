"""Embeddings computed elsewhere, as one npz file: arrays ``clip_id`` and ``embedding``."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mirbench.benchmark.api import DataError, FloatArray, Task
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.files.atomic import write_atomic

_FORM = "an .npz with the arrays clip_id [n] (text) and embedding [n, dims] or [n, layers, dims]"

_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_embeddings(path: Path, task: Task, clip_ids: Sequence[str]) -> Embeddings:
    """Read the embeddings of clips from a file.

    Parameters
    ----------
    clip_ids : sequence of str
        Clips that are wanted; others in the file are left out. For a task
        with windows the file's ids are ``<clip>-<k>``, k = 0, 1, …

    Raises
    ------
    DataError
        If the file is not of the form, an id stands there twice, a value is
        not finite, or no wanted clip is in it.
    """
    ids, matrix = _read_arrays(path)
    rows: dict[str, dict[int, int]] = {}
    for place, row_id in enumerate(ids):
        clip_id, window = _clip_of(row_id, task)
        if rows.setdefault(clip_id, {}).setdefault(window, place) != place:
            raise DataError(f"{path}: clip {row_id!r} stands there twice")
    wanted = tuple(sorted(clip_ids))
    places, clip = [], []
    for number, clip_id in enumerate(wanted):
        for _, place in sorted(rows.get(clip_id, {}).items()):
            places.append(place)
            clip.append(number)
    if not places:
        raise DataError(
            f"{path}: none of its {len(ids)} clip ids is one of task {task.name!r}: "
            f"it has {ids[0]!r}, the task {wanted[0] + ('-0' if task.window else '')!r}"
        )
    embedding = matrix[places]
    bad = ~np.isfinite(embedding).reshape(len(places), -1).all(axis=1)
    if bad.any():
        raise DataError(f"{path}: clip {ids[places[int(bad.argmax())]]!r} holds NaN or infinity")
    layers = tuple(str(n) for n in range(matrix.shape[1])) if matrix.ndim == 3 else ()
    return Embeddings(
        clip_ids=wanted,
        embedding=embedding,
        clip=np.array(clip, dtype=np.int64),
        missing={i: f"not in {path.name}" for i in wanted if i not in rows},
        layers=layers,
    )


def _read_arrays(path: Path) -> tuple[list[str], FloatArray]:
    if not path.exists():
        raise DataError(f"there is no file {path}")
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is no .npz file; expected {_FORM}")
    try:
        with np.load(path, allow_pickle=False) as file:
            absent = {"clip_id", "embedding"} - set(file.files)
            if absent:
                raise DataError(f"{path} has no array {sorted(absent)[0]!r}; expected {_FORM}")
            ids, matrix = file["clip_id"], file["embedding"]
    except _UNREADABLE as error:
        raise DataError(f"cannot read {path} ({error}); expected {_FORM}") from error
    if ids.ndim != 1 or ids.dtype.kind not in "US":
        raise DataError(
            f"{path}: clip_id must be a vector of text, is {ids.dtype}; expected {_FORM}"
        )
    shaped = matrix.ndim in (2, 3) and len(matrix) == len(ids) and 0 not in matrix.shape[1:]
    if not shaped or matrix.dtype.kind != "f":
        raise DataError(
            f"{path}: embedding has shape {list(matrix.shape)} and dtype {matrix.dtype} for "
            f"{len(ids)} clip ids; expected {_FORM}"
        )
    names = [i.decode("utf-8", "replace") if isinstance(i, bytes) else i for i in ids.tolist()]
    if not names:
        raise DataError(f"{path} holds no clip")
    with np.errstate(over="ignore"):
        return names, matrix.astype(np.float32, copy=False)


def _clip_of(row_id: str, task: Task) -> tuple[str, int]:
    clip_id, dash, window = row_id.rpartition("-")
    if task.window is None or not dash or not window.isdecimal():
        return row_id, 0
    return clip_id, int(window)


def write_embeddings(path: Path, task: Task, embeddings: Embeddings) -> None:
    """Write embeddings in the form that `read_embeddings` reads."""
    import io

    ids: list[str] = []
    for place, number in enumerate(embeddings.clip):
        clip_id = embeddings.clip_ids[number]
        window = place - int(np.searchsorted(embeddings.clip, number))
        ids.append(f"{clip_id}-{window}" if task.window else clip_id)
    arrays: dict[str, Any] = {
        "clip_id": np.array(ids),
        "embedding": np.asarray(embeddings.embedding),
    }
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomic(path, buffer.getvalue())
