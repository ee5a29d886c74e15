"""From a name to a plugin: built in, installed by someone else, or a file.

A representation is named ``name``, ``path/to/file.py``, or either with
parameters: ``name:key=value,key=value``. Nothing is imported until it is
loaded; see `mirbench.benchmark.sources`.
"""

from __future__ import annotations

import ast
import difflib
import functools
import importlib
import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, cast

from mirbench.benchmark.api import Card, MirbenchError, PluginError, Task, UsageError
from mirbench.benchmark.metrics import METRICS
from mirbench.benchmark.sources import Source, file_source, module_source, package_source
from mirbench.benchmark.store import digest, file_sha256

PluginKind = Literal["representation", "task"]


@dataclass(frozen=True)
class Plugin:
    """A plugin that was found but not loaded.

    Attributes
    ----------
    origin : str
        ``built-in``, ``file``, or the name of the distribution it comes with.
    module : str or None
        Dotted name to import; None for a file.
    source : Source or None
        None if the module could not be found.
    attribute : str
        What an entry point names in the module.
    """

    kind: PluginKind
    name: str
    origin: str
    module: str | None
    source: Source | None
    attribute: str = ""

    @property
    def place(self) -> str:
        """Where it lies, for messages."""
        return f"{self.origin} ({self.module or (self.source and self.source.path)})"

    def card(self) -> Card:
        """Give the model card, read without importing the module; empty if it has none."""
        card = self.source.literal("CARD") if self.source is not None else None
        return cast("Card", card) if isinstance(card, dict) else {}

    def load_module(self) -> ModuleType:
        """Import the module.

        Raises
        ------
        PluginError
            If that fails for whatever reason; the message gives it.
        """
        if self.source is not None:
            _forget_old(self.source)
        try:
            if self.module is not None:
                return importlib.import_module(self.module)
            assert self.source is not None
            return _import_file(self.source.path)
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"{self.kind} {self.name!r} of {self.place} cannot be imported: "
                f"{type(error).__name__}: {error}"
            ) from error


def find_plugins(kind: PluginKind) -> list[Plugin]:
    """Find every built-in and installed plugin, by name; two may share one."""
    own = [*_built_in(kind), *_installed(kind)]
    return sorted(own, key=lambda plugin: (plugin.name, plugin.origin != "built-in"))


def _built_in(kind: PluginKind) -> Iterable[Plugin]:
    package = f"mirbench.{kind}s"
    wanted = "load_model" if kind == "representation" else "TASK"
    folder = Path(importlib.import_module(package).__path__[0])
    names = {path.stem for path in folder.glob("*.py")}
    names |= {path.parent.name for path in folder.glob("*/__init__.py")}
    for name in sorted(names - {"__init__"}):
        source = package_source(package, folder, name)
        if source.defines(wanted):
            yield Plugin(kind, name, "built-in", f"{package}.{name}", source)


def _installed(kind: PluginKind) -> Iterable[Plugin]:
    for point in entry_points(group=f"mirbench.{kind}s"):
        yield Plugin(
            kind, point.name, _distribution(point), point.module, _source_of(point), point.attr
        )


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unknown distribution"


def _source_of(point: EntryPoint) -> Source | None:
    try:
        return module_source(point.module)
    except (ImportError, ValueError):
        return None


def find_plugin(kind: PluginKind, name: str) -> Plugin:
    """Find the one plugin of a name.

    Raises
    ------
    UsageError
        If there is none (the nearest names are suggested) or more than one.
    """
    plugins = find_plugins(kind)
    found = [plugin for plugin in plugins if plugin.name == name]
    if len(found) > 1:
        raise UsageError(
            f"two {kind}s are named {name!r}: {found[0].place} and {found[1].place}; "
            "uninstall or rename one of them"
        )
    if found:
        return found[0]
    names = sorted({plugin.name for plugin in plugins})
    near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names)}"
    raise UsageError(f"there is no {kind} {name!r}; {hint} (mirbench list shows them all)")


@dataclass(frozen=True)
class RepresentationSpec:
    """A representation with its parameters, as named on the command line.

    Attributes
    ----------
    text : str
        What was asked for.
    params : dict
        The parameters that differ from the defaults.
    """

    text: str
    plugin: Plugin
    params: dict[str, Any]

    @property
    def label(self) -> str:
        """Canonical name: the plugin's, and the parameters that differ from the defaults."""
        values = ",".join(f"{key}={self.params[key]}" for key in sorted(self.params))
        return f"{self.plugin.name}:{values}" if values else self.plugin.name

    def fingerprint(self) -> str:
        """Digest of all that decides an embedding: source, parameters, files they name."""
        assert self.plugin.source is not None
        files = {
            key: file_sha256(Path(value))
            for key, value in self.params.items()
            if isinstance(value, str) and Path(value).is_file()
        }
        return digest([self.plugin.source.digest(), self.params, files])

    def load(self, device: str = "cpu") -> Any:
        """Build the model.

        Raises
        ------
        PluginError
            If the plugin fails, with its reason.
        """
        module = self.plugin.load_module()
        load_model = getattr(module, "load_model", None)
        if not callable(load_model):
            raise PluginError(f"{self.plugin.place} has no function load_model(device, …)")
        try:
            return load_model(device=device, **self.params)
        except MirbenchError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"representation {self.label!r}: load_model raised {type(error).__name__}: {error}"
            ) from error


