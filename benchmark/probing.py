"""Train the probes of a grid on embeddings, one after another.

This is the protocol of Castellon et al. (ISMIR 2021) read off line by line
(`mirbench.benchmark.protocol`), with the order of random numbers of the
authors' code, so that a run on a CPU reproduces theirs probe by probe.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import DataError, FloatArray, IntArray, Kind
from mirbench.benchmark.kernels import use_portable_kernels

use_portable_kernels()  # before the first import of torch

import torch
from sklearn.preprocessing import StandardScaler
from torch import nn

from mirbench.benchmark.metrics import DEFAULT_METRICS, METRICS, WAYS, Way, evaluate, merge_windows
from mirbench.benchmark.protocol import ProbeConfig, Protocol, get_protocol


@dataclass(frozen=True, eq=False)
class ProbeData:
    """What a grid of probes is trained on: one layer of one representation, one task.

    Attributes
    ----------
    kind : {"multiclass", "multilabel", "regression"}
    X_train, X_valid, X_test : ndarray of float32, shape [n, dims]
        Embeddings; a row is a clip, or one window of a clip.
    y_train, y_valid, y_test : ndarray
        int class indices ``[n]``, int 0/1 ``[n, n_outputs]`` or float32
        ``[n, n_outputs]``; all windows of a clip have its target.
    metrics : tuple of str
        Scores of the test set; the first, on the validation set, decides
        early stopping and selection. Default: those of the kind.
    clips_valid, clips_test : ndarray of int, shape [n], or None
        Number of the clip (0, 1, …) that a row is a window of; None: a row is a clip.
    labels : tuple of str
        Names of the outputs, for scores that are reported per output.
    n_outputs : int or None
        Outputs of a probe; default: as many as the targets show.
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
    test_outputs : ndarray of float32, shape [n_clips, n_outputs]
        What the test scores are computed from.
    """

    index: int
    config: ProbeConfig
    updates: int
    best_update: int
    valid: float
    way: Way | None
    test: dict[str, float]
    test_outputs: FloatArray = field(repr=False)


def train_grid(
    data: ProbeData,
    protocol: Protocol | str,
    only: Sequence[int] | None = None,
    device: str = "cpu",
    on_probe: Callable[[ProbeRecord], None] | None = None,
) -> list[ProbeRecord]:
    """Train probes of a grid.

    Parameters
    ----------
    only : sequence of int, optional
        Grid indices of the probes to train; default: all.
    on_probe : callable, optional
        Called with each finished probe.

    Returns
    -------
    list of ProbeRecord
        In grid order.
    """
    if isinstance(protocol, str):
        protocol = get_protocol(protocol)
    grid = protocol.grid()
    records = []
    with _one_thread():
        for index in sorted(set(range(len(grid)) if only is None else only)):
            record = train_probe(data, protocol, grid[index], device)
            if on_probe is not None:
                on_probe(record)
            records.append(record)
    return records


def select(records: Sequence[ProbeRecord]) -> ProbeRecord:
    """Choose the probe with the highest validation score; of equals, the first in the grid."""
    return max(records, key=lambda record: (record.valid, -record.index))


def train_probe(
    data: ProbeData, protocol: Protocol, config: ProbeConfig, device: str = "cpu"
) -> ProbeRecord:
    """Train one probe with early stopping, and score it."""
    X_train, X_valid, X_test = (
        torch.from_numpy(X).to(device) for X in _standardised(data, config.standardise)
    )
    y_train = _target_tensor(data).to(device)
    batches = random.Random(protocol.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(protocol.seed)
        probe = _build(X_train.shape[1], data.outputs, config).to(device)
        adam = torch.optim.Adam(probe.parameters(), lr=config.learning_rate, weight_decay=config.l2)
        loss_of = _LOSSES[data.kind]()
        n = len(X_train)
        best, best_update, best_state, waited, update = -np.inf, 0, probe.state_dict(), 0, 0
        while True:
            if update % protocol.eval_every == 0:
                if waited >= protocol.patience:
                    break
                valid, _ = _valid_score(data, _outputs(probe, X_valid))
                if np.isnan(valid):
                    raise DataError(f"probe {config.index}: the validation score is NaN")
                if valid > best:
                    best, best_update, waited = valid, update, 0
                    best_state = copy.deepcopy(probe.state_dict())
                else:
                    waited += 1
            rows = batches.sample(range(n), min(config.batch_size, n))
            probe.train()
            loss = loss_of(probe(X_train[rows]), y_train[rows])
            adam.zero_grad()
            loss.backward()
            adam.step()
            update += 1
    probe.load_state_dict(best_state)
    valid, way = _valid_score(data, _outputs(probe, X_valid))
    outputs = _outputs(probe, X_test)
    if data.clips_test is not None:
        outputs = merge_windows(outputs, data.clips_test, way or "gmean").astype(np.float32)
    targets = clip_targets(data.y_test, data.clips_test)
    test = evaluate(data.metrics, targets, outputs, data.labels)
    return ProbeRecord(config.index, config, update, best_update, valid, way, test, outputs)


def clip_targets(targets: npt.NDArray[Any], clips: IntArray | None) -> npt.NDArray[Any]:
    """Targets of clips, from those of their windows."""
    if clips is None:
        return targets
    return targets[np.unique(clips, return_index=True)[1]]


_LOSSES: dict[Kind, Callable[[], nn.Module]] = {
    "multiclass": nn.CrossEntropyLoss,
    "multilabel": nn.BCEWithLogitsLoss,
    "regression": nn.MSELoss,
}


def _build(dims: int, outputs: int, config: ProbeConfig) -> nn.Module:
    if not config.hidden:
        return nn.Sequential(nn.Dropout(config.dropout), nn.Linear(dims, outputs))
    return nn.Sequential(
        nn.Dropout(config.dropout),
        nn.Linear(dims, config.hidden),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden, outputs),
    )


def _standardised(data: ProbeData, standardise: bool) -> tuple[FloatArray, ...]:
    parts = (data.X_train, data.X_valid, data.X_test)
    if not standardise:
        return parts
    scaler = StandardScaler().fit(data.X_train)
    return tuple(scaler.transform(X) for X in parts)


def _target_tensor(data: ProbeData) -> torch.Tensor:
    dtype = torch.int64 if data.kind == "multiclass" else torch.float32
    return torch.from_numpy(np.ascontiguousarray(data.y_train)).to(dtype)


def _outputs(probe: nn.Module, X: torch.Tensor) -> FloatArray:
    probe.eval()
    with torch.no_grad():
        outputs: FloatArray = probe(X).cpu().numpy()
    return outputs


def _valid_score(data: ProbeData, outputs: FloatArray) -> tuple[float, Way | None]:
    """Primary score, and the way of merging windows that reaches it (of equals, the first)."""
    metric = METRICS[data.metrics[0]]
    if data.clips_valid is None:
        return metric(data.y_valid, outputs), None
    targets = clip_targets(data.y_valid, data.clips_valid)
    ways: tuple[Way, ...] = WAYS if data.kind == "multiclass" else ("gmean",)
    scores = {way: metric(targets, merge_windows(outputs, data.clips_valid, way)) for way in ways}
    best = max(ways, key=lambda way: scores[way])
    return scores[best], best


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
