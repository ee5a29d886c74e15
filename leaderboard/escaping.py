"""Text from result rows, made safe for the page, for Markdown and for LaTeX.

Whatever a row says, a reader sees it as it is written: no markup, no link, no
command of a typesetter, no character that reorders or hides its neighbours.
Each function gives one line.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

import markupsafe

#: Stands for a character that must not be shown.
REPLACEMENT = "\ufffd"

_MARKDOWN = frozenset(r"\`*_{}[]<>()#!|~&$@^")

_LATEX = {
    **{sign: f"\\{sign}" for sign in "{}$&#_%"},
    # Not ligatures: a name with two hyphens is shown with two hyphens.
    **{sign: f"{sign}{{}}" for sign in "-?!,"},
    # At the start of a cell, LaTeX reads [ and * as arguments of the row's end before it.
    **{sign: f"{{{sign}}}" for sign in "[]*"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "‘": r"\textquoteleft{}",
    "’": r"\textquoteright{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "†": r"\textdagger{}",
    "‡": r"\textdaggerdbl{}",
    "…": r"\textellipsis{}",
    "≈": r"$\approx$",
}

#: Letters of Latin Extended-A that LaTeX has in no common encoding.
_LATEX_LACKS = frozenset("ĦħĸĿŀŉŦŧſ")


def one_line(text: str) -> str:
    """Put a text on one line that shows every character it holds.

    White space becomes single spaces. Control, format (among them those
    that change the direction of writing), private and unassigned characters
    become U+FFFD.
    """
    line = " ".join(str(text).split())
    if line.isprintable():  # which is to say that it has none of these
        return line
    return "".join(REPLACEMENT if unicodedata.category(c)[0] == "C" else c for c in line)


def html(text: str) -> markupsafe.Markup:
    """Escape for HTML, between tags or in a quoted attribute."""
    return markupsafe.escape(one_line(text))


def markdown(text: str) -> str:
    """Escape for Markdown as GitHub reads it, at any place of a line or of a table's cell."""
    escaped = "".join(f"\\{c}" if c in _MARKDOWN else c for c in one_line(text))
    # Bare addresses would become links.
    escaped = re.sub(r"(?i)\b(https?|ftp|mailto|xmpp)(:)", r"\1\\\2", escaped)
    escaped = re.sub(r"(?i)\b(www)\.", r"\1\\.", escaped)
    # What opens a list, a rule or an underlined heading where it begins a line.
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", escaped)


def latex(text: str) -> str:
    r"""Escape for LaTeX text, with ``\usepackage[T1]{fontenc}``.

    Letters that it cannot set lose their accents, or become a question mark.
    """
    return "".join(_latex_character(c) for c in one_line(text))


def _latex_character(character: str) -> str:
    if character in _LATEX:
        return _LATEX[character]
    if " " <= character <= "~" or (
        "\xa1" <= character <= "\u017f" and character not in _LATEX_LACKS
    ):
        return character
    base = unicodedata.normalize("NFKD", character)
    plain = "".join(c for c in base if not unicodedata.combining(c))
    if plain and plain.isascii() and plain.isprintable():
        return "".join(_LATEX.get(c, c) for c in plain)
    return "" if unicodedata.combining(character) else "?{}"


def script_json(value: Any) -> markupsafe.Markup:
    """Write a value as JSON that may stand in a ``<script>`` element: it cannot end it."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return markupsafe.Markup(text)
