"""Numbers with their nouns: no message says "1 clips", none prints a negative zero."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from mirbench.benchmark.progress import count

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
