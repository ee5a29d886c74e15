"""Built-in representations that know which files their model is made of, such as a hub's cache.

Their module has a function ``model_files(**params)``, with the parameters of
``load_model``: names and places of the files that decide what the model computes. It
raises `MissingWeights` where they are not on this machine. What other plugins read is
found by watching them (`mirbench.benchmark.embedding.reading`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mirbench.benchmark.plugins.finding import Plugin


def names_files(plugin: Plugin) -> bool:
    """Whether a representation says which files its model is made of."""
    known = plugin.source is not None and plugin.source.defines("model_files")
    return known and plugin.origin == "built-in"


def model_files(plugin: Plugin, params: Mapping[str, Any]) -> dict[str, Path]:
    """Ask a representation which files its model is made of; none if it does not say.

    Parameters
    ----------
    plugin : Plugin
        The representation.
    params : mapping
        Parameters of its ``load_model`` that differ from the defaults.

    Raises
    ------
    MissingWeights
        If they are not on this machine; with what gets them.
    MirbenchError
        If a parameter is wrong, or the files are no model.
    """
    if not names_files(plugin):
        return {}
    module = plugin.load_module()
    with plugin.running():
        files: dict[str, Path] = module.model_files(**params)
    return files
