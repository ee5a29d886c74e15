"""The predictions of a row: exactly the arrays and names that there must be.

The header is read here before safetensors sees the file: its length, its
keys, types and shapes are known beforehand from task and split, so nothing is
allocated on a stranger's word.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mirbench.benchmark.api import UNOBSERVED, DataError, Task
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.progress import count
from mirbench.benchmark.result import Predictions, predictions_path, read_predictions
from mirbench.benchmark.submissions.files import PREDICTIONS_BYTES, read_limited
from mirbench.benchmark.submissions.strict_json import parse_json

_AGAIN = "hand in the file that mirbench run wrote"

#: Bytes of a header. 5,329 clip ids with their groups take half a megabyte.
_HEADER_BYTES = 4_000_000


@dataclass(frozen=True)
class _Form:
    """Type and shape of an array in a safetensors header."""

    dtype: str
    shape: list[int]


def read_submitted(
    path: Path, task: Task, n: int, draws: int | None = None, deformed: bool = False
) -> Predictions:
    """Read the predictions of the row at `path`.

    Parameters
    ----------
    path : Path
    task : Task
    n : int
        Clips that it must hold.
    draws : int, optional
        Draws of training clips of which it must hold the outputs; default: there are none.
    deformed : bool
        Whether it must hold outputs on clean clips, beside those on deformed ones.

    Raises
    ------
    DataError
        If the file is not the one that mirbench writes for this task and `n` clips.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    place = predictions_path(path)
    content = read_limited(place, PREDICTIONS_BYTES, "the file of predictions")
    forms = _forms(task, n, draws)
    if deformed:
        forms["clean"] = forms["outputs"]
    clip_ids, groups = _read_header(content, place.name, forms, n)
    try:
        arrays = load(content)
    except (SafetensorError, ValueError) as error:
        raise DataError(f"{place.name} is damaged: {error}; {_AGAIN}") from error
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise DataError(f"{place.name}: {name} holds NaN or infinity; {_AGAIN}")
    targets = arrays["targets"]
    top = {"multiclass": len(task.labels) - 1, "multilabel": 1}.get(task.kind)
    lowest = UNOBSERVED if task.partial else 0
    if top is not None and (targets.min() < lowest or targets.max() > top):
        raise DataError(f"{place.name}: targets must be {lowest} to {top}; {_AGAIN}")
    return Predictions(clip_ids, groups, arrays["outputs"], targets, arrays.get("clean"))


def check_digest(path: Path) -> Iterator[str]:
    """Say whether the predictions of the row at `path` are another content than their digest's."""
    try:
        read_predictions(path)
    except DataError as error:
        yield f"{error}; {_AGAIN}"


def _forms(task: Task, n: int, draws: int | None) -> dict[str, _Form]:
    both = [n, len(task.labels)]
    return {
        "outputs": _Form("F32", both if draws is None else [n, draws, len(task.labels)]),
        "targets": {
            "multiclass": _Form("I64", [n]),
            "multilabel": _Form("I64", both),
            "regression": _Form("F32", both),
        }[task.kind],
    }


def _read_header(
    content: bytes, name: str, forms: Mapping[str, _Form], n: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Check the header; returns clip ids and groups."""
    if len(content) < 8:
        raise DataError(f"{name} is no safetensors file; {_AGAIN}")
    (length,) = struct.unpack("<Q", content[:8])
    if length > min(_HEADER_BYTES, len(content) - 8):
        raise DataError(
            f"{name} is no whole safetensors file: its header should have {count(length, 'byte')}, "
            f"the file has {len(content):,}; {_AGAIN}"
        )
    header = parse_json(content[8 : 8 + length], f"the header of {name}")
    if not isinstance(header, dict):
        raise DataError(f"{name} is no safetensors file; {_AGAIN}")
    metadata = header.pop("__metadata__", None)
    extra, absent = sorted(set(header) - set(forms)), sorted(set(forms) - set(header))
    if extra:
        raise DataError(f"{name} holds an array {show(extra[0])} that no row has; {_AGAIN}")
    if absent:
        raise DataError(f"{name} has no array {absent[0]!r}; {_AGAIN}")
    for key, form in forms.items():
        entry = header[key] if isinstance(header[key], dict) else {}
        stated = _Form(entry.get("dtype"), entry.get("shape"))  # type: ignore[arg-type]
        if stated != form:
            raise DataError(
                f"{name}: {key} is {show(stated.dtype)} of shape {show(stated.shape)}, must be "
                f"{form.dtype} of shape {form.shape}: one line a clip of the test split that is "
                f"not missing; {_AGAIN}"
            )
    if not isinstance(metadata, dict) or set(metadata) != {"mirbench"}:
        raise DataError(f"{name} lacks mirbench's clip ids and groups, or holds more; {_AGAIN}")
    facts = parse_json(str(metadata["mirbench"]).encode(), f"the metadata of {name}")
    known = {"clip_ids", "groups", "digest"}  # the last is not in files of older versions
    if not isinstance(facts, dict) or not known - {"digest"} <= set(facts) <= known:
        raise DataError(f"{name} lacks mirbench's clip ids and groups, or holds more; {_AGAIN}")
    return _texts(facts["clip_ids"], name, n), _texts(facts["groups"], name, n)


def _texts(values: Any, name: str, n: int) -> tuple[str, ...]:
    complete = isinstance(values, list) and len(values) == n
    if not complete or not all(isinstance(v, str) and 0 < len(v) <= 300 for v in values):
        raise DataError(f"{name}: clip_ids and groups must be {count(n, 'name')} each; {_AGAIN}")
    return tuple(values)
