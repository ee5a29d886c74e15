"""The batched trainer against the oracle: results, resuming, memory, selection."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import oracle
import pytest
from probe_data import SMALL, small_data

from mirbench.benchmark.api import DataError, UsageError
from mirbench.benchmark.probing import ProbeData, ProbeRecord, select, train_grid
from mirbench.benchmark.probing.checkpoint import Checkpoint, grid_key
from mirbench.benchmark.probing.memory import Need
from mirbench.benchmark.protocol import CASTELLON2021

ROOT = Path(__file__).parents[3]
GRID = SMALL.grid()


def facts(record):
    return record.index, record.updates, record.best_update, record.valid, record.way, record.test


@pytest.fixture(scope="module")
def gtzan(shared):
    with np.load(shared / "reference" / "gtzan_choi.npz") as z:
        names = [f"{a}_{split}" for split in ("train", "valid", "test") for a in "Xy"]
        return ProbeData("multiclass", *(z[name] for name in names))


@pytest.mark.slow
def test_the_five_reference_probes_come_out_as_published(gtzan):
    records = train_grid(gtzan, CASTELLON2021, only=[17, 125, 162, 180, 215])
    assert [(r.index, r.updates, r.valid, r.test["accuracy"]) for r in records] == [
        (17, 12136, 137 / 197, 207 / 290),
        (125, 7040, 138 / 197, 228 / 290),
        (162, 10456, 140 / 197, 230 / 290),
        (180, 5440, 154 / 197, 229 / 290),
        (215, 3136, 139 / 197, 221 / 290),
    ]


@pytest.mark.slow
def test_a_sample_of_the_grid_agrees_with_the_oracle(gtzan):
    """Numbers of `oracle.train_probe`, for probes with every value of every hyperparameter."""
    frozen = json.loads((ROOT / "tests/data/gtzan_choi_oracle.json").read_text(encoding="utf-8"))
    expected = {row["index"]: row for row in frozen["probes"]}
    records = {r.index: r for r in train_grid(gtzan, CASTELLON2021, only=list(expected))}
    clip = 1 / len(gtzan.y_test)
    linear = [i for i in expected if not CASTELLON2021.grid()[i].hidden]
    same = [
        (records[i].updates, records[i].valid, records[i].test["accuracy"])
        == (expected[i]["updates"], expected[i]["valid"], expected[i]["test"])
        for i in linear
    ]
    apart = {i: abs(records[i].test["accuracy"] - expected[i]["test"]) for i in expected}
    deep = [apart[i] <= 2.01 * clip for i in expected if i not in linear]
    assert np.mean(same) >= 0.9
    assert np.mean(deep) >= 0.9
    assert np.mean(list(apart.values())) < 0.003
    best = min(expected, key=lambda i: (-expected[i]["valid"], i))
    assert select(list(records.values())).valid == expected[best]["valid"]


#: Of tasks whose clips are cut into windows.
KINDS = {
    "windows": "multiclass",
    "windows of tags": "multilabel",
    "windows of values": "regression",
}


@pytest.mark.parametrize(
    "kind",
    [
        "multiclass",
        pytest.param("multilabel", marks=pytest.mark.slow),
        pytest.param("regression", marks=pytest.mark.slow),
        "windows",
        pytest.param("windows of tags", marks=pytest.mark.slow),
        pytest.param("windows of values", marks=pytest.mark.slow),
    ],
)
def test_every_kind_of_task_agrees_with_the_oracle(kind):
    data = small_data(KINDS.get(kind, kind), windows=kind in KINDS)
    only = range(0, len(GRID), 7)
    agree = []
    for ours in train_grid(data, SMALL, only=only):
        theirs = oracle.train_probe(data, SMALL, GRID[ours.index])
        primary = data.metrics[0]
        agree.append(
            (ours.updates, ours.best_update, ours.way)
            == (theirs.updates, theirs.best_update, theirs.way)
            and abs(ours.valid - theirs.valid) < 1e-4
            and abs(ours.test[primary] - theirs.test[primary]) < 1e-4
        )
        assert ours.test.keys() == theirs.test.keys()
    assert np.mean(agree) >= 0.9


@pytest.fixture(scope="module")
def whole():
    return train_grid(small_data("multiclass"), SMALL)


def test_a_grid_is_returned_in_order_with_the_outputs_of_the_best(whole):
    assert [r.index for r in whole] == list(range(len(GRID)))
    best = select(whole)
    assert best.valid == max(r.valid for r in whole)
    assert [r.index for r in whole if r.test_outputs is not None] == [best.index]
    assert best.test_outputs.shape == (60, 4)


def test_a_probe_does_not_depend_on_its_company(whole):
    some = [0, 7, 8, 21, 33, 40, 63]
    alone = train_grid(small_data("multiclass"), SMALL, only=some)
    assert [facts(r) for r in alone] == [facts(whole[i]) for i in some]


def test_a_group_split_for_want_of_memory_gives_the_same(whole):
    largest = Need.of((20, 16, 4), 64, 2, 8, 80, 1, os.cpu_count())
    memory = largest.shared + 5 * largest.probe
    split = train_grid(small_data("multiclass"), SMALL, memory=memory)
    assert [facts(r) for r in split] == [facts(r) for r in whole]


def test_too_little_memory_for_one_probe_is_said_in_bytes():
    with pytest.raises(UsageError, match="GiB may be used"):
        train_grid(small_data("multiclass"), SMALL, memory=1000)


def test_finished_probes_leave_and_progress_says_so():
    seen, done = [], []
    train_grid(
        small_data("multiclass"),
        SMALL,
        only=range(16, 32),
        on_probe=lambda record: done.append(record.index),
        on_progress=seen.append,
    )
    learning = [p.learning for p in seen]
    assert learning[0] == 8
    assert len(set(learning)) > 3
    assert learning[-1] == 0
    assert sorted(done) == list(range(16, 32))
    assert all(p.probes == 16 and p.seconds_at_least <= p.seconds_left for p in seen)
    assert seen[-1].done == 16
    assert seen[-1].seconds_left == 0
    assert seen[-1].best_valid == max(p.best_valid for p in seen)


def test_of_equal_probes_the_first_in_the_grid_is_selected():
    records = [ProbeRecord(i, GRID[i], 8, 0, v, None, {}) for i, v in enumerate([0.1, 0.5, 0.5])]
    assert select(records).index == 1
    assert select(records[::-1]).index == 1


def test_a_score_that_is_not_a_number_names_the_probe():
    data = small_data("regression")
    data = dataclasses.replace(data, y_train=np.full_like(data.y_train, np.inf))
    with pytest.raises(DataError, match="probe 3: the validation score is NaN"):
        train_grid(data, SMALL, only=[3])


@pytest.mark.parametrize(("only", "device"), [([64], "cpu"), ([-1], "cpu"), (None, "abacus")])
def test_what_does_not_exist_is_refused(only, device):
    with pytest.raises(UsageError):
        train_grid(small_data("multiclass"), SMALL, only=only, device=device)


def test_a_checkpoint_is_of_one_data_set_and_protocol():
    data = small_data("multiclass")
    keys = {
        grid_key(data, SMALL, "cpu"),
        grid_key(data, SMALL, "cuda"),
        grid_key(data, dataclasses.replace(SMALL, patience=7), "cpu"),
        grid_key(small_data("multiclass", seed=1), SMALL, "cpu"),
        grid_key(dataclasses.replace(data, metrics=("weighted_key_score",)), SMALL, "cpu"),
    }
    assert len(keys) == 5


def test_a_damaged_checkpoint_file_is_as_good_as_none(tmp_path):
    data = small_data("multiclass")
    (record,) = train_grid(data, SMALL, only=[5], checkpoint=tmp_path)
    store = Checkpoint(tmp_path, data, SMALL, "cpu")
    assert facts(store.load(GRID[5])) == facts(record)
    (path,) = tmp_path.rglob("*.safetensors")
    path.write_bytes(path.read_bytes()[:50])
    assert store.load(GRID[5]) is None
    assert store.load(GRID[6]) is None


CHILD = """
import sys
from pathlib import Path
from probe_data import SMALL, small_data
from mirbench.benchmark.probing import train_grid
train_grid(small_data("multiclass"), SMALL, checkpoint=Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_killed_grid_goes_on_where_it_stopped_with_the_same_result(whole, tmp_path):
    paths = [str(ROOT / "tests"), *sys.path]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p)},
    )
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("*/*.safetensors"))) < 5 and time.monotonic() < deadline:
        assert child.poll() in (None, 0)
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*.safetensors")}
    assert len(before) >= 5
    resumed = train_grid(small_data("multiclass"), SMALL, checkpoint=tmp_path)
    assert [facts(r) for r in resumed] == [facts(r) for r in whole]
    np.testing.assert_array_equal(select(resumed).test_outputs, select(whole).test_outputs)
    assert all(path.stat().st_mtime_ns == made for path, made in before.items())
