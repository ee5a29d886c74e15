"""Whatever a name holds, a reader of the board sees the name and nothing else."""

from __future__ import annotations

import html
import json
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mirbench.leaderboard import escaping

#: Text with more of what means something to HTML, Markdown or LaTeX than chance would give.
TEXTS = st.text(
    st.one_of(
        st.sampled_from("<>&\"'`*_{}[]()#!|~\\$%^@:/.-+=1 \n\t\r\0\u202e\u2066\u200b"),
        st.characters(),
    ),
    max_size=40,
)

NASTY = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "a | b",
    "[click](https://example.org)",
    "![](https://example.org/x.png)",
    "https://example.org www.example.org",
    "<https://example.org>",
    "`code` **bold** __bold__ ~~gone~~ &lt;",
    "- item",
    "1. item",
    "1) item",
    "+ item",
    "===",
    "---",
    "# heading",
    "> quote",
    "    indented",
    "\\",
    "\\|",
    "a\\",
    r"\input{/etc/passwd}",
    r"\write18{id}",
    "$x$ %comment",
    "a^^5c b",
    "[2em]",
    "*",
    "one\ntwo\x85three\u2028four",
    "abc\u202egpj.exe",
)


def nasty(test):
    for text in NASTY:
        test = example(text)(test)
    return test


@nasty
@given(TEXTS)
def test_lines_hold_nothing_that_is_not_seen(text: str) -> None:
    line = escaping.one_line(text)
    assert line == line.strip()
    assert "  " not in line
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for c in line)
    assert escaping.one_line(line) == line
    line.encode()


@nasty
@given(TEXTS)
def test_html_shows_the_text(text: str) -> None:
    escaped = escaping.html(text)
    assert not set(escaped) & set("<>\"'")
    assert html.unescape(escaped) == escaping.one_line(text)


def _shown(tokens) -> str:
    """Text of inline tokens; fails where one is more than text."""
    assert {token.type for token in tokens} <= {"text", "text_special"}
    return "".join(token.content for token in tokens)


@nasty
@given(TEXTS)
def test_markdown_shows_the_text(text: str) -> None:
    line = escaping.one_line(text)
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parser.parse(escaping.markdown(text))
    assert [token.type for token in tokens] == (
        ["paragraph_open", "inline", "paragraph_close"] if line else []
    )
    if line:
        assert _shown(tokens[1].children) == line


@nasty
@given(TEXTS)
def test_a_cell_of_a_markdown_table_stays_one_cell(text: str) -> None:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    source = f"| a | b |\n|:--|:--|\n| {escaping.markdown(text)} | c |\n"
    cells = [token for token in parser.parse(source) if token.type == "inline"]
    assert [_shown(cell.children) for cell in cells] == ["a", "b", escaping.one_line(text), "c"]


@pytest.mark.parametrize("text", ["https://example.org", "HTTP://x.y", "see www.x.org", "xmpp:a"])
def test_bare_addresses_do_not_become_links(text: str) -> None:
    assert not re.search(r"(?i)(https?|xmpp):|www\.", escaping.markdown(text))


#: What an escaped text is made of: plain characters and these commands alone.
_COMMAND = re.compile(r"\\[{}$&#_%]|\\text[a-z]+\{\}|[-?!,]\{\}|\{[\[\]*]\}")


@nasty
@given(TEXTS)
def test_latex_holds_no_command_of_the_text(text: str) -> None:
    escaped = escaping.latex(text)
    plain = _COMMAND.sub("", escaped)
    assert not set(plain) & set("\\{}$&#_%~^<>|\"'`[]*-?!,\n")
    assert all(" " <= c <= "~" or "\xa0" < c <= "\u017f" for c in escaped)


@given(st.text(st.characters(max_codepoint=126, categories=["L", "N", "P", "S", "Zs"])))
def test_latex_shows_ascii_as_it_is(text: str) -> None:
    back = {command: sign for sign, command in escaping._LATEX.items()}
    shown = _COMMAND.sub(lambda found: back[found[0]], escaping.latex(text))
    assert shown == escaping.one_line(text)


def test_latex_of_other_alphabets() -> None:
    assert escaping.latex("naïve Dvořák") == "naïve Dvořák"
    assert escaping.latex("ﬁ ｘ") == "fi x"
    assert escaping.latex("音") == "?{}"
    assert escaping.latex("R²") == "R²"


@nasty
@given(TEXTS)
def test_json_in_a_script_element_cannot_end_it(text: str) -> None:
    written = escaping.script_json({text: [text, 1.5, None]})
    assert not set(written) & set("<>&\u2028\u2029")
    assert json.loads(str(written)) == {text: [text, 1.5, None]}


def test_json_in_a_script_element_has_no_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        escaping.script_json(float("nan"))
