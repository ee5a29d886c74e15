"""Names that a shell completes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mirbench.benchmark.cli.completion import complete_representation

Complete = Callable[[str], list[str]]


@pytest.fixture
def complete(
    main: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> Complete:
    """Ask as bash does what may stand at the end of a line."""

    def ask(line: str) -> list[str]:
        words = line.split(" ")
        monkeypatch.setenv("_MIRBENCH_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        return main()[1].split()

    return ask


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mirbench run --rep mf", ["mfcc"]),
        ("mirbench run --rep mfcc --rep tiny", ["tinyrep"]),
        ("mirbench sweep --rep chrom", ["chroma"]),
        ("mirbench run --task rendered_k", ["rendered_key"]),
        ("mirbench data doctor tinyt", ["tinytask"]),
        ("mirbench probe --task tinyt", ["tinytask"]),
        ("mirbench weights fetch jukeb", ["jukebox"]),
        ("mirbench run --protocol c", ["castellon2021"]),
        ("mirbench run --deform noise", ["noise20", "noise10"]),
        ("mirbench leaderboard bui", ["build"]),
    ],
)
def test_names_are_completed(line: str, expected: list[str], complete: Complete) -> None:
    assert complete(line) == expected


def test_the_script_for_a_shell(main: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = main("--show-completion", "bash")
    assert status == 0
    assert "_MIRBENCH_COMPLETE=complete_bash" in out


def test_files_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("model.py", "model.txt", "other.py"):
        (tmp_path / name).touch()
    (tmp_path / "models").mkdir()
    assert complete_representation("./m") == ["./model.py", "./models/"]
    assert complete_representation(f"{tmp_path}/o") == [f"{tmp_path}/other.py"]
    assert complete_representation("./nowhere/x") == []


def test_completion_imports_no_model(complete: Complete) -> None:
    before = set(sys.modules)
    assert "mfcc" in complete("mirbench run --rep m")
    new = {name.partition(".")[0] for name in set(sys.modules) - before}
    assert not new & {"torch", "librosa", "sklearn", "tinypackage"}
