"""Subnormal numbers count as zero while probes train, and no score shows it."""

from __future__ import annotations

import contextlib
import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from probe_data import SMALL, small_data

from mirbench.benchmark.probing import ProbeData, ProbeRecord, bank, train_grid
from mirbench.benchmark.probing.scorer import Scorer
from mirbench.benchmark.probing.subnormal import flushed

#: Under these, Adam brings a weight that no feature needs to zero by a share at every update.
DECAYS = dataclasses.replace(
    SMALL,
    standardise=(False,),
    hidden=(0, 512),
    batch_size=(32,),
    learning_rate=(1e-4,),
    dropout=(0.25,),
    l2=(1e-4,),
    patience=400,
)


def counts_as_zero() -> bool:
    """Whether subnormal numbers do in this thread."""
    return bool(torch.tensor([1e-40]).mul(1)[0] == 0)


def test_it_is_set_where_probes_train_and_nowhere_else() -> None:
    assert not counts_as_zero()
    with ThreadPoolExecutor(1) as other:
        other.submit(counts_as_zero).result()  # a thread begins as the one that makes it
        with flushed():
            assert not other.submit(counts_as_zero).result()
    with flushed():
        assert counts_as_zero()
        with flushed():
            pass
        assert counts_as_zero()
    assert not counts_as_zero()
    with pytest.raises(ValueError, match="once"), flushed():
        raise ValueError("once")
    assert not counts_as_zero()


def test_scores_are_computed_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    score = Scorer.__call__

    def scored(self: Scorer, outputs: torch.Tensor) -> object:
        seen.append(counts_as_zero())
        return score(self, outputs)

    monkeypatch.setattr(Scorer, "__call__", scored)
    train_grid(small_data("multilabel"), dataclasses.replace(DECAYS, hidden=(0,), patience=2))
    assert set(seen) == {False}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "regression"])
def test_a_grid_ends_the_same_without_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data(kind)
    for X in (data.X_train, data.X_valid, data.X_test):
        X[:, :4] = 0
        X[:, 4] *= np.float32(1e-39)
    with_it, smallest = train(data, monkeypatch)
    assert not subnormal(smallest)
    monkeypatch.setattr(bank, "flushed", contextlib.nullcontext)
    without, smallest = train(data, monkeypatch)
    assert subnormal(smallest)  # or the two would be equal for nothing
    for ours, theirs in zip(with_it, without, strict=True):
        assert (ours.valid, ours.best_update, ours.updates) == (
            *(theirs.valid, theirs.best_update, theirs.updates),
        )
        assert ours.test == theirs.test
        if ours.test_outputs is not None:
            np.testing.assert_array_equal(ours.test_outputs, theirs.test_outputs)


def train(
    data: ProbeData, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[ProbeRecord], list[torch.Tensor]]:
    """Train a grid: its probes, and the weights of those that have stopped."""
    weights: list[torch.Tensor] = []
    leave = bank.Bank._leave

    def left(self: bank.Bank, number: int) -> list[bank.Finished]:
        finished = leave(self, number)
        weights.extend(one.network.parts[0] for one in finished)
        return finished

    with monkeypatch.context() as patch:
        patch.setattr(bank.Bank, "_leave", left)
        return train_grid(data, DECAYS), weights


def subnormal(weights: list[torch.Tensor]) -> bool:
    """Whether any of the weights is."""
    smallest = np.finfo(np.float32).tiny
    return any(bool(((part != 0) & (part.abs() < smallest)).any()) for part in weights)
