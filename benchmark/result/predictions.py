"""The outputs on the test set, from which every score of a row follows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import DataError, FloatArray
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.result.paths import predictions_path


@dataclass(frozen=True, eq=False)
class Predictions:
    """Outputs of the selected probe on the test set, and what they should have been.

    Attributes
    ----------
    clip_ids, groups : tuple of str
        Sorted by clip id.
    outputs : ndarray of float32, shape [n, n_outputs]
        Before any sigmoid or softmax.
    targets : ndarray
        As `mirbench.benchmark.datasets.targets.encode_targets` makes them; regression z-scored.
    """

    clip_ids: tuple[str, ...]
    groups: tuple[str, ...]
    outputs: FloatArray
    targets: npt.NDArray[Any]


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write the predictions of the row at `path`."""
    from safetensors.numpy import save

    facts = {"clip_ids": predictions.clip_ids, "groups": predictions.groups}
    arrays = {
        "outputs": np.ascontiguousarray(predictions.outputs),
        "targets": np.ascontiguousarray(predictions.targets),
    }
    content = save(arrays, metadata={"mirbench": json.dumps(facts, ensure_ascii=False)})
    write_atomic(predictions_path(path), content)


def read_predictions(path: Path) -> Predictions:
    """Read the predictions of the row at `path`.

    Raises
    ------
    DataError
        If they are absent or damaged.
    """
    from safetensors import SafetensorError, safe_open

    place = predictions_path(path)
    try:
        with safe_open(place, framework="numpy") as file:
            facts = json.loads(file.metadata()["mirbench"])
            outputs, targets = file.get_tensor("outputs"), file.get_tensor("targets")
            return Predictions(tuple(facts["clip_ids"]), tuple(facts["groups"]), outputs, targets)
    except (
        SafetensorError,
        OSError,
        KeyError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:
        raise DataError(f"cannot read the predictions {place}: {error}") from error
