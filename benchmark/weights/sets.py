"""Sets of weights: what cards declare, and what of it is on this machine.

The store keeps ``weights/<representation>/<set>.safetensors`` below the cache
folder, and beside it ``<set>.json``, which says what it was converted from.
The JSON is written last, so a set without it is not whole. Nothing is
imported, hashed or downloaded here.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import PluginError, UsageError
from mirbench.benchmark.files.cache import CacheFolder, cache_root
from mirbench.benchmark.files.foreign import DAMAGES, is_there, show
from mirbench.benchmark.files.strict_json import read_note
from mirbench.benchmark.plugins.finding import Plugin
from mirbench.benchmark.plugins.naming import plugin_argument, write_name

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a set, as its card declares it.

    Attributes
    ----------
    sources : tuple of str
        Addresses, in the order in which they are tried.
    """

    name: str
    sources: tuple[str, ...]
    bytes: int | None
    sha256: str | None

    @property
    def zipped(self) -> bool:
        """Whether the address is that of an archive that holds the file."""
        return self.sources[0].lower().endswith(".zip") and not self.name.lower().endswith(".zip")


@dataclass(frozen=True, slots=True)
class Original:
    """A file that a set of the store was converted from."""

    source: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class WeightSet:
    """A set of files that makes one model of a representation.

    Attributes
    ----------
    package : str
        Folder inside an installed package in which the files may lie; or empty.
    install : str
        The command that installs that package.
    cache : Path
        The cache folder.
    """

    plugin: Plugin
    name: str
    licence: str
    files: tuple[WeightFile, ...]
    package: str
    install: str
    cache: Path

    @property
    def path(self) -> Path:
        """Where the converted weights lie."""
        return self.folder / f"{self.name}.safetensors"

    @property
    def note(self) -> Path:
        """Where it says what they were converted from."""
        return self.folder / f"{self.name}.json"

    @property
    def folder(self) -> Path:
        """Folder of the representation's weights."""
        return CacheFolder(self.cache).weights / self.plugin.name

    @property
    def ready(self) -> bool:
        """Whether the converted weights are here, whole, and of the files that are declared."""
        try:
            return self.path.stat().st_size == self._noted()["bytes"] and bool(self.originals())
        except (OSError, KeyError):
            return False

    def originals(self) -> dict[str, Original]:
        """Files that the weights of the store were converted from; empty if there are none.

        They decide what a model computes, so they are part of its
        fingerprint; the weights themselves need not be here for that.
        """
        try:
            originals = {name: Original(**file) for name, file in self._noted()["files"].items()}
        except (KeyError, TypeError, AttributeError):
            return {}
        if not all(_SHA256.fullmatch(str(file.sha256)) for file in originals.values()):
            return {}
        declared = {file.name: file.sha256 for file in self.files}
        differ = originals.keys() != declared.keys() or any(
            sha256 is not None and sha256.lower() != originals[name].sha256
            for name, sha256 in declared.items()
        )
        return {} if differ else originals

    def _noted(self) -> dict[str, Any]:
        try:
            return read_note(self.note)
        except (OSError, *DAMAGES):
            return {}

    def in_package(self) -> dict[str, Path] | None:
        """Files of the set inside an installed package; None if they are not there."""
        top, *rest = self.package.split("/")
        spec = importlib.util.find_spec(top) if top.isidentifier() else None
        for place in (spec.submodule_search_locations or []) if spec is not None else []:
            paths = {file.name: Path(place, *rest, file.name) for file in self.files}
            if all(path.is_file() for path in paths.values()):
                return paths
        return None

    @property
    def available(self) -> bool:
        """Whether it can be used: converted, or in an installed package."""
        return self.ready or self.in_package() is not None

    @property
    def spoken(self) -> str:
        """How the command line calls it: ``musicnn``, ``musicnn:model=MTT_musicnn``."""
        parameter = self.plugin.card().get("weights_parameter")
        usual = parameter is None or _defaults(self.plugin).get(parameter) == self.name
        params = {} if parameter is None or usual else {parameter: self.name}
        return write_name(plugin_argument(self.plugin), params)

    @property
    def trained_on(self) -> str | None:
        """Pre-training data of this set, or else of the representation."""
        card = self.plugin.card()
        return card["weights"][self.name].get("trained_on", card.get("trained_on"))

    @property
    def parameters(self) -> int | None:
        """Number of weights of the model, of this set or else of the representation."""
        card = self.plugin.card()
        return card["weights"][self.name].get("parameters", card.get("parameters"))

    def command(self, verb: str) -> str:
        """Write the command that does something with this set: ``fetch`` or ``add``."""
        words = ["mirbench", "weights", verb, self.spoken]
        if verb == "add":
            words.append("PATH")
        if self.cache != cache_root():
            words += ["--cache", str(self.cache)]
        return shlex.join(words)


