"""What a model tells of how its weights were loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mirbench.benchmark.api import PluginError


@dataclass(frozen=True, slots=True)
class LoadingInfo:
    """Names of tensors that a model and its weights do not share.

    Attributes
    ----------
    missing : tuple of str
        Those of the model that the weights lack, or have in another shape: they are random.
    unexpected : tuple of str
        Those of the weights that the model has no place for.
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()


def read_loading_info(model: Any, name: str) -> LoadingInfo:
    """Read the ``loading_info`` of a model; empty if it has none.

    Parameters
    ----------
    model : Representation
    name : str
        Its name, for messages.

    Raises
    ------
    PluginError
        If it is not what the contract says.
    """
    told = getattr(model, "loading_info", {})
    if not isinstance(told, Mapping):
        raise PluginError(
            f"representation {name!r}: loading_info must be a dict such as transformers gives "
            f"with output_loading_info=True, is {type(told).__name__}"
        )
    missing, mismatched, unexpected = (
        _names(told.get(key, ()), key, name)
        for key in ("missing_keys", "mismatched_keys", "unexpected_keys")
    )
    return LoadingInfo(tuple(sorted({*missing, *mismatched})), unexpected)


def _names(keys: Any, what: str, name: str) -> tuple[str, ...]:
    if isinstance(keys, str) or not isinstance(keys, Iterable):
        raise PluginError(
            f"representation {name!r}: {what} of loading_info must be names of tensors, "
            f"is {type(keys).__name__}"
        )
    # Mismatched ones come with two shapes.
    return tuple(sorted({str(key[0] if isinstance(key, tuple) and key else key) for key in keys}))
