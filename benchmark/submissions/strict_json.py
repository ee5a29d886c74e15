"""JSON from strangers, as `mirbench.benchmark.files.strict_json` reads it, with errors of rows."""

from __future__ import annotations

from typing import Any

from mirbench.benchmark.api import DataError
from mirbench.benchmark.files import strict_json
from mirbench.benchmark.files.foreign import Damaged


def parse_json(content: bytes, what: str) -> Any:
    """Read JSON.

    Raises
    ------
    DataError
        If it is not strictly JSON; see `mirbench.benchmark.files.strict_json.parse_json`.
    """
    try:
        return strict_json.parse_json(content, what)
    except Damaged as error:
        raise DataError(str(error)) from None