def parse_representation(text: str) -> RepresentationSpec:
    """Read ``name``, ``file.py``, or either followed by ``:key=value,…``.

    Raises
    ------
    UsageError
        If the name, a parameter or the file is unknown.
    """
    name, colon, rest = text.partition(".py:") if ".py:" in text else text.partition(":")
    if ".py:" in text:
        name += ".py"
    params = _parse_params(rest, text) if colon else {}
    plugin = (
        _file_plugin(Path(name)) if name.endswith(".py") else find_plugin("representation", name)
    )
    if plugin.source is None:
        plugin.load_module()  # says why it cannot be found
        raise PluginError(f"representation {name!r} of {plugin.place} has no Python source")
    defaults = plugin.source.parameters()
    if defaults is None:
        return RepresentationSpec(
            text, plugin, {key: _parse_value(value) for key, value in params.items()}
        )
    for key in params:
        if key not in defaults:
            known = ", ".join(defaults) or "none"
            raise UsageError(
                f"representation {name!r} has no parameter {key!r}; its parameters: {known}"
            )
    values = {
        key: _typed_value(value, defaults[key], f"representation {name!r}, parameter {key!r}")
        for key, value in params.items()
    }
    return RepresentationSpec(
        text, plugin, {key: value for key, value in values.items() if value != defaults[key]}
    )


def _file_plugin(path: Path) -> Plugin:
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    source = file_source(path)
    for other in find_plugins("representation"):
        same = other.source is not None and other.source.path.resolve() == source.path
        if other.name == path.stem and not same:
            raise UsageError(
                f"two representations are named {path.stem!r}: {other.place} and file "
                f"({source.path}); rename the file"
            )
    return Plugin("representation", path.stem, "file", None, source)


def _parse_params(text: str, whole: str) -> dict[str, str]:
    params: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key.isidentifier():
            raise UsageError(f"{whole!r}: write parameters as name:key=value,key=value")
        if key in params:
            raise UsageError(f"{whole!r}: the parameter {key!r} is given twice")
        params[key] = value
    return params


def _typed_value(text: str, default: Any, who: str) -> Any:
    """Read a value as the type of the parameter's default, so that 1 and 1.0 are one model."""
    if isinstance(default, str):
        return text
    value = _parse_value(text)
    if default is None or type(value) is type(default):
        return value
    if isinstance(default, float) and type(value) is int:
        return float(value)
    raise UsageError(f"{who}: {text!r} is not of type {type(default).__name__}")


def _parse_value(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, int | float | str) else text


#: Digest of each plugin's source when this process imported it.
_imported: dict[Path, str] = {}


def _forget_old(source: Source) -> None:
    """Unload a plugin whose source has changed, so that what runs is what was fingerprinted.

    Workers and notebooks outlive an edit.
    """
    now = source.digest()
    if _imported.setdefault(source.path, now) == now:
        return
    _imported[source.path] = now
    files = {str(path) for path in source.files()}
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) in files:
            del sys.modules[name]
    importlib.invalidate_caches()


def _import_file(path: Path) -> ModuleType:
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # so that it may import its neighbours
    spec = importlib.util.spec_from_file_location(f"mirbench_plugin_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def load_representation(text: str, device: str = "cpu") -> Any:
    """Build the model that a name stands for: ``"musicnn:model=MSD_musicnn"``."""
    return parse_representation(text).load(device)


@functools.cache
def load_task(name: str) -> Task:
    """Give the task of a name.

    Raises
    ------
    UsageError
        If there is no such task.
    PluginError
        If its module cannot be imported or holds no `Task`.
    """
    plugin = find_plugin("task", name)
    task = getattr(plugin.load_module(), plugin.attribute or "TASK", None)
    if not isinstance(task, Task):
        raise PluginError(f"task {name!r} of {plugin.place}: TASK is not a mirbench Task")
    if task.name != name:
        raise PluginError(f"task {name!r} of {plugin.place} calls itself {task.name!r}")
    unknown = [metric for metric in task.metrics if metric not in METRICS]
    if unknown:
        raise PluginError(
            f"task {name!r} of {plugin.place}: there is no metric {unknown[0]!r}; "
            f"known: {', '.join(METRICS)}"
        )
    return task


def split_folder(name: str) -> Path:
    """Folder of a task's splits: mirbench's own, or ``splits`` beside the module of a plugin."""
    plugin = find_plugin("task", name)
    if plugin.origin == "built-in" or plugin.source is None:
        return Path(importlib.import_module("mirbench.splits").__path__[0])
    beside = plugin.source.path.parent / "splits"
    return beside if beside.is_dir() else plugin.source.path.parent
