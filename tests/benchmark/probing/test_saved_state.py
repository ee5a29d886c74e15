"""Probes that are learning: saved, taken up again with the same numbers, no foreign one used."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from probe_data import SMALL, small_data

from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.sealed import seal, unseal
from mirbench.benchmark.probing import ProbeRecord, Progress, pace, saved_state, train_grid
from mirbench.benchmark.probing.memory import Need
from mirbench.benchmark.probing.pace import Pace
from mirbench.benchmark.protocol import Protocol

#: Four banks of linear probes and sixteen of one probe, quickly done.
GRID = dataclasses.replace(SMALL, standardise=(True,), batch_size=(64,), patience=3)


class Killed(Exception):
    """Stands for the end of the process."""


def facts(records: list[ProbeRecord]) -> list[tuple[object, ...]]:
    return [(r.index, r.updates, r.best_update, r.valid, r.way, r.test) for r in records]


def life(
    folder: Path, rounds: int | None, protocol: Protocol = GRID, seed: int = 0
) -> list[ProbeRecord]:
    """Train for so many rounds, or to the end."""
    made = 0

    def on_progress(state: Progress) -> None:
        nonlocal made
        made += 1
        if made == rounds:
            raise Killed

    data = small_data("multiclass", seed=seed)
    return train_grid(data, protocol, checkpoint=folder, on_progress=on_progress)


@pytest.fixture(scope="module")
def undisturbed() -> list[ProbeRecord]:
    return train_grid(small_data("multiclass"), GRID)


class AtOnce(Executor):
    """Writes at once, so that what a killed grid leaves does not depend on the machine."""

    def __init__(self, *args: object, **options: object) -> None:
        pass

    def submit(self, fn: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        fn(*args, **options)
        return Future()


@pytest.fixture
def at_every_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save every bank in every round, whatever it costs."""
    monkeypatch.setattr(saved_state, "ThreadPoolExecutor", AtOnce)
    for name, value in (("LEAST_SECONDS", -1.0), ("SHARE", 1e9), ("SPEED", 1e15), ("GROWTH", 0.0)):
        monkeypatch.setattr(pace, name, value)


def states(folder: Path) -> list[Path]:
    return sorted(folder.rglob("learning/*.safetensors"))


@pytest.mark.usefixtures("at_every_chance")
@pytest.mark.slow
def test_a_grid_that_lives_a_few_rounds_at_a_time_ends_with_the_same_numbers(
    undisturbed: list[ProbeRecord], tmp_path: Path
) -> None:
    lives = 0
    while True:
        lives += 1
        assert lives < 300
        try:
            records = life(tmp_path, 2 + lives % 5)
        except Killed:
            continue
        break
    assert lives > 5
    assert facts(records) == facts(undisturbed)
    for mine, other in zip(records, undisturbed, strict=True):
        if other.test_outputs is not None:
            np.testing.assert_array_equal(mine.test_outputs, other.test_outputs)
    assert not list(tmp_path.rglob("learning"))


def test_a_state_is_what_the_updates_left(
    at_every_chance: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Killed):
        life(tmp_path, 4)
    assert states(tmp_path)
    taken = []
    restore = saved_state.SavedStates.restore
    monkeypatch.setattr(
        saved_state.SavedStates,
        "restore",
        lambda *args: taken.append(restore(*args)) or taken[-1],
    )
    with pytest.raises(Killed):
        life(tmp_path, 1)
    assert taken
    assert all(found is not None and found[0] >= 8 for found in taken)


def test_other_cohorts_and_a_part_of_the_grid_go_on_with_what_was_saved(
    at_every_chance: None, undisturbed: list[ProbeRecord], tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        life(tmp_path / "a", 6)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert any(len(_indices(path)) >= 4 for path in states(tmp_path))  # a bank of four
    part = [record.index for record in undisturbed][1::3]
    data = small_data("multiclass")
    some = train_grid(data, GRID, part, checkpoint=tmp_path / "a")
    assert facts(some) == facts([undisturbed[i] for i in part])
    need = Need.of((20, 16, 4), 64, 2, 8, 80, 1, os.cpu_count() or 1)
    memory = need.shared + 3 * need.probe
    tight = train_grid(data, GRID, checkpoint=tmp_path / "b", memory=memory)
    assert facts(tight) == facts(undisturbed)


def _indices(path: Path) -> set[int]:
    found, _, _ = unseal(path, "state", f"{path.parent.parent.name} {saved_state.VERSION}")
    return {probe["config"]["index"] for probe in found["probes"]}


def test_what_kills_left_half_written_does_not_pile_up(
    at_every_chance: None, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        life(tmp_path, 2)
    (folder,) = tmp_path.rglob("learning")
    old, new = folder / ".000.safetensors.a.tmp", folder / ".000.safetensors.b.tmp"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1e9, 1e9))
    with pytest.raises(Killed):
        life(tmp_path, 1)
    assert not old.exists()
    assert new.exists()  # another run may be writing it


