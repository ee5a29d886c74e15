"""The examples of the documentation, as a reader would follow them: page by page, from the top.

Of a page's fenced blocks, ``sh`` is run by bash, ``python`` by Python, and ``python`` or
``text`` with ``title="NAME"`` is written to that file. A ``text`` block after a command shows
lines of what it prints, in order; numbers may differ, and ``…`` stands for anything.

A comment before a block says where a test does something else, which the page says openly:

``<!-- tests: not run: WHY -->``
    The next block is left out.
``<!-- tests: instead: COMMAND -->``
    The command is run in place of the next block.
``<!-- tests: rows of NAME in FOLDER instead -->``
    Rows of the rendered tasks are made up, in place of hours of training.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from helpers.import_graph import ROOT
from helpers.submitted_rows import submit_row
from markdown_it import MarkdownIt

COMMENT = re.compile(r"<!-- tests: (not run|instead|rows of) ?:? ?(.*?) ?-->", re.S)
NUMBER = re.compile(r"[-−]?\d[\d,.]*")
RENDERED = ("rendered_instruments", "rendered_key", "rendered_tempo")


@dataclass(frozen=True)
class Block:
    """One fenced block, with what a comment before it asks of a test."""

    line: int
    language: str
    title: str | None
    text: str
    change: str = ""
    how: str = ""

    @property
    def shown(self) -> bool:
        """Whether it shows what a command prints."""
        return self.language == "text" and self.title is None


def blocks(page: Path) -> list[Block]:
    """Fenced blocks of a page that say which language they are in, in order."""
    found, change, how = [], "", ""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block" and (match := COMMENT.search(token.content)):
            change, how = match[1], match[2]
        if token.type == "fence" and token.info:
            language, _, rest = token.info.partition(" ")
            title = re.search(r'title="([^"]+)"', rest)
            line = (token.map or [0])[0] + 1
            name = title and title[1]
            found.append(Block(line, language, name, token.content, change, how))
            change, how = "", ""
    return found


def follow(page: Path, folder: Path, env: dict[str, str]) -> None:
    """Do what a page says, in an empty folder.

    Raises
    ------
    AssertionError
        If a command fails, or prints something else than the page shows; it names the line.
    """
    printed = ""
    for block in blocks(page):
        place = f"{page.name}, line {block.line}"
        if block.shown:
            _compare(block.text, printed, place)
        elif block.title is not None:
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.change == "rows of":
            name, into = re.fullmatch(r"(\S+) in (\S+) instead", block.how).groups()
            for number, task in enumerate(RENDERED):
                submit_row(folder / into, name, task, seed=number)
            printed = ""
        elif block.change != "not run" and block.language in ("sh", "python"):
            text = block.how if block.change == "instead" else block.text
            printed = _run("sh" if block.change else block.language, text, folder, env, place)


def _run(language: str, text: str, folder: Path, env: dict[str, str], place: str) -> str:
    command = ["bash", "-euo", "pipefail", "-c", text]
    if language == "python":
        command = [sys.executable, "-c", text]
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": programs, "CHECKOUT": str(ROOT)} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{place}: exit status {done.returncode}\n{text}\n{done.stdout}"
    return done.stdout


def _compare(expected: str, printed: str, place: str) -> None:
    lines = iter([_plain(line) for line in printed.splitlines()])
    for line in expected.splitlines():
        wanted = _plain(line)
        if wanted and wanted != "…":
            pattern = re.compile(".*".join(map(re.escape, wanted.split("…"))))
            found = any(pattern.fullmatch(line) for line in lines)
            assert found, f"{place}: not printed, or not here: {line}\n{printed}"


def _plain(line: str) -> str:
    """Without what may differ from machine to machine: numbers, and how wide columns are."""
    return " ".join(re.sub(r"-{3,}", "---", NUMBER.sub("0", line)).split())
