"""From a name to a plugin: built in, installed by someone else, or a file.

A representation is named ``name``, ``path/to/file.py``, or either with
parameters: ``name:key=value,key=value``; or ``adapter:target?key=value``, see
`mirbench.benchmark.plugins.adapters`. Nothing is imported until it is loaded; see
`mirbench.benchmark.plugins.source`.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import MirbenchError, ModelCost, PluginError, Task, UsageError
from mirbench.benchmark.datasets.splits import SplitTable, read_split
from mirbench.benchmark.files.checksums import digest, file_sha256
from mirbench.benchmark.plugins.adapters import (
    adapter_form,
    digest_files,
    forget_target,
    split_adapter,
    target_files,
    written_name,
)
from mirbench.benchmark.plugins.finding import Plugin, find_plugin, find_plugins
from mirbench.benchmark.plugins.source import file_source
from mirbench.benchmark.scoring.metrics import KEY_NAMES, METRICS, METRICS_OF
from mirbench.benchmark.weights.lookup import loading, prepare_weights
from mirbench.benchmark.weights.sets import WeightSet, chosen_set


@dataclass(frozen=True)
class RepresentationSpec:
    """A representation with its parameters, as named on the command line.

    Attributes
    ----------
    text : str
        What was asked for.
    params : dict
        The parameters that differ from the defaults; of an adapter, the
        ``target`` too.
    cache : Path or None
        The cache folder, in which its weights lie; None: the usual one.
    """

    text: str
    plugin: Plugin
    params: dict[str, Any]
    cache: Path | None = None

    @functools.cached_property
    def weights(self) -> WeightSet | None:
        """The set of weights that it uses; None if it uses none."""
        return chosen_set(self.plugin, self.params, self.cache)

    @property
    def weights_sha256(self) -> dict[str, str]:
        """Digests of the files that its weights were converted from, by name; empty if absent."""
        originals = self.weights.originals() if self.weights is not None else {}
        return {name: file.sha256 for name, file in originals.items()}

    @property
    def target(self) -> str | None:
        """What an adapter is to run; None if the plugin is no adapter."""
        return self.params["target"] if adapter_form(self.plugin) is not None else None

    @functools.cached_property
    def files(self) -> dict[str, str]:
        """Digests of the files and folders that parameters name, by parameter; read once."""
        source = self.plugin.source
        values = ((source.parameters() or {}) if source is not None else {}) | self.params
        if self.weights is not None:
            # It names a set, whatever lies in the working folder.
            values.pop(self.plugin.card().get("weights_parameter", ""), None)
        if self.target is not None:
            del values["target"]
        found = {key: found for key, value in values.items() if (found := _contents(value))}
        if self.target is not None:
            found["target"] = digest_files(target_files(self.plugin, self.target))
        return found

    @property
    def label(self) -> str:
        """Canonical name: the plugin's, and the parameters that differ from the defaults.

        A file or folder stands there by its name and content, not by where it lies. An
        adapter's is ``adapter:target,key=value``, in characters that the board allows.
        """
        shown = self.shown_params
        target = shown.pop("target", None) if self.target is not None else None
        values = [f"{key}={shown[key]}" for key in sorted(shown)]
        if target is not None:
            values.insert(0, written_name(target))
        return f"{self.plugin.name}:{','.join(values)}" if values else self.plugin.name

    @property
    def shown_params(self) -> dict[str, Any]:
        """The parameters, with a file or folder by its name and content."""
        return {key: self._shown(key) for key in self.params}

    @property
    def requires(self) -> list[str]:
        """Importable names that the model needs, by its card, and the package of a target."""
        package = (self.target or "").partition(".")[0]
        needed = self.plugin.card().get("requires", [])
        return [*needed, package] if package.isidentifier() else needed

    @property
    def tells_cost(self) -> bool:
        """Whether its plugin says what a clip costs, without loading the model."""
        return self.plugin.source is not None and self.plugin.source.defines("plan_model")

    def cost(self, seconds: float, device: str) -> ModelCost:
        """Ask the plugin's ``plan_model`` what a clip of so many seconds costs.

        Raises
        ------
        PluginError
            If the plugin fails, with its reason.
        """
        plan_model = self.plugin.load_module().plan_model
        try:
            with self.plugin.state:
                cost = plan_model(seconds, device=device, **self.params)
        except MirbenchError:
            raise
        except Exception as error:
            raise PluginError(
                f"representation {self.label!r}: plan_model raised {type(error).__name__}: {error}"
            ) from error
        if not isinstance(cost, ModelCost):
            raise PluginError(
                f"representation {self.label!r}: plan_model returned {type(cost).__name__}, "
                "not a mirbench ModelCost"
            )
        return cost

    @property
    def trained_on(self) -> str | None:
        """Pre-training data, by its card and the set of weights that it uses."""
        if self.weights is not None:
            return self.weights.trained_on
        return self.plugin.card().get("trained_on")

    @property
    def parameters(self) -> int | None:
        """Number of weights of the model, by its card; None if that does not say."""
        if self.weights is not None:
            return self.weights.parameters
        return self.plugin.card().get("parameters")

    def fingerprint(self) -> str:
        """Digest of all that decides an embedding: source, parameters, files they name, weights.

        Weights count by the files that they were converted from.
        """
        assert self.plugin.source is not None
        params = {key: value for key, value in self.params.items() if key not in self.files}
        content: list[Any] = [self.plugin.source.digest(), params, self.files]
        if self.weights is not None:
            content.append(self.weights_sha256 or "absent")
        return digest(content)

    def _shown(self, key: str) -> Any:
        value = self.params[key]
        if key == "target" and self.target is not None and not _place(value).exists():
            return value
        if key not in self.files:
            return value
        return f"{written_name(_place(value).name)}-{self.files[key][:8]}"

    def load(self, device: str = "cpu") -> Any:
        """Build the model.

        Raises
        ------
        PluginError
            If the plugin fails or lacks a package, with the reason.
        MissingWeights
            If its weights are not on this machine.
        """
        lacking = self.plugin.missing_requirement()
        if lacking is not None:
            raise PluginError(f"representation {self.label!r} {lacking}")
        if self.weights is not None:
            prepare_weights(self.weights)
        if self.target is not None:
            files = target_files(self.plugin, self.target)
            forget_target(self.plugin, self.target, files, digest_files(files))
        module = self.plugin.load_module()
        load_model = getattr(module, "load_model", None)
        if not callable(load_model):
            raise PluginError(f"{self.plugin.place} has no function load_model(device, …)")
        try:
            with self.plugin.state, loading(self.plugin, self.cache):
                return load_model(device=device, **self.params)
        except MirbenchError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"representation {self.label!r}: load_model raised {type(error).__name__}: {error}"
            ) from error


def _place(value: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(value)))


def _contents(value: Any) -> str | None:
    """Digest of the file or folder that a parameter names; None if it names none."""
    path = _place(value) if isinstance(value, str) and value else None
    if path is not None and path.is_file():
        return file_sha256(path)
    if path is not None and path.is_dir():
        files = sorted(member for member in path.rglob("*") if member.is_file())
        return digest([[str(file.relative_to(path)), file_sha256(file)] for file in files])
    return None


def parse_representation(text: str, cache: Path | None = None) -> RepresentationSpec:
    """Read ``name``, ``file.py``, or either followed by ``:key=value,…``.

    Parameters
    ----------
    cache : Path, optional
        The cache folder, in which weights lie.

    Raises
    ------
    UsageError
        If the name, a parameter or the file is unknown.
    """
    adapter = split_adapter(text)
    if adapter is not None:
        name, target, rest = adapter
    else:
        name, _, rest = text.partition(".py:") if ".py:" in text else text.partition(":")
        if ".py:" in text:
            name += ".py"
    params = _parse_params(rest, text)
    fixed = {} if adapter is None else {"target": target}
    plugin = (
        _file_plugin(Path(name)) if name.endswith(".py") else find_plugin("representation", name)
    )
    if plugin.source is None:
        plugin.load_module()  # says why it cannot be found
        raise PluginError(f"representation {name!r} of {plugin.place} has no Python source")
    defaults = plugin.source.parameters()
    if defaults is None:
        return RepresentationSpec(
            text, plugin, {key: _parse_value(value) for key, value in params.items()} | fixed, cache
        )
    if adapter is not None:
        defaults.pop("target", None)
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
        text,
        plugin,
        {key: value for key, value in values.items() if value != defaults[key]} | fixed,
        cache,
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
            form = (
                "adapter:target?key=value&key=value" if "?" in whole else "name:key=value,key=value"
            )
            raise UsageError(f"{whole!r}: write parameters as {form}")
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
    _check_metrics(task, plugin)
    return task


def _check_metrics(task: Task, plugin: Plugin) -> None:
    who = f"task {task.name!r} of {plugin.place}"
    for metric in task.metrics:
        if metric not in METRICS:
            known = ", ".join(METRICS)
            raise PluginError(f"{who}: there is no metric {metric!r}; known: {known}")
        if metric not in METRICS_OF[task.kind]:
            fitting = ", ".join(METRICS_OF[task.kind])
            raise PluginError(f"{who}: {metric} is no metric of {task.kind} tasks; use {fitting}")
    if "weighted_key_score" in task.metrics and len(task.labels) != len(KEY_NAMES):
        raise PluginError(f"{who}: weighted_key_score needs the {len(KEY_NAMES)} keys as labels")


def load_split(task: Task, name: str) -> SplitTable:
    """Read a split of a task, wherever the task's splits lie.

    Raises
    ------
    UsageError
        If the task does not offer the split.
    DataError
        If its file is absent or malformed; the message names the line.
    """
    return read_split(task, name, split_folder(task.name))


def split_folder(name: str) -> Path:
    """Folder of a task's splits: mirbench's own, or ``splits`` beside the module of a plugin."""
    plugin = find_plugin("task", name)
    if plugin.origin == "built-in" or plugin.source is None:
        return Path(importlib.import_module("mirbench.splits").__path__[0])
    beside = plugin.source.path.parent / "splits"
    return beside if beside.is_dir() else plugin.source.path.parent
