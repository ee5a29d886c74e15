"""``run``, ``sweep``, ``probe`` and ``embed`` in parts, in this process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mirbench.benchmark import embed, probe, run
from mirbench.benchmark.probing.group import Group
from mirbench.benchmark.result import Row

if TYPE_CHECKING:
    from conftest import TinyPackage

LAYERED = """
import numpy as np
CARD = {"title": "Three layers", "trained_on": "none", "requires": ["numpy"]}
class Three:
    sample_rate, dims, layers = 8000, 16, ("a", "b", "c")
    heard_seconds = 512 / 8000
    def embed(self, audio, sr):
        bands = np.array_split(np.abs(np.fft.rfft(audio, 512)), 16)
        heard = np.log1p([band.mean() for band in bands])
        return np.float32([heard > n for n in (1, 0.3, 2)])
def load_model(device="cpu"):
    return Three()
"""


@pytest.fixture
def layered(tmp_path: Path) -> str:
    (tmp_path / "three.py").write_text(LAYERED)
    return str(tmp_path / "three.py")


@pytest.fixture
def options(tiny: TinyPackage, tmp_path: Path) -> dict[str, Any]:
    return {"data": tiny.data, "cache": tmp_path / "cache", "out": tmp_path / "out"}


@pytest.fixture
def grids(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the grids that are trained: one group of probes each under quick."""
    trained: list[int] = []
    train = Group.train

    def counting(self: Group, *arguments: Any) -> Any:
        trained.append(len(trained))
        return train(self, *arguments)

    monkeypatch.setattr(Group, "train", counting)
    return trained


@pytest.mark.slow
def test_layers_are_dealt_out_and_their_probes_wait_for_the_row(
    layered: str, options: dict[str, Any], tmp_path: Path, grids: list[int]
) -> None:
    options |= {"task": "tinytask", "jobs": 1, "protocol": "quick"}
    (whole,) = run(layered, **(options | {"out": tmp_path / "other", "cache": tmp_path / "c"}))
    grids.clear()
    assert run(layered, part="1/2", **options) == []
    assert len(grids) == 2
    assert run(layered, part=(1, 2), **options) == []  # again: nothing is left to do
    assert len(grids) == 2
    assert run(layered, part="2/2", **options) == []
    assert len(grids) == 3
    rows: list[Row] = []
    (row,) = run(layered, **options, on_row=rows.append)
    assert len(grids) == 3, "nothing is trained again"
    free = {"cost", "environment"}
    assert row.model_dump(exclude=free) == whole.model_dump(exclude=free)
    assert run(layered, part="2/2", **options) == [row], "the row is found"


@pytest.mark.slow
def test_pairs_are_dealt_out_and_each_writes_its_row(
    layered: str, options: dict[str, Any], grids: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    options |= {"task": "tinytask", "jobs": 1, "protocol": "quick"}
    names = ["tinyrep", "tinyrep:delay=0.0001"]
    (first,) = run(names, part="1/2", **options)
    (second,) = run(names, part="2/2", **options)
    assert [first.representation.name, second.representation.name] == names
    assert len(grids) == 2
    assert "part 2/2 is done with 1 of 2 rows; run the same (" in capsys.readouterr().err
    assert run(names, part="3/3", **options) == []
    assert len(grids) == 2


@pytest.mark.slow
def test_embeddings_in_parts_come_when_all_are_there(
    options: dict[str, Any], tmp_path: Path, tiny: TinyPackage
) -> None:
    del options["out"]
    whole = embed("tinyrep", "tinytask", jobs=1, **(options | {"cache": tmp_path / "other"}))
    assert embed("tinyrep", "tinytask", jobs=1, part="1/2", **options) == {}
    assert embed("tinyrep", "tinytask", jobs=1, part="1/2", **options) == {}
    found = embed("tinyrep", "tinytask", jobs=1, part="2/2", **options)["tinytask"]
    assert np.array_equal(found.matrix(), whole["tinytask"].matrix())
    assert found.sha256 == whole["tinytask"].sha256
    assert 0 < found.computed < tiny.clips


@pytest.mark.slow
def test_a_part_removes_nothing_that_others_left_days_ago(options: dict[str, Any]) -> None:
    del options["out"]
    embed("tinyrep", "tinytask", jobs=1, part="1/2", **options)
    left = sorted(options["cache"].rglob("parts/*.safetensors"))
    assert len(left) == 19
    for path in left:
        os.utime(path, (0, 0))
    embed("tinyrep", "tinytask", jobs=1, part="20/38", **options)  # all of it in one shard
    assert set(left) < set(options["cache"].rglob("parts/*.safetensors"))


@pytest.mark.slow
def test_probes_of_stored_layers_in_parts(
    layered: str, options: dict[str, Any], grids: list[int]
) -> None:
    place = {name: options[name] for name in ("data", "cache")}
    embed(layered, "tinytask", jobs=1, **place)
    for number in (1, 2, 3):
        assert probe("tinytask", rep=layered, protocol="quick", part=(number, 3), **options) is None
        assert len(grids) == number
    row = probe("tinytask", rep=layered, protocol="quick", **options)
    assert len(grids) == 3
    assert len(row.result.curve) == 3


@pytest.mark.parametrize("command", ["run", "sweep", "embed", "probe"])
def test_a_wrong_part_is_one_sentence(
    command: str, main: Callable[..., tuple[int, str, str]]
) -> None:
    status, _, said = main(command, "--task", "tinytask", "--rep", "tinyrep", "--part", "5/4")
    assert status != 0
    assert said.count("\n") == 1
    assert said.startswith("mirbench: --part '5/4' is none: it is i/N")


def test_a_plan_is_not_cut(main: Callable[..., tuple[int, str, str]]) -> None:
    line = ("run", "--task", "tinytask", "--rep", "tinyrep", "--part", "1/4", "--dry-run")
    status, _, said = main(*line)
    assert status != 0
    assert "--dry-run tells of the whole run" in said
