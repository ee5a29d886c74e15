"""Names and texts of a row: what may stand on a page that others read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.progress import count

#: Characters of a representation's name, and of the longest text.
NAME_LENGTH = 100
TEXT_LENGTH = 1000

_NAME_CHARACTERS = re.compile(r"[A-Za-z0-9._=,+:-]")

#: What a character that is not allowed would be taken for, and where.
_MEANINGS = {
    "path": "/\\",
    "HTML": "<>&\"'",
    "Markdown": "*`[]()!|#~",
    "LaTeX": "$%{}^",
}


def check_name(name: str) -> list[str]:
    """Say why a name cannot stand on the board: it is a folder, a cell and a label in figures."""
    errors = []
    if not 0 < len(name) <= NAME_LENGTH:
        errors.append(
            f"the name has {count(len(name), 'character')}; a name on the board has 1 to "
            f"{NAME_LENGTH}"
        )
    wrong = dict.fromkeys(c for c in name if not _NAME_CHARACTERS.fullmatch(c))
    if wrong:
        meanings = [
            kind for kind, signs in _MEANINGS.items() if any(sign in signs for sign in wrong)
        ]
        signs = " ".join(show(sign) for sign in list(wrong)[:10])
        because = f" ({', '.join(meanings)} would take them for its own)" if meanings else ""
        errors.append(
            f"the name {show(name)} holds {signs}{because}; use letters without accents, digits "
            "and . _ = , + - :"
        )
    if re.match(r"[^A-Za-z0-9]", name) and not (wrong and name[0] in wrong):
        errors.append(f"the name {show(name)} must begin with a letter or digit")
    if ".." in name:
        errors.append(f"the name {show(name)} holds '..' (a path would take it for its own)")
    return errors


def check_texts(content: Any) -> list[str]:
    """Say where a text is too long or holds characters that are not seen as themselves."""
    errors = []
    for place, text in _texts(content, ""):
        if len(text) > TEXT_LENGTH:
            errors.append(
                f"{place}: a text of {count(len(text), 'character')}; at most "
                f"{TEXT_LENGTH:,} are shown"
            )
        hidden = sorted({c for c in text if unicodedata.category(c)[0] == "C"})
        if hidden:
            names = ", ".join(f"U+{ord(c):04X}" for c in hidden[:5])
            errors.append(
                f"{place}: {show(text)} holds characters that are not seen (control characters, "
                f"or those that turn the direction of writing): {names}; remove them"
            )
    return errors


def _texts(content: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield every text and key, after its place in the document."""
    if isinstance(content, str):
        yield place or "the file", content
    elif isinstance(content, dict):
        for key, value in content.items():
            part = show(key)[1:-1]
            inside = f"{place}.{part}" if place else part
            yield f"a key in {place or 'the file'}", key
            yield from _texts(value, inside)
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from _texts(value, f"{place}.{number}")
