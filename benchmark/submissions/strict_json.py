"""JSON from strangers: RFC 8259 and no more, with limits on depth and numbers.

Python's reader accepts NaN, keeps the last of two equal keys, and recurses as
deep as a file tells it to.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from mirbench.benchmark.api import DataError
from mirbench.benchmark.submissions.verdict import show

#: A row is nested four deep.
DEPTH = 12

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[{\]}]")


def parse_json(content: bytes, what: str) -> Any:
    """Read JSON.

    Raises
    ------
    DataError
        If it is not UTF-8 or not JSON, is nested too deep, has a key twice,
        or holds a number that is not finite or absurdly long.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{what} is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from None
    if text.startswith("\ufeff"):
        raise DataError(f"{what} begins with a byte order mark; save it without")
    if (depth := _depth(text)) > DEPTH:
        raise DataError(f"{what} is nested {depth} deep; a row of mirbench is nested less than 6")
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_int=_int,
            parse_float=_float,
        )
    except json.JSONDecodeError as error:
        raise DataError(
            f"{what} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}; "
            "is it whole?"
        ) from None


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
            raise DataError(f"the key {show(key)} stands there twice; keep one of them")
        content[key] = value
    return content


def _refuse_constant(text: str) -> NoReturn:
    raise DataError(f"{text} is no number in JSON, and no score or time is; run the row again")


def _int(text: str) -> int:
    if len(text) > 18:
        raise DataError(f"the number {show(text, 30)} is absurdly long")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise DataError(f"the number {show(text, 30)} is too large")
    return value
