"""One thing that is set for a whole process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _as_it_is(inside: Any) -> Any:
    return inside


@dataclass(frozen=True)
class Setting:
    """How to read and write a setting of the process.

    Attributes
    ----------
    read : callable
        Returns a value that can be compared.
    write : callable
        Takes such a value.
    first : callable
        What it is before anybody has set it, for the setting of a library that was
        imported meanwhile; it takes the present value, for where that cannot be told.
    returns : bool
        Whether a plugin finds its own value again at its next call.
    """

    read: Callable[[], Any]
    write: Callable[[Any], Any]
    first: Callable[[Any], Any] = _as_it_is
    returns: bool = True
