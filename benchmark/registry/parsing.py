"""From a name to a representation."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import PluginError, UsageError
from mirbench.benchmark.files.foreign import is_there, show
from mirbench.benchmark.plugins.finding import Plugin, find_plugin, find_plugins
from mirbench.benchmark.plugins.naming import read_value, read_value_like, split_name
from mirbench.benchmark.plugins.source import file_source
from mirbench.benchmark.progress import count
from mirbench.benchmark.registry.live import find_live
from mirbench.benchmark.registry.spec import RepresentationSpec

#: Characters of a name with its parameters; a path has fewer nearly everywhere.
LONGEST_NAME = 2000


def parse_representation(text: str, cache: Path | None = None) -> RepresentationSpec:
    """Read ``name``, ``file.py``, or either followed by ``:key=value,…``.

    Parameters
    ----------
    text : str
        The name; of an adapter, ``adapter:target?key=value&…``.
    cache : Path, optional
        The cache folder, in which weights lie.

    Raises
    ------
    UsageError
        If the name, a parameter or the file is unknown.
    PluginError
        If the plugin is broken; the message says where.
    """
    live = find_live(text)
    if live is not None:
        return live
    if len(text) > LONGEST_NAME:
        raise UsageError(
            f"the representation {show(text)} has {count(len(text), 'character')} in its name, and "
            f"may have {LONGEST_NAME:,}"
        )
    plugins = find_plugins("representation")
    name = split_name(text, plugins)
    given = name.params()
    fixed = {} if name.target is None else {"target": name.target}
    plugin = (
        _file_plugin(Path(name.base), plugins)
        if name.base.endswith(".py")
        else find_plugin("representation", name.base, plugins)
    )
    who = f"representation {name.base!r}"
    if plugin.source is None:
        plugin.load_module()  # says why it cannot be found
        raise PluginError(f"{who} of {plugin.place} has no Python source")
    defaults = plugin.source.parameters()
    if defaults is None:
        params = {key: read_value(value) for key, value in given.items()}
        return RepresentationSpec(text, plugin, params | fixed, cache)
    defaults = {key: value for key, value in defaults.items() if key not in fixed}
    for key in given:
        if key not in defaults:
            known = ", ".join(defaults) or "none"
            raise UsageError(f"{who} has no parameter {key!r}; its parameters: {known}")
    params = {
        key: read_value_like(value, defaults[key], f"{who}, parameter {key!r}")
        for key, value in given.items()
    }
    changed = {key: value for key, value in params.items() if value != defaults[key]}
    return RepresentationSpec(text, plugin, changed | fixed, cache)


def _file_plugin(path: Path, plugins: Iterable[Plugin]) -> Plugin:
    if not is_there(path) or not path.is_file():
        raise UsageError(f"there is no file {path}")
    source = file_source(path)
    for other in plugins:
        same = other.source is not None and other.source.path.resolve() == source.path
        if other.name == path.stem and not same:
            raise UsageError(
                f"two representations are named {path.stem!r}: {other.place} and file "
                f"({source.path}); rename the file"
            )
    return Plugin("representation", path.stem, "file", None, source)


def load_representation(text: str, device: str = "cpu") -> Any:
    """Build the model that a name stands for: ``"musicnn:model=MSD_musicnn"``.

    Examples
    --------
    >>> import numpy as np
    >>> model = load_representation("chroma")
    >>> model.sample_rate, model.dims
    (22050, 72)
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 22050).astype(np.float32)
    >>> model.embed(noise, 22050).shape
    (72,)
    """
    return parse_representation(text).load(device)
