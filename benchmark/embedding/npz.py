"""Embeddings computed elsewhere, as one npz file: arrays ``clip_id`` and ``embedding``."""

from __future__ import annotations

import zipfile
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import DataError, FloatArray, Task, clip_and_window, window_id
from mirbench.benchmark.embedding.embeddings import Embeddings, not_finite
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.foreign import ARCHIVE_DAMAGES, Damaged, is_zip
from mirbench.benchmark.files.npy import Header, read_header, read_values
from mirbench.benchmark.machine.memory import free_main_memory
from mirbench.benchmark.progress import count

_FORM = "an .npz with the arrays clip_id [n] (text) and embedding [n, dims] or [n, layers, dims]"

_WINDOW_IDS = " (an id is <clip>-<k> for window k = 0, 1, … of a clip)"

#: What to write instead of arrays of Python objects, which are not unpickled.
_INSTEAD = {
    "clip_id": "np.array(ids, dtype=str)",
    "embedding": "np.stack(vectors).astype(np.float32), all of one length",
}

#: Bytes that Python takes for the id of a row, beside its text.
_ROW = 300


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
        If the file is not of the form, an id stands there twice, a wanted
        clip lacks a window before its last, a value is not finite, or no
        wanted clip is in it.
    """
    ids, matrix = _read_arrays(path)
    known = set(clip_ids)
    rows: dict[str, dict[int, int]] = {}
    for place, row_id in enumerate(ids):
        clip_id, window = _clip_of(row_id, task, known)
        if rows.setdefault(clip_id, {}).setdefault(window, place) != place:
            raise DataError(f"{path}: clip {row_id!r} stands there twice")
    wanted = tuple(sorted(clip_ids))
    check_windows(path, {clip_id: rows[clip_id] for clip_id in wanted if clip_id in rows})
    places, clip = [], []
    for number, clip_id in enumerate(wanted):
        for _, place in sorted(rows.get(clip_id, {}).items()):
            places.append(place)
            clip.append(number)
    if not places:
        raise DataError(
            f"{path}: none of its clip ids ({len(ids):,}) is one of task {task.name!r}: "
            f"it has {ids[0]!r}, the task {window_id(wanted[0], 0 if task.window else None)!r}"
            f"{_WINDOW_IDS if task.window else ''}"
        )
    embedding = matrix[places]
    bad = not_finite(embedding)
    if bad is not None:
        raise DataError(f"{path}: clip {ids[places[bad]]!r} holds NaN or infinity")
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
    if not is_zip(path):
        raise DataError(f"{path} is no .npz file; expected {_FORM}")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            absent = _INSTEAD.keys() - members.keys()
            if absent:
                raise DataError(f"{path} has no array {sorted(absent)[0]!r}; expected {_FORM}")
            headers = {name: _read_header(path, archive, members[name]) for name in _INSTEAD}
            _check_form(path, headers["clip_id"], headers["embedding"])
            ids, matrix = (_read_values(archive, members[name], headers[name]) for name in _INSTEAD)
        names = [i.decode("utf-8", "replace") if isinstance(i, bytes) else i for i in ids.tolist()]
    except (OSError, MemoryError, *ARCHIVE_DAMAGES) as error:
        raise DataError(
            f"cannot read {path} ({str(error)[:300] or type(error).__name__}); expected {_FORM}"
        ) from error
    with np.errstate(over="ignore"):
        return names, matrix.astype(np.float32, copy=False)


def _read_header(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Header:
    with archive.open(member) as file:
        header = read_header(file)
        if header.dtype.hasobject:
            name = member.filename.removesuffix(".npy")
            raise DataError(
                f"{path}: {name} is an array of Python objects, which mirbench does not unpickle; "
                f"save {_INSTEAD[name]} instead"
            )
        if file.tell() + header.bytes != member.file_size:
            raise Damaged(
                f"{member.filename} claims {count(header.bytes, 'byte')} of values, and has "
                f"{member.file_size - file.tell():,}"
            )
    return header


def _read_values(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, header: Header
) -> npt.NDArray[Any]:
    with archive.open(member) as file:
        read_header(file)
        return read_values(file, header)


def _check_form(path: Path, ids: Header, matrix: Header) -> None:
    """Check types and shapes, and that there is room, before a value is read."""
    if len(ids.shape) != 1 or ids.dtype.kind not in "US":
        raise DataError(
            f"{path}: clip_id must be a vector of text, but has shape {list(ids.shape)} and dtype "
            f"{ids.dtype}; save {_INSTEAD['clip_id']}; expected {_FORM}"
        )
    shaped = len(matrix.shape) in (2, 3) and matrix.shape[0] == ids.shape[0]
    if not shaped or 0 in matrix.shape[1:] or matrix.dtype.kind != "f":
        raise DataError(
            f"{path}: embedding has shape {list(matrix.shape)} and dtype {matrix.dtype} for "
            f"{count(ids.shape[0], 'clip id')}; expected {_FORM}"
        )
    if ids.shape[0] == 0:
        raise DataError(f"{path} holds no clip")
    needed, free = 2 * matrix.bytes + 3 * ids.bytes + _ROW * ids.shape[0], free_main_memory()
    if needed > free:
        raise DataError(
            f"{path} takes {needed / 1e9:,.1f} GB of memory when it is read, of which "
            f"{free / 1e9:,.1f} GB are free; leave clips out that task and split do not have"
        )


def check_windows(path: Path, windows: Mapping[str, Iterable[int]]) -> None:
    """Check that the windows of each clip id are 0, 1, … without gap, each once.

    Whether a clip's last windows are there only its audio could tell.

    Raises
    ------
    DataError
        If they are not; the message names the first such clip.
    """
    for clip_id, numbers in windows.items():
        found = sorted(numbers)
        if found != list(range(len(found))):
            shown = ", ".join(map(str, found[:8])) + (", …" if len(found) > 8 else "")
            raise DataError(
                f"{path}: clip {clip_id!r} has the windows [{shown}]; they must be 0, 1, … "
                "without gap, each once"
            )


def _clip_of(row_id: str, task: Task, known: Container[str]) -> tuple[str, int]:
    """Clip and window of a row; a clip that is wanted keeps its name, whatever it ends in."""
    clip_id, window = clip_and_window(row_id)
    if task.window is None or window is None:
        return row_id, 0
    if clip_id not in known and clip_id.removesuffix("-") in known:
        return clip_id.removesuffix("-"), -window
    return clip_id, window


def write_embeddings(path: Path, task: Task, embeddings: Embeddings) -> None:
    """Write embeddings in the form that `read_embeddings` reads."""
    import io

    ids: list[str] = []
    for place, number in enumerate(embeddings.clip):
        clip_id = embeddings.clip_ids[number]
        window = place - int(np.searchsorted(embeddings.clip, number))
        ids.append(window_id(clip_id, window if task.window else None))
    arrays: dict[str, Any] = {
        "clip_id": np.array(ids),
        "embedding": np.asarray(embeddings.embedding),
    }
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomic(path, buffer.getvalue())
