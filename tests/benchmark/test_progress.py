"""Numbers with their nouns: no message says "1 clips", none prints a negative zero."""

from __future__ import annotations

import ast
import io
import re
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tqdm.auto
from typer.testing import CliRunner

from mirbench.benchmark import progress
from mirbench.benchmark.cli.app import app
from mirbench.benchmark.progress import bar, count, silence

ROOT = Path(__file__).parents[2]

NOUNS = (
    "byte|cell|character|clip|dim|dimension|embedding|file|group|layer|name|probe|row|tag|value|"
    "window|worker"
)


@pytest.mark.parametrize(
    ("arguments", "of", "text"),
    [
        ((1, "clip"), None, "1 clip"),
        ((0, "clip"), None, "0 clips"),
        ((2, "clip"), None, "2 clips"),
        ((1234, "clip"), None, "1,234 clips"),
        ((1, "test clip", "is"), None, "1 test clip is"),
        ((2, "test clip", "is"), None, "2 test clips are"),
        ((0, "row", "has"), None, "0 rows have"),
        ((1, "row", "has"), None, "1 row has"),
        ((1, "clip", "is"), 25, "1 of 25 clips is"),
        ((2, "clip", "is"), 2500, "2 of 2,500 clips are"),
        ((1, "clip", "is"), 1, "1 of 1 clip is"),
        ((0, "clip", "is"), 1, "0 of 1 clip are"),
    ],
)
def test_count(arguments: tuple[int, str], of: int | None, text: str) -> None:
    assert count(*arguments, of=of) == text


@pytest.mark.parametrize("folder", ["benchmark", "leaderboard", "tasks"])
def test_messages_count_with_it(folder: str) -> None:
    """A number in an f-string stands before a plural only if it is a constant."""
    plural = re.compile(rf" ({NOUNS})s\b")
    constant = re.compile(r"[A-Z_]+$|show\(")
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.JoinedStr):
                continue
            for value, text in zip(node.values, node.values[1:], strict=False):
                if isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant):
                    shown = ast.unparse(value.value)
                    if plural.match(str(text.value)) and not constant.match(shown):
                        found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {shown}{text.value}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", ["benchmark", "leaderboard"])
def test_scores_are_printed_without_a_minus_before_zero(folder: str) -> None:
    """A score, times 100 with one decimal, has the option z of the format."""
    score = re.compile(r"(100 \* |value|low|high|average|best)[^{}]*:[^z{}]*\.1f\}")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if score.search(line)
    ]
    assert not found, "\n".join(found)


