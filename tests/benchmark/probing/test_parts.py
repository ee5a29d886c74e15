"""The parts of the batched trainer against torch's own."""

import itertools
import random

import numpy as np
import pytest
from helpers.needs import require

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.probing import adam as adam_module
from mirbench.benchmark.probing import passes
from mirbench.benchmark.probing.adam import Adam, Pieces
from mirbench.benchmark.probing.data import ProbeData
from mirbench.benchmark.probing.draws import Draws
from mirbench.benchmark.probing.inputs import Inputs
from mirbench.benchmark.probing.layout import Layout
from mirbench.benchmark.probing.losses import Loss
from mirbench.benchmark.probing.memory import Need
from mirbench.benchmark.probing.network import Network, parts_of
from mirbench.benchmark.probing.passes import Pass
from mirbench.benchmark.probing.views import Views

# isort: split
import torch
from torch import nn

CPU = torch.device("cpu")
LOSSES = {
    "multiclass": nn.CrossEntropyLoss(),
    "multilabel": nn.BCEWithLogitsLoss(),
    "regression": nn.MSELoss(),
}


def targets_of(kind, n, k, rng):
    if kind == "multiclass":
        return np.arange(n) % k
    if kind == "multilabel":
        return rng.integers(0, 2, (n, k))
    return rng.standard_normal((n, k)).astype(np.float32)


@pytest.mark.parametrize("block", [64, 65536])
@pytest.mark.parametrize("path", ["kernel", "torch"])
def test_adam_rounds_as_torch_does(block, path, monkeypatch):
    monkeypatch.setattr(adam_module, "BLOCK", block)
    rates, l2, n = [1e-5, 1e-4, 1e-3], [0.0, 1e-3, 1e-4], 401
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(3, n, generator=generator)
    parameters = [nn.Parameter(row.clone()) for row in weights]
    theirs = [
        torch.optim.Adam([p], lr=lr, weight_decay=decay)
        for p, lr, decay in zip(parameters, rates, l2, strict=True)
    ]
    flat = weights.flatten()
    moments = (torch.zeros_like(flat), torch.zeros_like(flat))
    ours = Adam(flat, moments, Pieces([(i * n, (i + 1) * n, i) for i in range(3)]), rates, l2)
    if path == "torch":
        monkeypatch.setattr(ours, "_kernel", ours._torch)
    for update in range(1, 30):
        gradient = torch.randn(3, n, generator=generator) * 10.0 ** -(update % 6)
        for parameter, optimiser, row in zip(parameters, theirs, gradient, strict=True):
            parameter.grad = row.clone()
            optimiser.step()
        ours.step(gradient.flatten(), update)
    np.testing.assert_allclose(
        flat.view(3, n), torch.stack([p.detach() for p in parameters]), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("kind", list(LOSSES))
@pytest.mark.parametrize(("hidden", "probes"), [(0, 9), (0, 1), (33, 1), (33, 4)])
@pytest.mark.parametrize("standardise", [False, True])
def test_gradients_are_those_of_autograd(kind, hidden, probes, standardise):
    rng = np.random.default_rng(0)
    n, dims, k, batch = 90, 24, 3, 32
    X = torch.from_numpy(rng.standard_normal((n, dims)).astype(np.float32))
    targets = targets_of(kind, n, k, rng)
    widths = (dims, hidden, k) if hidden else (dims, k)
    layout = Layout(widths, probes)
    weights = torch.zeros(layout.size)
    draws = Draws(0, n, batch, widths, [0.5], CPU)
    update = draws.next(1)[0]
    mask = update.masks[0.5]
    networks = []
    for probe in range(probes):
        linear = [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]
        networks.append(linear)
        for layer, parts in zip(linear, layout.layers, strict=True):
            for part, values in zip(parts, (layer.weight, layer.bias), strict=True):
                layout.view(weights, part)[probe] = values.detach()
    gradient = torch.empty(layout.size)
    loss = Loss(kind, targets, k, batch, CPU)
    data = ProbeData(kind, X.numpy(), targets, X.numpy(), targets, X.numpy(), targets, n_outputs=k)
    inputs = Inputs(data, CPU)
    (batch,) = Views(inputs, [update], [(standardise, 0.5)]).take((standardise, 0.5))
    network = Network(layout, weights)
    network.gradient(batch, update.rows, mask.hidden, loss, parts_of(layout, gradient))
    rows = inputs.rows("train", standardise)[update.rows]
    wanted = torch.from_numpy(targets)[update.rows]
    for probe, linear in enumerate(networks):
        out = linear[0](rows * mask.input * mask.factor)
        if hidden:
            out = linear[1](torch.relu(out) * mask.hidden)
        LOSSES[kind](out, wanted if kind == "multiclass" else wanted.float()).backward()
        for layer, parts in zip(linear, layout.layers, strict=True):
            for part, values in zip(parts, (layer.weight, layer.bias), strict=True):
                ours = layout.view(gradient, part)[probe]
                np.testing.assert_allclose(ours, values.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", [*LOSSES, "partial"])
@pytest.mark.parametrize("widths", [(4800, 10), (13, 1), (4800, 512, 10), (160, 512, 50)])
@pytest.mark.parametrize("batch", [64, 100, 256])
def test_three_ways_to_differentiate_give_the_same_bits(kind, widths, batch):
    generator = torch.Generator().manual_seed(0)
    layout = Layout(widths, 1 if len(widths) > 2 else 9)
    weights = torch.randn(layout.size, generator=generator) / 50
    targets = torch.rand(300, widths[-1] * (2 if kind == "partial" else 1), generator=generator)
    loss = Loss("regression", targets.numpy(), widths[-1], batch, CPU)
    loss.terms = loss.terms[0], kind, loss.terms[2]
    X = torch.randn(batch, widths[0], generator=generator)
    update = Draws(0, 300, batch, widths, [0.5], CPU).next(1)[0]
    mask = update.masks[0.5]
    found = []
    for compiles in (True, False):
        network, out = Network(layout, weights), torch.zeros(layout.size)
        network._compiles = compiles
        network.gradient(X, update.rows, mask.hidden, loss, parts_of(layout, out))
        found.append(out)
    assert torch.equal(*found)
    require("torchs_products")
    assert passes.applies(layout, loss.terms, batch, CPU)
    room = torch.zeros(Pass.floats(layout, loss.terms, batch))
    ours = Pass(layout, weights, loss.terms, batch, room)
    for _ in range(2):
        assert torch.equal(ours.gradient(X, update.rows, mask), found[0])


def test_batches_weights_and_masks_come_in_the_order_of_the_protocol():
    draws = Draws(0, 50, 16, (6, 5, 2), [0.75, 0.0, 0.25], CPU)
    batches = random.Random(0)
    torch.manual_seed(0)
    layers = [nn.Linear(6, 5), nn.Linear(5, 2)]
    for (weight, bias), layer in zip(draws.initial, layers, strict=True):
        assert torch.equal(weight, layer.weight)
        assert torch.equal(bias, layer.bias)
    state = torch.get_rng_state()
    updates = draws.next(2) + draws.next(1)
    assert [u.rows.tolist() for u in updates] == [batches.sample(range(50), 16) for _ in updates]
    assert updates[0].masks[0.0].input is None
    require("portable_masks")
    for p in (0.25, 0.75):
        torch.set_rng_state(state)
        for update in updates:
            mask = update.masks[p]
            for drawn, width in ((mask.input * mask.factor, 6), (mask.hidden, 5)):
                assert torch.equal(drawn, torch.empty(16, width).bernoulli_(1 - p).div_(1 - p))


@pytest.mark.parametrize("kind", list(LOSSES))
@pytest.mark.parametrize("k", [2, 3, 10, 24])
def test_a_probe_does_not_notice_which_others_are_in_its_bank(kind, k):
    rng = np.random.default_rng(1)
    X = torch.from_numpy(rng.standard_normal((40, 72)).astype(np.float32))
    loss = Loss(kind, targets_of(kind, 40, k, rng), k, 40, CPU)
    shapes = ((9, k, 72), (9, k))
    values = [torch.from_numpy(rng.standard_normal(s).astype(np.float32) / 20) for s in shapes]
    results = []
    for probes in ([0], [0, 3], list(range(5)), list(range(9))):
        layout = Layout((72, k), len(probes))
        weights, gradient = torch.zeros(layout.size), torch.zeros(layout.size)
        for part, all_values in zip(layout.layers[0], values, strict=True):
            layout.view(weights, part).copy_(all_values[probes])
        network = Network(layout, weights)
        network.gradient(X, torch.arange(40), None, loss, parts_of(layout, gradient))
        first = [layout.view(gradient, part)[0] for part in layout.layers[0]]
        results.append([network.outputs(X)[0], *first])
    for others in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], others, strict=True))


