"""Where a run is to compute: what does not go together, and what nodes must have in common."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.machine.launch import Rules, under
from mirbench.benchmark.machine.ray_node import Common, Facts, check_facts, look_around
from mirbench.benchmark.machine.sandbox import Sandbox
from mirbench.benchmark.runs.engines import check_engine

Main = Callable[..., tuple[int, str, str]]


def test_without_ray_one_sentence_says_how_to_get_it(
    main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ray" else find(name)
    )
    status, _, err = main("run", "--rep", "tinyrep", "--task", "tinytask", "--engine", "ray")
    assert status == 1
    assert err == (
        "mirbench: --engine ray needs Ray, which is not installed: pip install 'mirbench[ray]'\n"
    )


@pytest.mark.parametrize(
    ("engine", "options", "message"),
    [
        ("dask", {}, "there is no engine 'dask'; choose one of: local, ray"),
        ("local", {"address": "auto"}, "--address auto goes with --engine ray"),
        ("ray", {"device": "cuda:1"}, "--device cuda:1 is of one machine"),
        ("ray", {"gpus": 2}, "--gpus 2 goes with --device cuda"),
        ("local", {"gpus": 2}, "--gpus 2 goes with --device cuda"),
        ("ray", {"address": "ray://head:10001"}, "run the command on a node of the cluster"),
    ],
)
def test_what_does_not_go_together(engine: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_engine(engine, **options)  # type: ignore[arg-type]


def test_there_is_no_sandbox_on_other_nodes(tmp_path: Path) -> None:
    with (
        under(Rules(sandbox=Sandbox("/usr/bin/unshare", tmp_path))),
        pytest.raises(UsageError, match="--sandbox goes with --engine local"),
    ):
        check_engine("ray")


def test_ray_is_imported_only_when_it_is_asked_for() -> None:
    code = "import sys, mirbench.benchmark.runs.commands as c; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.fixture
def common(tmp_path: Path) -> Common:
    token, audio = tmp_path / "a.token", tmp_path / "a.wav"
    token.write_text("a")
    audio.write_bytes(b"RIFF")
    return Common(str(tmp_path), str(token), "a", (str(audio),), (4,))


def test_nodes_that_are_alike_are_told_in_a_sentence_each(common: Common) -> None:
    here = look_around(common)
    first, second = check_facts([here, here], here, common)
    assert first.startswith("2 Ray nodes, all with Python 3.")
    assert second == "all nodes see the same cache folder and audio"


def _other(facts: Facts, name: str) -> Facts:
    return replace(facts, host="far", versions=facts.versions | {name: "0.1"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda facts: _other(facts, "Python"), "node far has Python 0.1, and this machine 3"),
        (lambda facts: _other(facts, "torch"), "node far has torch 0.1"),
        (lambda facts: _other(facts, "mirbench's source"), "node far has mirbench's source 0.1"),
        (lambda facts: replace(facts, content=None), "does not see the cache folder .*--cache"),
        (lambda facts: replace(facts, content="b"), "does not see the cache folder"),
        (lambda facts: replace(facts, sizes=(None,)), "a.wav is not there, and has 4 bytes here"),
        (lambda facts: replace(facts, sizes=(5,)), "a.wav has 5 bytes, and has 4 bytes here"),
        (lambda facts: replace(facts, folder=False), "has no folder .*: run the command in one"),
    ],
)
def test_a_node_that_differs_ends_the_run(
    common: Common, change: Callable[[Facts], Facts], message: str
) -> None:
    here = look_around(common)
    with pytest.raises(MirbenchError, match=message):
        check_facts([here, change(here)], here, common)


def test_what_is_not_there_is_seen(common: Common, tmp_path: Path) -> None:
    away = replace(common, token=str(tmp_path / "b"), audio=(str(tmp_path / "b.wav"),))
    facts = look_around(replace(away, folder=str(tmp_path / "nowhere")))
    assert (facts.content, facts.sizes, facts.folder) == (None, (None,), False)
