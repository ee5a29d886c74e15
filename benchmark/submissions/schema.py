"""The schema of a row, with pydantic's findings turned into sentences."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.result import Result

SCHEMA_VERSION = 1


def check_schema(document: Any, content: bytes) -> tuple[Result | None, list[str]]:
    """Turn a parsed document into a row, or say field by field why it is none."""
    if not isinstance(document, dict):
        return None, ["the file is no result row: it must hold one JSON object"]
    version = document.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        return None, [
            f"schema_version: {version} is of a newer mirbench than this one, which reads "
            f"{SCHEMA_VERSION}; update mirbench here, or run the row with this version"
        ]
    try:
        return Result.model_validate_json(content, strict=True), []
    except ValidationError as error:
        return None, [_sentence(mistake) for mistake in error.errors(include_url=False)]


def _sentence(error: ErrorDetails) -> str:
    place = ".".join(
        show(part)[1:-1] if isinstance(part, str) else str(part) for part in error["loc"]
    )
    kind, value = error["type"], error["input"]
    if kind == "missing":
        return f"{place}: the field is missing; write the row with this version of mirbench"
    if kind == "extra_forbidden":
        return f"{place}: there is no such field in a row; remove it"
    must = error["msg"].removeprefix("Input ")
    return f"{place}: {show(value)} is wrong: it {must} (mirbench schema documents every field)"


def check_canonical(result: Result, content: bytes) -> list[str]:
    """Say if a row is not written as mirbench writes it, so that equal rows are equal files."""
    if result.to_json().encode() == content:
        return []
    return [
        "the file is not in mirbench's own form (sorted keys, one space of indentation, final "
        "newline); hand in the file that mirbench run wrote, unedited"
    ]
