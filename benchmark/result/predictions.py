"""The outputs on the test set, from which every score of a row follows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import DataError, FloatArray
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.foreign import DAMAGES
from mirbench.benchmark.files.sealed import seal, unseal
from mirbench.benchmark.result.paths import predictions_path

#: Classes and tags; or values.
_TARGETS = (np.int64, np.float32)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Outputs of the selected probe on the test set, and what they should have been.

    Where training clips were drawn several times, there are outputs of every draw.

    Attributes
    ----------
    clip_ids, groups : tuple of str
        Sorted by clip id.
    outputs : ndarray of float32, shape [n, n_outputs] or [n, draws, n_outputs]
        Before any sigmoid or softmax.
    targets : ndarray
        As `mirbench.benchmark.datasets.targets.encode_targets` makes them; regression z-scored,
        `UNOBSERVED` (-1) where a tag of a partial task is.
    clean : ndarray of float32, shape of `outputs`, or None
        Outputs of the same probe on clean clips, where `outputs` are on deformed ones.
    """

    clip_ids: tuple[str, ...]
    groups: tuple[str, ...]
    outputs: FloatArray
    targets: npt.NDArray[Any]
    clean: FloatArray | None = None


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write the predictions of the row at `path`."""
    facts = {"clip_ids": predictions.clip_ids, "groups": predictions.groups}
    arrays = {"outputs": predictions.outputs, "targets": predictions.targets}
    if predictions.clean is not None:
        arrays["clean"] = predictions.clean
    write_atomic(predictions_path(path), seal(facts, arrays, "mirbench"))


def read_predictions(path: Path) -> Predictions:
    """Read the predictions of the row at `path`.

    Raises
    ------
    DataError
        If they are absent or damaged.
    """
    place = predictions_path(path)
    try:
        facts, arrays, _ = unseal(place, "mirbench")  # older files have no digest
        ids, groups = tuple(facts["clip_ids"]), tuple(facts["groups"])
        outputs, targets = arrays["outputs"], arrays["targets"]
        if not all(isinstance(text, str) for text in (*ids, *groups)):
            raise ValueError("its clip ids and groups are not texts")
        typed = outputs.dtype == np.float32 and targets.dtype in _TARGETS
        if not typed or outputs.ndim not in (2, 3):
            raise ValueError("its arrays have other types or shapes")
        if not len(ids) == len(groups) == len(outputs) == len(targets) or targets.ndim > 2:
            raise ValueError("its outputs and targets are not those of its clips")
        clean = arrays.get("clean")
        if clean is not None and (clean.dtype, clean.shape) != (outputs.dtype, outputs.shape):
            raise ValueError("its outputs on clean clips are not those of its clips")
        return Predictions(ids, groups, outputs, targets, clean)
    except (OSError, *DAMAGES) as error:
        raise DataError(f"cannot read the predictions {place}: {error}") from error