def weight_sets(plugin: Plugin, cache: Path | None = None) -> dict[str, WeightSet]:
    """List the sets of weights that a card declares, by name.

    Raises
    ------
    PluginError
        If the card is wrong, or no function converts what it declares.
    """
    card = plugin.card()
    declared = card.get("weights", {})
    sets = {}
    for name, content in declared.items():
        files = tuple(
            WeightFile(
                file_name,
                (file["source"], *file.get("mirrors", [])),
                file.get("bytes"),
                file.get("sha256"),
            )
            for file_name, file in content["files"].items()
        )
        package = content.get("package", "")
        install = content.get("install", f"pip install {package.partition('/')[0]}")
        sets[name] = WeightSet(
            plugin=plugin,
            name=name,
            licence=content["licence"],
            files=files,
            package=package,
            install=install,
            cache=cache_root(cache),
        )
    _check(plugin, sets)
    return sets


def _check(plugin: Plugin, sets: Mapping[str, WeightSet]) -> None:
    assert plugin.source is not None or not sets
    wrong = f"{plugin.place}: its CARD is wrong: "
    for weights in sets.values():
        as_it_is = len(weights.files) == 1 and weights.files[0].name.endswith(".safetensors")
        if not as_it_is and plugin.source and not plugin.source.defines("convert_weights"):
            raise PluginError(f"{wrong}weights {weights.name!r} need a function convert_weights")
    parameter = plugin.card().get("weights_parameter")
    if sets and parameter is not None and parameter not in _defaults(plugin):
        raise PluginError(f"{wrong}load_model has no parameter {parameter!r} (weights_parameter)")


def _defaults(plugin: Plugin) -> dict[str, Any]:
    return (plugin.source.parameters() if plugin.source is not None else None) or {}


def chosen_set(
    plugin: Plugin, params: Mapping[str, Any], cache: Path | None = None
) -> WeightSet | None:
    """Choose the set that a model with these parameters uses; None if it uses none.

    A parameter that is no text (None, say), empty, or the path of a file or
    folder that is there leaves it to the plugin what to load.

    Parameters
    ----------
    plugin : Plugin
        The representation.
    params : mapping
        Parameters of its ``load_model`` that differ from the defaults.
    cache : Path, optional
        The cache folder, in which weights lie.

    Raises
    ------
    UsageError
        If the parameter names no set.
    """
    sets = weight_sets(plugin, cache)
    parameter = plugin.card().get("weights_parameter")
    if parameter is None or not sets:
        return next(iter(sets.values()), None)
    value = (_defaults(plugin) | dict(params)).get(parameter)
    if not isinstance(value, str) or not value:
        return None
    if value not in sets and not is_there(Path(value)):
        raise UsageError(
            f"representation {plugin.name!r}, parameter {parameter!r}: there are no weights "
            f"{show(value)}; there are: {', '.join(sets)}"
        )
    return sets.get(value)
