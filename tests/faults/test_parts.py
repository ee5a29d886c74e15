"""Job arrays: ``--part i/N`` of several processes at once, killed and repeated."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from faults.ground import CLIPS, Ground, Trial

pytestmark = pytest.mark.slow

#: Clips that a new model embeds to be looked at: they may be embedded twice.
LOOKED_AT = 16


@dataclass(frozen=True)
class Undisturbed:
    """The ground, and the rows of a run and of a sweep in one piece."""

    ground: Ground
    row: dict[str, Any]
    swept: dict[str, Any]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    ground = Ground(tmp_path_factory.mktemp("ground"))
    rows = []
    for command in ("run", "sweep"):
        trial = ground.trial(f"undisturbed-{command}")
        ended = trial.finish(command=(command,), TOY_SECONDS="0")
        assert ended.status == 0, ended.said
        rows.append(trial.row())
    assert rows[0] is not None
    assert rows[1] is not None
    return Undisturbed(ground, *rows)


def parts(trial: Trial, command: str, of: int, **environ: str) -> list[str]:
    """Run all parts at once; returns what each has said."""
    runs = [
        trial.start(command=(command, "--part", f"{number}/{of}"), jobs=1, **environ)
        for number in range(1, of + 1)
    ]
    ends = [run.wait() for run in runs]
    assert [end.status for end in ends] == [0] * of, [end.said for end in ends]
    return [end.said for end in ends]


def finished_probes(trial: Trial) -> list[Path]:
    return [p for p in trial.cache.glob("grids/*/*/*.safetensors") if p.parent.name != "learning"]


def test_four_parts_embed_all_and_nothing_twice(toy: Undisturbed) -> None:
    trial = toy.ground.trial("embed")
    said = parts(trial, "embed", 4)
    assert all(
        f"part {n}/4 of embedding toy with model is done" in s for n, s in enumerate(said, 1)
    )
    before = Counter(trial.embedded())
    assert len(before) == CLIPS
    assert sum(before.values()) - CLIPS <= LOOKED_AT
    assert trial.finish().status == 0
    assert Counter(trial.embedded()) == before
    assert trial.row() == toy.row
    assert not [*trial.cache.rglob("parts"), *trial.cache.rglob("*.claim")]


def test_one_part_embeds_its_own_share_and_waits_for_nobody(toy: Undisturbed) -> None:
    trial = toy.ground.trial("one")
    ended = trial.finish(command=("embed", "--part", "2/4"), jobs=1)
    assert ended.status == 0
    assert "part 2/4 of embedding toy with model is done; shards of 96 clips wait" in ended.said
    assert abs(len(set(trial.embedded())) - CLIPS // 4) <= LOOKED_AT


def test_parts_that_overlap_do_no_harm(toy: Undisturbed) -> None:
    trial = toy.ground.trial("overlap")
    runs = [
        trial.start(command=("embed", "--part", part), jobs=1)
        for part in ("1/2", "1/2", "2/3", "2/2")
    ]
    assert [run.wait().status for run in runs] == [0] * 4
    embedded = Counter(trial.embedded())
    assert sum(embedded.values()) - CLIPS <= LOOKED_AT
    assert trial.finish().status == 0
    assert Counter(trial.embedded()) == embedded
    assert trial.row() == toy.row


def test_a_part_killed_and_repeated_leaves_the_same(toy: Undisturbed) -> None:
    trial = toy.ground.trial("killed")
    run = trial.start(command=("embed", "--part", "1/2"), jobs=1)
    run.wait_for_clips(LOOKED_AT + 16)
    run.kill_group()
    run.wait()
    parts(trial, "embed", 2)
    before = trial.embedded()
    assert trial.finish().status == 0
    assert trial.embedded() == before
    assert trial.row() == toy.row


def test_four_parts_of_a_sweep_then_the_sweep(toy: Undisturbed) -> None:
    trial = toy.ground.trial("sweep")
    said = parts(trial, "sweep", 4, TOY_SECONDS="0")
    assert all(f"part {n}/4 is done with 0 of 1 row;" in s for n, s in enumerate(said, 1))
    assert trial.row() is None
    assert len(finished_probes(trial)) == 5 * 3
    embedded = trial.embedded()
    assert trial.finish(command=("sweep",)).status == 0
    assert trial.embedded() == embedded
    assert trial.row() == toy.swept
    assert not list(trial.cache.glob("grids/*"))


def test_a_part_of_a_sweep_killed_and_repeated(toy: Undisturbed) -> None:
    trial = toy.ground.trial("sweep-killed")
    run = trial.start(command=("sweep", "--part", "1/2"), jobs=1)
    run.wait_for_clips(60)
    run.kill_group()
    run.wait()
    parts(trial, "sweep", 2)
    assert len(finished_probes(trial)) == 5 * 3
    assert trial.finish(command=("sweep",)).status == 0
    assert trial.row() == toy.swept
