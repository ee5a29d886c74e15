"""Probes that are trained as one stack, as on a GPU, beside the CPU's trainer.

The device is a parameter of the same code, so nearly all of it can be tested on a CPU.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.launches import counted
from probe_data import SMALL, hide, small_data

from mirbench.benchmark.api import DataError
from mirbench.benchmark.probing import ProbeData, ProbeRecord, train_grid
from mirbench.benchmark.probing.clock import Clock, work_of
from mirbench.benchmark.probing.device_scores import DeviceScorer
from mirbench.benchmark.probing.draws import Draws, Update
from mirbench.benchmark.probing.estimate import fleet_round_seconds, random_data
from mirbench.benchmark.probing.fleet import Fleet
from mirbench.benchmark.probing.group import Group
from mirbench.benchmark.probing.memory import Need
from mirbench.benchmark.probing.replay import Branches, Replay
from mirbench.benchmark.probing.scorer import Scorer
from mirbench.benchmark.probing.setup import Setup
from mirbench.benchmark.probing.threads import Threads
from mirbench.benchmark.probing.twister import Sampler, Twister
from mirbench.benchmark.probing.views import Views
from mirbench.benchmark.protocol import CASTELLON2021, Protocol

# isort: split
import torch

CPU = torch.device("cpu")
#: Packages that mirbench needs and `gpu_check` must not.
NOT_ON_A_GPU_MACHINE = (
    "h5py",
    "jinja2",
    "librosa",
    "markupsafe",
    "matplotlib",
    "mir_eval",
    "platformdirs",
    "pydantic",
    "soundfile",
    "soxr",
    "tabulate",
    "typer",
)


def groups_of(
    data: ProbeData, protocol: Protocol, only: list[int] | None = None
) -> Iterator[Group]:
    """Give the groups of a grid, while its threads are open."""
    grid = protocol.grid()
    configs = grid if only is None else [grid[index] for index in only]
    with Threads(CPU) as threads:
        setup = Setup.of(data, protocol, threads)
        for shape in sorted({(c.hidden, c.batch_size) for c in configs}):
            yield Group(setup, [c for c in configs if (c.hidden, c.batch_size) == shape])


def train(data: ProbeData, protocol: Protocol, only: list[int] | None = None) -> list[ProbeRecord]:
    """Train a grid as `train_grid` does on a GPU."""
    records: list[ProbeRecord] = []
    for group in groups_of(data, protocol, only):
        with contextlib.closing(Fleet(group.shared, list(group.configs))) as fleet:
            for some in fleet.rounds():
                records += some
    return sorted(records, key=lambda record: record.index)


def facts(record: ProbeRecord) -> tuple[object, ...]:
    return record.index, record.updates, record.best_update, record.valid, record.way, record.test


@pytest.mark.parametrize("before", [0, 1, 5, 623, 624, 12345])
def test_levels_are_the_uniforms_of_torch(before: int) -> None:
    rates = (0.1, 0.25, 0.5, 0.9)
    generator = torch.Generator().manual_seed(7)
    torch.empty(before).uniform_(generator=generator)
    twister = Twister(generator, rates)
    for n in (1, 311, 20_000):
        uniforms = torch.empty(n, dtype=torch.float64).uniform_(generator=generator).numpy()
        levels = np.full(n, 9, dtype=np.uint8)
        twister.levels(levels)
        np.testing.assert_array_equal(levels, sum(uniforms < 1 - p for p in rates))


@pytest.mark.parametrize(
    ("n", "size"), [(3, 3), (12, 5), (64, 64), (443, 64), (443, 256), (4000, 256), (18706, 6)]
)
def test_samples_are_those_of_python(n: int, size: int) -> None:
    source = random.Random(5)
    source.random()
    sampler, found = Sampler(source, n, size), np.zeros(size, dtype=np.int64)
    for _ in range(20):
        sampler.sample(found)
        assert found.tolist() == source.sample(range(n), size)


@pytest.mark.parametrize("changed", [Sampler, Twister])
def test_numbers_that_are_drawn_otherwise_are_not_used(
    changed: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Draws(0, 50, 16, (6, 5, 2), [0.0, 0.5, 0.25], CPU)
    monkeypatch.setattr(changed, "sample" if changed is Sampler else "levels", _nothing)
    found = Draws(0, 50, 16, (6, 5, 2), [0.0, 0.5, 0.25], CPU)
    monkeypatch.undo()
    for _ in range(3):
        both = wanted.next(8), found.next(8)
        for ours, theirs in zip(*both, strict=True):
            assert torch.equal(ours.rows, theirs.rows)
            for level, other in zip(ours.masks[0.5].levels, theirs.masks[0.5].levels, strict=True):
                assert torch.equal(level, other)


def _nothing(self: object, out: np.ndarray) -> None:
    out[:] = 0


@pytest.mark.parametrize("updates", [0, 1, 7, 400])
def test_a_stream_goes_on_from_its_state_in_both_ways(
    updates: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = Draws(3, 50, 16, (6, 5, 2), [0.5], CPU)
    monkeypatch.setattr(Draws, "_make_quick", lambda draws: None)
    plain = Draws(3, 50, 16, (6, 5, 2), [0.5], CPU)
    for draws in (quick, plain):
        draws.next(updates)
    states = quick.state(), plain.state()
    following = [[numbers_of(update) for update in draws.next(5)] for draws in (quick, plain)]
    assert following[0] == following[1]
    for state in states:
        plain.restore(state)
        assert [numbers_of(update) for update in plain.next(5)] == following[0]
    monkeypatch.undo()
    for state in states:
        quick.restore(state)
        assert [numbers_of(update) for update in quick.next(5)] == following[0]


def numbers_of(update: Update) -> list[Any]:
    """List what was drawn for an update."""
    return [update.rows.tolist(), *(level.tolist() for level in update.masks[0.5].levels)]


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_batches_masks_and_weights_are_those_of_the_cpu_bit_for_bit(kind: str) -> None:
    for group in groups_of(small_data(kind), SMALL):
        draws = Draws(
            SMALL.seed,
            len(group.setup.data.X_train),
            group.batch,
            widths=group.widths,
            dropouts=group.dropouts,
            device=CPU,
        )
        with contextlib.closing(Fleet(group.shared, list(group.configs))) as fleet:
            for part, values in zip(
                [part for layer in fleet.stack.layout.layers for part in layer],
                [value for layer in draws.initial for value in layer],
                strict=True,
            ):
                for place in fleet.stack.layout.view(fleet.stack.weights, part):
                    assert torch.equal(place, values)
            for _ in range(3):
                fleet.draw()
                X, masks = fleet.batches()
                updates = draws.next(SMALL.eval_every)
                for seen, view in zip(X, fleet.stack.views, strict=True):
                    wanted = Views(group.setup.inputs, updates, [view]).take(view)
                    assert torch.equal(seen, torch.stack(wanted))
                if group.widths[1:-1]:
                    assert masks is not None
                    for seen, (_, dropout) in zip(masks, fleet.stack.views, strict=True):
                        hidden = [update.masks[dropout].hidden for update in updates]
                        assert torch.equal(seen, torch.stack([h for h in hidden if h is not None]))
                else:
                    assert masks is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "partial", "regression", "windows"])
def test_a_fleet_ends_as_the_banks_do(kind: str) -> None:
    known = {"windows": "multiclass", "partial": "multilabel"}.get(kind, kind)
    data = small_data(known, windows=kind == "windows")
    data = hide(data, 0.6) if kind == "partial" else data
    ours, theirs = train(data, SMALL), train_grid(data, SMALL)
    assert [record.index for record in ours] == [record.index for record in theirs]
    same = [
        (a.updates, a.best_update, a.way) == (b.updates, b.best_update, b.way)
        and abs(a.valid - b.valid) < 1e-4
        and all(abs(a.test[name] - b.test[name]) < 1e-4 for name in b.test)
        for a, b in zip(ours, theirs, strict=True)
    ]
    assert np.mean(same) >= 0.95


def test_a_probe_does_not_depend_on_its_company() -> None:
    """Nor on how often the others moved together, and on how many places were left empty."""
    data = small_data("multiclass")
    some = [33, 40, 41, 47, 63]
    assert [facts(r) for r in train(data, SMALL, some)] == [
        facts(r) for r in train(data, SMALL) if r.index in some
    ]


@pytest.mark.parametrize("dropout", [(0.0,), (0.0, 0.5)])
def test_a_rate_of_zero_drops_nothing(dropout: tuple[float, ...]) -> None:
    protocol = dataclasses.replace(
        SMALL, dropout=dropout, batch_size=(64,), learning_rate=(1e-2,), standardise=(True,)
    )
    data = small_data("multiclass")
    for ours, theirs in zip(train(data, protocol), train_grid(data, protocol), strict=True):
        assert (ours.updates, ours.valid) == (theirs.updates, theirs.valid)


def test_those_that_stopped_leave_together(monkeypatch: pytest.MonkeyPatch) -> None:
    moves: list[tuple[int, int]] = []
    compact = Fleet._compact

    def noted(fleet: Fleet) -> None:
        before = len(fleet.stack.places)
        compact(fleet)
        moves.append((before, len(fleet.stack.places)))

    monkeypatch.setattr(Fleet, "_compact", noted)
    for group in groups_of(small_data("multiclass"), SMALL):
        moves.clear()
        with contextlib.closing(Fleet(group.shared, list(group.configs))) as fleet:
            records = [record for some in fleet.rounds() for record in some]
        assert len(records) == len(group.configs) == 16
        assert 1 <= len(moves) <= 4
        assert all(after <= 0.75 * before for before, after in moves if after < before)


def test_a_score_that_is_not_a_number_names_the_probe() -> None:
    data = small_data("regression")
    data = dataclasses.replace(data, y_train=np.full_like(data.y_train, np.inf))
    with pytest.raises(DataError, match="probe 3: the validation score is NaN"):
        train(data, SMALL, [3])


@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "regression", "windows"])
@pytest.mark.parametrize("coarse", [False, True])
def test_scores_on_the_device_are_those_of_the_cpu(kind: str, coarse: bool) -> None:
    data = small_data("multiclass" if kind == "windows" else kind, windows=kind == "windows")
    rng = np.random.default_rng(0)
    outputs = rng.standard_normal((5, len(data.X_valid), data.outputs)).astype(np.float32)
    if coarse:  # so that there are ties
        outputs = np.round(outputs)
    theirs = Scorer(
        data.metrics[0],
        data.kind,
        data.y_valid if data.clips_valid is None else data.y_valid[::2],
        data.clips_valid,
        CPU,
    )
    score = DeviceScorer(data, CPU)
    scores, ways = theirs(torch.from_numpy(outputs.copy()))
    found = score(torch.from_numpy(outputs)).numpy()
    np.testing.assert_allclose(found.max(axis=0), scores, rtol=1e-12, atol=1e-15)
    assert [score.ways[place] for place in found.argmax(axis=0)] == ways


def test_an_output_that_is_not_a_number_has_no_area() -> None:
    data = small_data("multilabel")
    outputs = torch.randn(3, len(data.X_valid), data.outputs)
    outputs[1, 7, 2] = torch.nan
    assert DeviceScorer(data, CPU)(outputs).isnan().tolist() == [[False, True, False]]


#: Kernels per update of 54 probes, with an eighth of an evaluation.
MOST = 60


@pytest.mark.parametrize(
    ("kind", "outputs", "metric", "windows"),
    [
        ("multiclass", 10, "accuracy", 1),
        ("multiclass", 24, "weighted_key_score", 4),
        ("multilabel", 50, "roc_auc", 1),
        ("regression", 2, "r2", 1),
    ],
)
def test_few_kernels_are_launched(kind: str, outputs: int, metric: str, windows: int) -> None:
    data = random_data(kind, (300, 80, 80), 24, outputs, metric, windows)  # type: ignore[arg-type]
    deep = [c.index for c in CASTELLON2021.grid() if (c.hidden, c.batch_size) == (512, 64)]
    for group in groups_of(data, CASTELLON2021, deep):
        assert len(group.configs) == 54
        with contextlib.closing(Fleet(group.shared, list(group.configs))) as fleet:
            fleet.launch()
            with counted() as launches:
                fleet.launch()
        every, weights = CASTELLON2021.eval_every, fleet.stack.weights.nbytes
        assert launches.by_name["_fused_adam_"] == 9 * every  # one for each pair of rate and L2
        assert 20 < launches.total / every <= MOST
        # Adam reads four and writes three of them; besides, the gradient is written, and the
        # weights are read forward and back.
        active = 54 * 64 * 512 * 4
        assert launches.nbytes / every < 12 * weights + 30 * active


def test_more_probes_are_not_more_kernels() -> None:
    data = small_data("multiclass")
    totals = []
    for only in ([24, 26], [24, 25, 26, 27]):  # both dropout rates, and each L2 or one
        (group,) = groups_of(data, SMALL, only)
        with contextlib.closing(Fleet(group.shared, list(group.configs))) as fleet:
            fleet.launch()
            with counted() as launches:
                fleet.launch()
        totals.append(launches.total - launches.by_name["_fused_adam_"])
    assert totals[1] == totals[0]


def test_groups_are_trained_as_fleets_one_after_the_other() -> None:
    data, only = small_data("multiclass"), [0, 9, 16, 25, 26]
    told: list[tuple[int, int, int]] = []
    records = []
    for group in groups_of(data, SMALL, only):
        assert not group.as_fleet  # on a CPU, by itself
        group.as_fleet = True
        first = len(told)
        for finished in group.train(
            lambda number, left, made: told.append((number, len(left), made))
        ):
            records += finished
        assert told[-1][1] == 0
        assert sum(made for _, _, made in told[first:]) == told[-1][0]
    ours = sorted(records, key=lambda record: record.index)
    assert [facts(r) for r in ours] == [facts(r) for r in train(data, SMALL, only)]


def test_time_is_shared_by_arithmetic_among_groups_that_train_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    linear, deep = SMALL.grid()[0], SMALL.grid()[16]
    now = iter([0.0, 10.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    clock = Clock([linear, deep], SMALL, 20, 4)
    clock.round(8, 8, [(linear, 0, 0.1), (deep, 0, 0.2)])
    seconds = [clock._seconds[c.hidden, c.batch_size] for c in (linear, deep)]
    works = [work_of(c, 20, 4) for c in (linear, deep)]
    assert sum(seconds) == pytest.approx(10.0)
    assert seconds[1] / seconds[0] == pytest.approx(works[1] / works[0])


def test_a_round_is_timed_for_the_forecast() -> None:
    for group in groups_of(small_data("multiclass"), SMALL, [16, 17]):
        assert 0 < fleet_round_seconds(group, group.configs) < 10


def test_memory_of_a_stack_is_counted_before_it_is_taken() -> None:
    need = Need.of_fleet((4800, 512, 10), 256, 6, 8, (443, 197))
    weights = 4 * 4800 * 512
    assert 5 * weights < need.probe < 12 * weights
    assert need.fit(need.shared + 7 * need.probe, 54) == 7
    # Batches of a round, as six views see them.
    assert need.shared > 6 * 8 * 256 * 4800 * 4


def test_work_is_done_by_every_call_where_nothing_is_recorded() -> None:
    done: list[int] = []
    replay = Replay(lambda: done.append(1), CPU)
    for _ in range(3):
        replay()
    assert len(done) == 3
    assert not replay.recorded
    Branches(2, CPU).run([lambda: done.append(2), lambda: done.append(3)])
    assert done[3:] == [2, 3]


@pytest.mark.slow
def test_the_check_of_a_gpu_runs_in_small(tmp_path: Path) -> None:
    """A GPU machine need have nothing but PyTorch and what the script's head names."""
    script, out = Path(__file__).parents[2] / "bench" / "gpu_check.py", tmp_path / "tables.md"
    arguments = [str(script), "--small", "--device", "cpu", "--budget", "1200", "--out", str(out)]
    bare = (
        "import runpy, sys\n"
        f"sys.modules.update(dict.fromkeys({NOT_ON_A_GPU_MACHINE!r}))\n"
        f"sys.argv = {arguments!r}\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    subprocess.run([sys.executable, "-c", bare], check=True, stdout=subprocess.DEVNULL)
    text = out.read_text(encoding="utf-8")
    assert "failed" not in text
    assert "time was up" not in text
    assert "≈ " not in text.partition("expected from the probes that were.")[2]
    assert "differ**" not in text
    for task in ("GTZAN", "Emomusic", "GiantSteps", "MagnaTagATune"):
        assert text.count(f"| {task} |") >= 3  # exact, and a grid of either size
    assert "times as fast as one after the other" in text
    assert "The paper's 24 grids" in text
    assert "| float16 | 1 |" in text
