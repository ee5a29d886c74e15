"""How ``load_model`` finds the weights of its model."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path

from mirbench.benchmark.api.errors import PluginError

#: Finds the converted weights of (representation, set); set by the harness around `load_model`.
weights_lookup: ContextVar[Callable[[str, str], Path] | None] = ContextVar(
    "weights_lookup", default=None
)


def weights_file(representation: str, name: str) -> Path:
    """Locate the weights of a representation, converted to safetensors, for its ``load_model``.

    Parameters
    ----------
    representation : str
        Name of the plugin.
    name : str
        The set of weights, as in the ``weights`` of its ``CARD``.

    Returns
    -------
    Path
        A safetensors file with the tensors that ``convert_weights`` gave.

    Raises
    ------
    MissingWeights
        If they are not on this machine; one sentence that names the command
        that gets them.
    PluginError
        If the card declares no such set, or mirbench is not loading a model:
        only then is it known which plugin asks, and which cache folder is meant.
    """
    lookup = weights_lookup.get()
    if lookup is None:
        raise PluginError(
            f"the weights {name!r} are looked up while mirbench loads a model; get the model from "
            f"mirbench.benchmark.registry.load_representation({representation!r})"
        )
    return lookup(representation, name)
