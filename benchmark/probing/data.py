"""What a grid of probes is trained on, and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import DataError, FloatArray, IntArray, Kind
from mirbench.benchmark.protocol import ProbeConfig
from mirbench.benchmark.scoring.metrics import DEFAULT_METRICS, Way


@dataclass(frozen=True, eq=False)
class ProbeData:
    """What a grid of probes is trained on: one layer of one representation, one task.

    Attributes
    ----------
    kind : {"multiclass", "multilabel", "regression"}
    X_train, X_valid, X_test : ndarray of float32, shape [n, dims]
        Embeddings; a row is a clip, or one window of a clip.
    y_train, y_valid, y_test : ndarray
        int class indices ``[n]``, int 0/1 ``[n, n_outputs]`` (-1, `UNOBSERVED`: no part of
        loss and scores) or float32 ``[n, n_outputs]``; all windows of a clip have its target.
    metrics : tuple of str
        Scores of the test set; the first, on the validation set, decides
        early stopping and selection. Default: those of the kind.
    clips_valid, clips_test : ndarray of int, shape [n], or None
        Number of the clip (0, 1, …) that a row is a window of; None: a row is a clip.
    labels : tuple of str
        Names of the outputs, for scores that are reported per output.
    n_outputs : int or None
        Outputs of a probe; default: as many as the targets show.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(60) % 3
    >>> X = (y[:, None] + rng.normal(0, 0.1, (60, 4))).astype(np.float32)
    >>> data = ProbeData("multiclass", X[:40], y[:40], X[40:50], y[40:50], X[50:], y[50:])
    >>> data.metrics, data.outputs
    (('accuracy',), 3)
    """

    kind: Kind
    X_train: FloatArray
    y_train: npt.NDArray[Any]
    X_valid: FloatArray
    y_valid: npt.NDArray[Any]
    X_test: FloatArray
    y_test: npt.NDArray[Any]
    metrics: tuple[str, ...] = ()
    clips_valid: IntArray | None = None
    clips_test: IntArray | None = None
    labels: tuple[str, ...] = ()
    n_outputs: int | None = None

    def __post_init__(self) -> None:
        parts = {
            "train": (self.X_train, self.y_train, None),
            "valid": (self.X_valid, self.y_valid, self.clips_valid),
            "test": (self.X_test, self.y_test, self.clips_test),
        }
        for name, (X, y, clips) in parts.items():
            if X.ndim != 2 or X.shape[1] != self.X_train.shape[1]:
                raise DataError(f"X_{name} must have shape [n, dims], but has {list(X.shape)}")
            if len(X) == 0:
                raise DataError(f"the {name} split is empty")
            if len(X) != len(y) or (clips is not None and len(clips) != len(X)):
                raise DataError(f"X_{name} and its targets differ in length")
            if not np.isfinite(X).all():
                raise DataError(f"X_{name} holds NaN or infinity")
        if not self.metrics:
            object.__setattr__(self, "metrics", DEFAULT_METRICS[self.kind])
        if self.n_outputs is None:
            targets = (self.y_train, self.y_valid, self.y_test)
            if self.kind == "multiclass":
                outputs = max(int(np.max(y)) for y in targets) + 1
            else:
                outputs = self.y_train.shape[1]
            object.__setattr__(self, "n_outputs", outputs)

    @property
    def outputs(self) -> int:
        """Outputs of a probe, known."""
        assert self.n_outputs is not None
        return self.n_outputs


@dataclass(frozen=True, eq=False)
class ProbeRecord:
    """One trained probe.

    Attributes
    ----------
    updates : int
        Updates made until early stopping.
    best_update : int
        After how many of them the remembered weights were reached.
    valid : float
        Primary score on the validation set, of the remembered weights.
    way : str or None
        How windows were merged into clips.
    test : dict
        Scores on the test set.
    test_outputs : ndarray of float32, shape [n_clips, n_outputs], or None
        What the test scores are computed from; a whole grid keeps it of the
        selected probe only.
    """

    index: int
    config: ProbeConfig
    updates: int
    best_update: int
    valid: float
    way: Way | None
    test: dict[str, float]
    test_outputs: FloatArray | None = field(repr=False, default=None)


def select(records: Sequence[ProbeRecord]) -> ProbeRecord:
    """Choose the probe with the highest validation score; of equals, the first in the grid."""
    return max(records, key=lambda record: (record.valid, -record.index))


def clip_targets(targets: npt.NDArray[Any], clips: IntArray | None) -> npt.NDArray[Any]:
    """Targets of clips, from those of their windows."""
    if clips is None:
        return targets
    return targets[np.unique(clips, return_index=True)[1]]