def _cut(path: Path, about: str) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def _flip(path: Path, about: str) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _of_another_torch(path: Path, about: str) -> None:
    found, arrays, _ = unseal(path, "state", about)
    found["made_with"]["torch"] = "1.0"
    write_atomic(path, seal(found, arrays, "state", about))


def _of_other_streams(path: Path, about: str) -> None:
    found, arrays, _ = unseal(path, "state", about)
    write_atomic(path, seal({**found, "masked": False}, arrays, "state", about))


def _between_two_evaluations(path: Path, about: str) -> None:
    found, arrays, _ = unseal(path, "state", about)
    write_atomic(path, seal({**found, "number": 9}, arrays, "state", about))


def _of_another_shape(path: Path, about: str) -> None:
    found, arrays, _ = unseal(path, "state", about)
    write_atomic(path, seal(found, {**arrays, "best": arrays["best"][:, 1:]}, "state", about))


def _nothing(path: Path, about: str) -> None:
    path.write_bytes(b"")


def _empty_json(path: Path, about: str) -> None:
    write_atomic(path, seal({}, {}, "state", about))


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        _flip,
        _of_another_torch,
        _of_other_streams,
        _between_two_evaluations,
        _of_another_shape,
        _nothing,
        _empty_json,
    ],
)
def test_what_is_damaged_or_foreign_is_not_used(
    damage: Callable[[Path, str], None],
    at_every_chance: None,
    undisturbed: list[ProbeRecord],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(Killed):
        life(tmp_path, 3)
    for path in states(tmp_path):
        damage(path, f"{path.parent.parent.name} {saved_state.VERSION}")
    assert states(tmp_path)
    assert facts(life(tmp_path, None)) == facts(undisturbed)
    assert capsys.readouterr().err.count("is not used") == 1


def test_a_state_of_other_data_is_not_used(
    at_every_chance: None, undisturbed: list[ProbeRecord], tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        life(tmp_path / "a", 3, seed=1)
    with pytest.raises(Killed):
        life(tmp_path / "b", 1)
    (other,) = tmp_path.glob("a/*/learning")
    (mine,) = tmp_path.glob("b/*")
    shutil.rmtree(mine / "learning", ignore_errors=True)
    shutil.copytree(other, mine / "learning")
    assert facts(life(tmp_path / "b", None)) == facts(undisturbed)


def test_a_disk_without_room_is_said_once_and_trained_on(
    undisturbed: list[ProbeRecord],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert facts(life(tmp_path, None)) == facts(undisturbed)
    assert capsys.readouterr().err.count("are not saved in") == 1
    assert not states(tmp_path)


class Watch:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def saved_of(bank_bytes: int, banks: int, seconds: float, before: float | None) -> tuple[int, Pace]:
    """Train for so many seconds on two processors, asking once a second for every bank."""
    wall, processor = Watch(), Watch()
    judge = Pace(2, before, wall, processor)
    judge.expect(bank_bytes * banks)
    saved = set()
    while wall.now < seconds:
        for bank in range(banks):
            wall.now += 1 / banks
            processor.now += 2 / banks
            if judge.due(bank, bank_bytes):
                judge.begun(bank)
                judge.written(bank_bytes, bank_bytes / pace.SPEED)
                saved.add(bank)
    assert judge.spent <= judge.share * processor.now + bank_bytes / pace.SPEED
    return len(saved), judge


def test_an_undisturbed_run_spends_its_share_and_no_more() -> None:
    saved, judge = saved_of(40_000_000, 54, 1000.0, None)
    assert saved == 54
    assert 0.005 < judge.spent / 2000 <= pace.SHARE


def test_a_run_after_a_short_life_saves_all_within_such_a_life() -> None:
    saved, judge = saved_of(40_000_000, 54, 40.0, 40.0)
    assert saved == 54
    assert judge.spent / 80 <= pace.MOST


def test_few_large_probes_are_trained_at_once_where_lives_are_short() -> None:
    counts = [Pace(2, before).most(40_000_000) for before in (1.0, 40.0, 400.0, None)]
    assert counts[:2] == [2, 10]
    assert counts[2] > 54
    assert counts[3] > 10_000
    assert Pace(2, 40.0).most(800_000) > 54


def test_small_states_are_saved_ever_more_seldom() -> None:
    _, judge = saved_of(4_000, 10, 3600.0, None)
    assert judge.spent < 60 * 10 * 4_000 / pace.SPEED


def test_the_life_of_a_run_is_noted_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "LEAST_SECONDS", 0.0)
    with pytest.raises(Killed):
        life(tmp_path, 5)
    (path,) = tmp_path.rglob("life.json")
    noted = json.loads(path.read_text())["seconds"]
    assert 0 < noted < 600
    path.write_text('{"seconds": "long"}')
    assert len(life(tmp_path, None)) == len(GRID.grid())
