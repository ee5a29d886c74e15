"""What transformers says when it has loaded a checkpoint, or could not, in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mirbench.benchmark.api import DataError


def reason(error: Exception) -> str:
    """Say in a line what went wrong: the kind of error, and the first line of its message."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"


def check_whole(found: Mapping[str, Iterable[Any]], weights: str, unused: tuple[str, ...]) -> None:
    """Refuse weights without some of the model's tensors, which would be random.

    Parameters
    ----------
    found : mapping
        What ``from_pretrained`` gives with ``output_loading_info=True``.
    weights : str
        What they are called in the message.
    unused : tuple of str
        Ends of the names of tensors that play no part.

    Raises
    ------
    DataError
        If there are such tensors.
    """
    for kind, what in (("missing", "lack"), ("mismatched", "have in another shape")):
        keys = sorted(key for key in map(str, found[f"{kind}_keys"]) if not key.endswith(unused))
        if keys:
            raise DataError(
                f"{weights} {what} {len(keys)} of the model's tensors, the first {keys[0]!r}; it "
                "would be random in part"
            )
