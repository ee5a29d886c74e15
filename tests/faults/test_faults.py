"""Each fault once or a few times, on real processes; `faults.campaign` does them by the hundred."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from faults.campaign import undisturbed
from faults.disturbances import BAD, FAULTS, OF_ROOT, at_some_moment
from faults.ground import CLIPS, Ground
from helpers.needs import require

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Undisturbed:
    """The ground, and the row that comes of it without a fault."""

    ground: Ground
    row: dict[str, Any]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    ground = Ground(tmp_path_factory.mktemp("ground"))
    return Undisturbed(ground, undisturbed(ground))


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_after_a_fault_the_row_is_the_undisturbed_one(toy: Undisturbed, name: str) -> None:
    if name in OF_ROOT:
        require("root")
    trial = toy.ground.trial(name.replace(" ", "-"))
    outcome = FAULTS[name](trial, random.Random(name), toy.row)
    assert not outcome.startswith(BAD), outcome


def test_a_killed_run_leaves_its_parts_to_the_next(toy: Undisturbed) -> None:
    trial = toy.ground.trial("parts")
    run = trial.start(jobs=1)
    run.wait_for_clips(60)
    run.kill_group()
    run.wait()
    before = trial.embedded()
    assert trial.finish(jobs=1).status == 0
    assert trial.row() == toy.row
    again = trial.embedded()[len(before) :]
    assert len(set(again) & set(before)) <= 4, "no more than what was at hand"
    assert not list(trial.cache.rglob("parts"))
    assert not list(trial.cache.rglob("*.claim"))


def test_the_ground_notices_another_row(toy: Undisturbed) -> None:
    other = {**toy.row, "scores": {}}
    outcome = FAULTS["kill of a worker"](toy.ground.trial("other"), random.Random(1), other)
    assert outcome.startswith(BAD)


def test_moments_are_spread_over_the_clips(toy: Undisturbed) -> None:
    found = set()
    for seed in (25, 39):  # after the second clip, and the fiftieth
        trial = toy.ground.trial(f"moment-{seed}")
        run = trial.start(jobs=1)
        at_some_moment(trial, random.Random(seed))
        run.kill_group()
        run.wait()
        found.add(len(trial.embedded()))
    assert len(found) == 2
    assert max(found) < 2 * CLIPS


def test_injected_faults_reach_the_process(toy: Undisturbed, tmp_path: Path) -> None:
    trial = toy.ground.trial("injected")
    ended = trial.finish(FAULT_WRITES=f"1:28:{trial.folder}/")
    assert ended.status == 1
    assert ended.last.startswith("mirbench: cannot write into ")
    assert "No space left on device" in ended.last
