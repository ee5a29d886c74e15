"""The oracle: one probe at a time, with torch's own layers, loss and optimiser.

This is the protocol of Castellon et al. (ISMIR 2021) read off line by line
(`mirbench.benchmark.protocol`), with the order of random numbers of the
authors' code, so that a run on a CPU reproduces theirs probe by probe. The
batched trainer is compared with it, in results and in speed.
"""

from __future__ import annotations

import copy
import functools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from mirbench.benchmark.api import UNOBSERVED, DataError, FloatArray, Kind
from mirbench.benchmark.probing.data import ProbeData, ProbeRecord, clip_targets
from mirbench.benchmark.protocol import ProbeConfig, Protocol
from mirbench.benchmark.scoring.metrics import METRICS, WAYS, Way, evaluate, merge_windows

# isort: split
import torch  # after mirbench.benchmark.probing, which chooses torch's kernels
from sklearn.preprocessing import StandardScaler
from torch import nn


def train_probe(
    data: ProbeData,
    protocol: Protocol,
    config: ProbeConfig,
    device: str = "cpu",
    max_updates: float = np.inf,
    threads: int = 1,
    marks: list[float] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> ProbeRecord:
    """Train one probe with early stopping, and score it.

    To time it: `max_updates` ends it early, and `marks` receives the time
    before each evaluation.
    """
    with _threads(threads):
        return _train_probe(data, protocol, config, device, max_updates, marks, clock)


def _train_probe(
    data: ProbeData,
    protocol: Protocol,
    config: ProbeConfig,
    device: str,
    max_updates: float,
    marks: list[float] | None,
    clock: Callable[[], float],
) -> ProbeRecord:
    X_train, X_valid, X_test = (
        torch.from_numpy(X).to(device) for X in _standardised(data, config.standardise)
    )
    y_train = _target_tensor(data).to(device)
    batches = random.Random(protocol.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(protocol.seed)
        probe = _build(X_train.shape[1], data.outputs, config).to(device)
        adam = torch.optim.Adam(probe.parameters(), lr=config.learning_rate, weight_decay=config.l2)
        loss_of = _loss_of(data, min(config.batch_size, len(X_train)))
        n = len(X_train)
        best, best_update, best_state, waited, update = -np.inf, 0, probe.state_dict(), 0, 0
        while True:
            if update % protocol.eval_every == 0:
                if marks is not None:
                    marks.append(clock())
                if update >= max_updates:
                    break
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


_LOSSES: dict[Kind, Callable[[], nn.Module]] = {
    "multiclass": nn.CrossEntropyLoss,
    "multilabel": nn.BCEWithLogitsLoss,
    "regression": nn.MSELoss,
}


def _loss_of(data: ProbeData, batch: int) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Mean loss; with partial labels over as many cells as a batch has observed on average."""
    if data.kind != "multilabel" or (data.y_train != UNOBSERVED).all():
        return _LOSSES[data.kind]()
    cells = batch * float((data.y_train != UNOBSERVED).sum(axis=1).mean())

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        seen = targets != UNOBSERVED
        each = nn.functional.binary_cross_entropy_with_logits(
            outputs[seen], targets[seen], reduction="sum"
        )
        return each / cells

    return loss


class PortableDropout(nn.Dropout):
    """`nn.Dropout` with torch's own generator, for where ``bernoulli_`` is left to MKL."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0:
            return x
        keep = torch.rand(x.shape, dtype=torch.float64) < 1 - self.p
        return x * keep.to(torch.float32).div_(1 - self.p)


@functools.cache
def masks_are_portable() -> bool:
    """Whether ``bernoulli_`` thresholds the generator's uniforms (on Intel, MKL draws its own)."""
    masks = [torch.empty(64, 33).bernoulli_(0.5, generator=torch.Generator().manual_seed(1))]
    uniforms = torch.rand(64, 33, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return bool((masks[0] == (uniforms < 0.5)).all())


def _build(dims: int, outputs: int, config: ProbeConfig) -> nn.Module:
    dropout = nn.Dropout if masks_are_portable() else PortableDropout
    if not config.hidden:
        return nn.Sequential(dropout(config.dropout), nn.Linear(dims, outputs))
    return nn.Sequential(
        dropout(config.dropout),
        nn.Linear(dims, config.hidden),
        nn.ReLU(),
        dropout(config.dropout),
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
def _threads(wanted: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)
