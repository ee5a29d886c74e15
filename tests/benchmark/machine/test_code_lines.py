"""The line of a plugin: the innermost of its own code, wherever the error was raised."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from mirbench.benchmark.machine.code_lines import MOST, error_text, line_of

HARNESS = str(Path(line_of.__code__.co_filename).parents[1] / "embedding" / "model.py")
NUMPY = sysconfig.get_paths()["purelib"] + "/numpy/core.py"
THEIRS = sysconfig.get_paths()["purelib"] + "/theirs/model.py"
DEEPER = sysconfig.get_paths()["purelib"] + "/theirs/parts/net.py"


@pytest.mark.parametrize(
    ("frames", "wanted"),
    [
        ([(HARNESS, 1), ("/a/mine.py", 2), ("/a/net.py", 3), (NUMPY, 4)], "/a/net.py, line 3"),
        ([(HARNESS, 1), (NUMPY, 4), ("/a/mine.py", 2)], "/a/mine.py, line 2"),
        ([("/a/script.py", 9), (HARNESS, 1), ("/a/mine.py", 2)], "/a/mine.py, line 2"),
        ([(HARNESS, 1), (THEIRS, 2), (DEEPER, 3), (NUMPY, 4)], f"{DEEPER}, line 3"),
        ([(HARNESS, 1), (THEIRS, 2), ("<frozen runpy>", 3)], f"{THEIRS}, line 2"),
        ([(NUMPY, 4), (HARNESS, 1)], ""),
        ([], ""),
    ],
)
def test_the_innermost_line_of_a_plugin(frames: list[tuple[str, int]], wanted: str) -> None:
    assert line_of(frames) == wanted


def test_what_an_error_says_is_one_line() -> None:
    assert error_text(ValueError("two\n  lines")) == "ValueError: two lines"
    assert error_text(MemoryError()) == "MemoryError"
    assert len(error_text(ValueError("x" * 10_000))) < MOST + 30


def test_the_line_is_that_of_the_code_which_raised(tmp_path: Path) -> None:
    code = compile("\n\ndef f():\n    return {}['a']\n", str(tmp_path / "mine.py"), "exec")
    space: dict[str, object] = {}
    exec(code, space)
    with pytest.raises(KeyError) as caught:
        space["f"]()  # type: ignore[operator]
    assert error_text(caught.value) == f"KeyError: 'a' ({tmp_path / 'mine.py'}, line 4)"


def test_semaphores_that_cannot_be_made_are_explained(tmp_path: Path) -> None:
    file = tmp_path / "multiprocessing" / "synchronize.py"
    code = compile("def f():\n    raise OSError(30, 'Read-only')\n", str(file), "exec")
    space: dict[str, object] = {}
    exec(code, space)
    with pytest.raises(OSError, match="Read-only") as caught:
        space["f"]()  # type: ignore[operator]
    assert "a /dev/shm that can be written" in error_text(caught.value)
    assert "/dev/shm" not in error_text(OSError(30, "Read-only"))
