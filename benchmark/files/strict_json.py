"""JSON from a file that anybody may have written: RFC 8259 and no more, within limits.

Python's reader accepts NaN, keeps the last of two equal keys, recurses as deep as a file tells
it to, and makes halves of surrogate pairs into text that no file can hold.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, NoReturn

from mirbench.benchmark.files.foreign import SMALL, Damaged, read_bounded, show

#: A row is nested four deep, and nothing else of ours is deeper.
DEPTH = 12

#: Characters of a whole number: those of 64 bits, as times in nanoseconds are.
_LONGEST_NUMBER = 20

# A text that is never closed counts to the end: it must not be looked for at every quote in it.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[{\]}]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_json(content: bytes, what: str, finite: bool = True) -> Any:
    """Read JSON.

    Parameters
    ----------
    content : bytes
    what : str
        What the message calls it.
    finite : bool
        Refuse NaN and infinity, as JSON does. Scores of a probe may be either, and are
        written as Python writes them.

    Raises
    ------
    Damaged
        If it is not UTF-8 or not JSON, is nested too deep, has a key twice, or holds half a
        character or a number that is not finite or absurdly long.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Damaged(f"{what} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    if text.startswith("\ufeff"):
        raise Damaged(f"{what} begins with a byte order mark; save it without")
    if (depth := _depth(text)) > DEPTH:
        raise Damaged(f"{what} is nested {depth} deep; files of mirbench are nested less than 6")
    try:
        document = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant if finite else float,
            parse_int=_int,
            parse_float=_float,
        )
    except json.JSONDecodeError as error:
        raise Damaged(
            f"{what} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}; "
            "is it whole?"
        ) from None
    if "\\u" in text:
        _check_texts(document)
    return document


def read_note(path: Path, most: int = SMALL) -> dict[str, Any]:
    """Read a small file of our own, which holds one JSON object.

    Parameters
    ----------
    path : Path
    most : int
        Bytes that it may have.

    Raises
    ------
    OSError
        If it cannot be read.
    Damaged
        If it is not such a file.
    """
    document = parse_json(read_bounded(path, most), "it")
    if not isinstance(document, dict):
        raise Damaged("it holds no JSON object")
    return document


def _depth(text: str) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise Damaged(f"the key {show(key)} stands there twice; keep one of them")
        content[key] = value
    return content


def _refuse_constant(text: str) -> NoReturn:
    raise Damaged(f"{text} is no number in JSON, and no score or time is; run the row again")


def _int(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise Damaged(f"the number {show(text, 30)} is absurdly long")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Damaged(f"the number {show(text, 30)} is too large")
    return value


def _check_texts(content: Any) -> None:
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and _SURROGATE.search(value):
            raise Damaged(f"the text {show(value)} holds half a character (a lone surrogate)")
