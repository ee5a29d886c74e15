"""Probes of partial labels: the batched trainers against the oracle, and against themselves."""

from __future__ import annotations

import dataclasses

import numpy as np
import oracle
import pytest
from probe_data import SMALL, hide, small_data

from mirbench.benchmark.api import UNOBSERVED, DataError
from mirbench.benchmark.probing import train_grid
from mirbench.benchmark.probing.data import ProbeData
from mirbench.benchmark.probing.device_scores import DeviceScorer
from mirbench.benchmark.probing.losses import Loss, loss_gradient
from mirbench.benchmark.probing.scorer import Scorer
from mirbench.benchmark.scoring.metrics import METRICS

# isort: split
import torch

CPU = torch.device("cpu")
GRID = SMALL.grid()


@pytest.fixture(scope="module")
def data() -> ProbeData:
    """Six of ten cells are unobserved."""
    return hide(small_data("multilabel"), 0.6)


def test_probes_agree_with_the_oracle_one_by_one(data: ProbeData) -> None:
    for ours in train_grid(data, SMALL, only=range(0, len(GRID), 9)):
        theirs = oracle.train_probe(data, SMALL, GRID[ours.index])
        assert (ours.updates, ours.best_update) == (theirs.updates, theirs.best_update)
        assert ours.valid == pytest.approx(theirs.valid, abs=1e-12)
        assert ours.test == pytest.approx(theirs.test, abs=1e-12)


def test_a_probe_of_one_label_does_not_see_the_clips_that_lack_it() -> None:
    """The plain trainer on the observed clips alone, with batches of all of them."""
    whole = small_data("multilabel")
    whole = dataclasses.replace(
        whole,
        y_train=whole.y_train[:, :1],
        y_valid=whole.y_valid[:, :1],
        y_test=whole.y_test[:, :1],
        n_outputs=1,
    )
    n = 40
    alone = dataclasses.replace(whole, X_train=whole.X_train[:n], y_train=whole.y_train[:n])
    hidden = np.where(np.arange(len(whole.y_train))[:, None] < n, whole.y_train, UNOBSERVED)
    partial = dataclasses.replace(whole, y_train=hidden)
    every = dataclasses.replace(
        SMALL, batch_size=(len(hidden),), dropout=(0.0,), standardise=(False,), hidden=(0,)
    )
    # The sums of a batch are in another order.
    for one, other in zip(train_grid(alone, every), train_grid(partial, every), strict=True):
        assert (one.updates, one.best_update) == (other.updates, other.best_update)
        assert one.valid == pytest.approx(other.valid, abs=1e-4)
        assert one.test == pytest.approx(other.test, abs=1e-3)


def test_a_mask_of_all_ones_changes_no_bit() -> None:
    data = small_data("multilabel")
    n, k = data.y_train.shape
    outputs = torch.randn(5, 32, k)
    plain = Loss("multilabel", data.y_train, k, 32, CPU)
    targets, kind, scale = plain.terms
    assert (kind, targets.shape, scale) == ("multilabel", (n, k), 32 * k)
    wanted = loss_gradient(outputs.clone(), targets[:32], kind, scale)
    masked = torch.hstack([targets, torch.ones_like(targets)])
    found = loss_gradient(outputs.clone(), masked[:32], "partial", scale)
    assert torch.equal(wanted, found)


def test_the_gradient_is_that_of_the_observed_cells(data: ProbeData) -> None:
    n, k = data.y_train.shape
    loss = Loss("multilabel", data.y_train, k, n, CPU)
    targets, kind, scale = loss.terms
    outputs = torch.randn(1, n, k, requires_grad=True)
    seen = torch.from_numpy(data.y_train != UNOBSERVED)
    wanted = torch.from_numpy(data.y_train).float()
    # Over the whole training set, it is the mean over all observed cells.
    torch.nn.functional.binary_cross_entropy_with_logits(outputs[0][seen], wanted[seen]).backward()
    found = loss_gradient(outputs.detach().clone(), targets, kind, scale)
    assert outputs.grad is not None
    torch.testing.assert_close(found, outputs.grad)
    assert not found[0][~seen].any()


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision"])
@pytest.mark.parametrize("tied", [False, True])
def test_validation_scores_are_those_of_the_plain_metrics(
    data: ProbeData, metric: str, tied: bool
) -> None:
    outputs = np.random.default_rng(1).normal(size=(6, *data.y_valid.shape)).astype(np.float32)
    if tied:
        outputs = np.round(outputs)
    outputs[0] *= 1000
    wanted = [METRICS[metric](data.y_valid, one) for one in outputs]
    score = Scorer(metric, "multilabel", data.y_valid, None, CPU)
    scores, _ = score(torch.from_numpy(outputs.copy()))
    np.testing.assert_allclose(scores, wanted, rtol=1e-12)


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision"])
def test_scores_on_a_device_are_those_of_the_cpu(data: ProbeData, metric: str) -> None:
    data = dataclasses.replace(data, metrics=(metric,))
    outputs = torch.randn(6, *data.y_valid.shape)
    outputs[2, 0, int(data.y_valid[0].argmin())] = torch.nan  # in an unobserved cell
    assert data.y_valid[0].min() == UNOBSERVED
    wanted, _ = Scorer(metric, "multilabel", data.y_valid, None, CPU)(outputs.clone())
    (found,) = DeviceScorer(data, CPU)(outputs.clone()).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert np.isnan(found).tolist() == [n == 2 for n in range(6)]


def test_a_tag_that_is_observed_as_present_only_cannot_be_scored(data: ProbeData) -> None:
    hidden = data.y_valid.copy()
    hidden[hidden[:, 1] == 0, 1] = UNOBSERVED
    with pytest.raises(DataError, match="label number 1 has no negative clip"):
        train_grid(dataclasses.replace(data, y_valid=hidden), SMALL, only=[0])