class Log:
    """What was written to stderr, which is no terminal in a test."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys, self._text = capsys, ""

    def getvalue(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """Let lines come every twentieth of a second."""
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.05)
    yield Log(capsys)
    silence(False)


def wait_for(log: Log, text: str) -> list[str]:
    """Wait until a line holds the text, and return all."""
    until = time.monotonic() + 60
    while text not in log.getvalue():
        assert time.monotonic() < until, log.getvalue()
        time.sleep(0.01)
    return log.getvalue().splitlines()


def test_without_a_terminal_there_are_lines_at_the_beginning_and_now_and_then(
    log: Log,
) -> None:
    with bar("embedding x", 1200, "clip", done=200) as shown:
        assert log.getvalue() == "embedding x: 200 of 1,200 clips\n"
        shown.update(300)
        line = wait_for(log, "left")[-1]
        assert re.fullmatch(
            r"embedding x: 500 of 1,200 clips, [\d,.]+ clips/s, about \d+ s left", line
        )
        shown.set_postfix_str("54 learning, about 2 h left", refresh=False)
        wait_for(log, "embedding x: 500 of 1,200 clips, 54 learning, about 2 h left\n")
        shown.update(700)
    assert re.fullmatch(
        r"embedding x: 1,200 of 1,200 clips, \d+ s in all", log.getvalue().splitlines()[-1]
    )


def test_a_line_comes_even_if_nothing_gets_done(log: Log) -> None:
    with bar("decoding y", 3, "clip"):
        wait_for(log, "decoding y: 0 of 3 clips\ndecoding y: 0 of 3 clips\n")


def test_bytes_are_counted_in_their_units(log: Log) -> None:
    with bar("w.bin", 2_400_000, "B") as shown:
        shown.update(1_200_000)
        wait_for(log, "w.bin: 1.2 MB of 2.4 MB, ")
    with bar("unknown.bin", None, "B"):
        wait_for(log, "unknown.bin: 0 B\n")


def test_what_is_short_takes_one_line_and_nothing_none(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 60.0)
    with bar("short", 2, "clip") as shown:
        shown.update(2)
    with bar("nothing", 0, "clip"), bar("all done", 5, "clip", done=5):
        pass
    assert log.getvalue() == "short: 0 of 2 clips\n"


def test_quiet_shows_nothing(log: Log) -> None:
    with bar("a", 2, "clip", quiet=True) as shown:
        shown.update(1)
        time.sleep(0.2)
    silence(True)
    with bar("b", 2, "clip") as shown:
        shown.update(1)
        shown.set_postfix_str("words", refresh=False)
        time.sleep(0.2)
    assert log.getvalue() == ""
    progress.say("a remark")
    assert log.getvalue() == "a remark\n"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    stderr.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", stderr)
    with bar("embedding x", 4, "clip") as shown:
        shown.update(4)
    assert "100%" in stderr.getvalue()


class Shell:
    """What IPython says it is run by."""

    def __init__(self, *applications: str) -> None:
        self.config = dict.fromkeys(applications)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Callable[[Shell | None], None]:
    """Let IPython be imported, and be run by something."""

    def be(shell: Shell | None) -> None:
        module = types.ModuleType("IPython")
        module.get_ipython = lambda: shell  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "IPython", module)

    return be


def test_a_notebook_gets_a_bar_of_its_own(
    shell: Callable[[Shell | None], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made: list[Any] = []

    class Widget(tqdm.tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            made.append(self)

    monkeypatch.setattr(tqdm.auto, "tqdm", Widget)
    shell(Shell("IPKernelApp"))
    assert progress.in_notebook()
    with bar("embedding x", 4, "clip") as shown:
        shown.update(3)
        progress.say("a remark")
    assert (made[0].desc, made[0].total, made[0].n) == ("embedding x", 4, 3)
    assert "a remark\n" in capsys.readouterr().err
    with bar("embedding x", 4, "clip", quiet=True):
        assert len(made) == 1 or made[1].disable


@pytest.mark.parametrize("who", [None, Shell(), Shell("TerminalIPythonApp")])
def test_ipython_elsewhere_is_no_notebook(
    who: Shell | None, shell: Callable[[Shell | None], None], log: Log
) -> None:
    shell(who)
    assert not progress.in_notebook()
    with bar("embedding x", 4, "clip"):
        assert log.getvalue() == "embedding x: 0 of 4 clips\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["-q", "schema"],
        ["--quiet", "list", "tasks"],
        ["run", "--quiet", "--rep", "no such"],
        ["embed", "-q", "--rep", "no such"],
        ["probe", "-q", "--rep", "no such", "--task", "no such"],
        ["sweep", "-q", "--rep", "no such", "--task", "no such"],
        ["reproduce", "-q", "no such"],
        ["data", "fetch", "-q", "no such"],
        ["data", "doctor", "-q", "no such"],
        ["weights", "fetch", "no such", "-q"],
        ["weights", "add", "no such", "-q", "no such"],
    ],
)
def test_quiet_stands_before_or_after_the_command(
    log: Log, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[bool] = []
    monkeypatch.setattr("mirbench.benchmark.cli.options.silence", said.append)
    done = CliRunner().invoke(app, arguments, env={"MIRBENCH_CACHE": str(tmp_path)})
    assert done.exception is None or "no such" in str(done.exception)
    assert said == [True]
