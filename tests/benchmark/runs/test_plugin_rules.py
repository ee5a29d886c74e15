"""The folder that plugins in a sandbox can write, and what else they can read."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from helpers.needs import require

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.machine.launch import Rules, rules
from mirbench.benchmark.runs.plugin_rules import plugin_rules


def test_folders_of_commands_that_were_killed_are_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require("unshare")
    killed, running, new = (tmp_path / "sandbox" / name for name in ("killed", "running", "new"))
    for folder in (killed, running, new):
        (folder / "numba").mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "sandbox" / "link").symlink_to(elsewhere)
    for folder in (killed, running):
        os.utime(folder, (1e9, 1e9))
    os.utime(tmp_path / "sandbox" / "link", (1e9, 1e9), follow_symlinks=False)
    handle = os.open(running, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with plugin_rules(sandbox=True, cache=tmp_path):
        sandbox = rules().sandbox
        assert sandbox is not None
        assert sandbox.scratch.is_dir()
        assert not killed.exists()
        assert running.exists()
        assert new.exists()  # of a command that has not locked it yet
        assert str(sandbox.scratch) in capsys.readouterr().err
    os.close(handle)
    assert not sandbox.scratch.exists()
    assert elsewhere.exists()
    assert rules() == Rules()


def test_what_a_name_names_can_be_read(tmp_path: Path) -> None:
    require("unshare")
    for name in ("code/mine.py", "weights/a.pt", "data/gtzan/x", "far/away/y", "cache/z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "data" / "magnatagatune").symlink_to(tmp_path / "far" / "away")
    rep = f"{tmp_path}/code/mine.py:weights={tmp_path}/weights/a.pt,layer=3"
    given = {"data": tmp_path / "data", "cache": tmp_path / "cache"}
    with plugin_rules([rep], sandbox=True, **given):  # type: ignore[arg-type]
        sandbox = rules().sandbox
        assert sandbox is not None
        shown = {str(path) for path in sandbox.readable}
    for name in ("code", "weights/a.pt", "data", "far/away", "cache"):
        assert str(tmp_path / name) in shown
    assert not {str(tmp_path), str(tmp_path / "far"), str(tmp_path / "weights")} & shown


def test_a_folder_that_another_command_takes_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("unshare")
    made = tempfile.mkdtemp
    taken: dict[str, int] = {}

    def make(**where: Any) -> str:
        folder = str(made(**where))
        if not taken:
            taken[folder] = os.open(folder, os.O_RDONLY)
            fcntl.flock(taken[folder], fcntl.LOCK_EX)
        return folder

    monkeypatch.setattr(tempfile, "mkdtemp", make)
    with plugin_rules(sandbox=True, cache=tmp_path):
        sandbox = rules().sandbox
        assert sandbox is not None
        assert str(sandbox.scratch) not in taken
        held = os.open(sandbox.scratch, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    for handle in (held, *taken.values()):
        os.close(handle)


def test_a_plugin_needs_a_folder_of_its_own(tmp_path: Path) -> None:
    with tempfile.NamedTemporaryFile(dir="/tmp", prefix="mirbench", suffix=".py") as file:
        rules_of = plugin_rules([file.name], sandbox=True, cache=tmp_path)
        with pytest.raises(UsageError, match="into a folder of its own"), rules_of:
            pass
    assert list((tmp_path / "sandbox").iterdir()) == []


@pytest.mark.parametrize("what", ["data", "cache"])
def test_data_and_cache_need_folders_of_their_own(tmp_path: Path, what: str) -> None:
    given = {"data": tmp_path, "cache": tmp_path} | {what: Path("/tmp")}
    rules_of = plugin_rules(sandbox=True, **given)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=f"folder of the {what}"), rules_of:
        pass


def test_a_variable_must_be_there() -> None:
    with pytest.raises(UsageError, match="no variable of that name"), plugin_rules(pass_env=["X9"]):
        pass
