"""The rooms of ``benchmark/`` and what they may import; docs/architecture.md shows it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from helpers.import_graph import ROOT

PAGE = ROOT / "docs" / "architecture.md"

#: From the top; a room imports from rows below its own only.
HOUSE: tuple[tuple[str, ...], ...] = (
    ("cli",),
    ("submissions", "reproduction", "conformance", "runs"),
    ("evaluation",),
    ("embedding",),
    ("registry",),
    ("weights",),
    ("plugins", "datasets", "probing", "result"),
    ("files", "machine", "scoring", "protocol"),
    ("progress",),
    ("api",),
)


def first_line(path: Path) -> str:
    """First sentence of a module's docstring, in one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def source_of(room: str) -> Path:
    """File that says what a room is for."""
    place = ROOT / "benchmark" / room
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def tree() -> str:
    """Describe every room in a line, with the modules of each package."""
    lines = []
    for name in sorted(room for row in HOUSE for room in row):
        source = source_of(name)
        package = source.name == "__init__.py"
        lines.append(f"- **`{name}{'/' if package else '.py'}`** {first_line(source)}")
        if package:
            names = sorted(path.stem for path in source.parent.glob("*.py"))
            inside = [f"`{module}`" for module in names if not module.startswith("__")]
            inside += [
                f"`{name}/{p.parent.name}/`" for p in sorted(source.parent.glob("*/__init__.py"))
            ]
            lines.append(f"  {', '.join(inside)}")
    return "\n".join(lines)


def arrows() -> str:
    """Draw the rows of the house, from the top."""
    rows = [" · ".join(row) for row in HOUSE]
    return "\n".join(["```", *(f"{'  ' * n}{row}" for n, row in enumerate(rows)), "```"])


def glossary() -> str:
    """Take the words of the trainer from the head of ``probing/``."""
    text = ast.get_docstring(ast.parse(source_of("probing").read_text(encoding="utf-8"))) or ""
    words = re.findall(r"^`(\w+)` +((?:.+\n)(?: {8}.+\n)*)", text, flags=re.MULTILINE)
    assert words, "the head of probing/ has no glossary"
    return "\n".join(f"- **{word}**: {' '.join(what.split())}" for word, what in words)


def rendered() -> str:
    """Fill the page with what is read off the code."""
    text = PAGE.read_text(encoding="utf-8")
    for name, content in (("tree", tree()), ("arrows", arrows()), ("glossary", glossary())):
        block = f"<!-- house:{name} -->\n{content}\n<!-- /house:{name} -->"
        text = re.sub(
            rf"<!-- house:{name} -->.*?<!-- /house:{name} -->",
            lambda _, block=block: block,  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
    return text


if __name__ == "__main__":
    PAGE.write_text(rendered(), encoding="utf-8")