def test_batches_of_a_view_are_made_once_and_forgotten_after_the_last_bank():
    X = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    y = np.arange(20) % 2
    inputs = Inputs(ProbeData("multiclass", X, y, X, y, X, y), CPU)
    updates = Draws(0, 20, 8, (4, 2), [0.0, 0.5], CPU).next(2)
    raw, masked = (False, 0.0), (True, 0.5)
    batches = Views(inputs, updates, [raw, raw, masked])
    first = batches.take(raw)
    assert batches.take(raw) is first
    assert not batches._made
    assert all(
        torch.equal(x, inputs.rows("train", False)[u.rows])
        for x, u in zip(first, updates, strict=True)
    )
    for x, update in zip(batches.take(masked), updates, strict=True):
        rows = inputs.rows("train", True)[update.rows]
        assert torch.equal(x, rows * (update.masks[0.5].input * 2))


def test_memory_is_counted_before_it_is_taken():
    need = Need.of((4800, 512, 10), 256, 3, 8, 197, 1, 2)
    assert 4 * 4 * 4800 * 512 < need.probe < 1.1 * 4 * 4 * 4800 * 512
    whole_group = need.shared + 54 * need.probe
    assert whole_group < 6 * 1024**3
    assert need.fit(whole_group, 54) == 54
    assert need.fit(need.shared + 10 * need.probe, 54) == 10
    with pytest.raises(UsageError, match="one probe needs"):
        need.fit(need.shared, 54)
