"""The words at the head of the package are its classes, and its classes are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from mirbench.benchmark import probing


def test_every_word_of_the_glossary_is_a_class_of_the_package() -> None:
    words = re.findall(r"^`(\w+)`  +[A-Z]", probing.__doc__ or "", re.MULTILINE)
    assert len(words) > 10
    assert len(set(words)) == len(words)
    classes = {
        node.name
        for path in Path(probing.__file__).parent.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    assert set(words) <= classes
