"""What there is: every representation and task, and whether it is ready here."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import MirbenchError, MissingWeights, PluginError
from mirbench.benchmark.datasets.locate import readiness
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.machine.device import free_cpus
from mirbench.benchmark.machine.launch import plugin_environment
from mirbench.benchmark.plugins.finding import Plugin, PluginKind, find_plugins
from mirbench.benchmark.plugins.model_files import model_files
from mirbench.benchmark.registry import load_task
from mirbench.benchmark.weights.sets import chosen_set, weight_sets


@dataclass(frozen=True, slots=True)
class Listing:
    """One line of ``mirbench list``."""

    kind: PluginKind
    name: str
    origin: str
    title: str
    ready: bool
    status: str


def list_representations(cache: Path | None = None) -> list[Listing]:
    """List representations; none is imported here.

    Those that come from elsewhere are imported in one other process, to
    find out whether they can be.
    """
    plugins = find_plugins("representation")
    broken = _try_imports([plugin for plugin in plugins if plugin.origin != "built-in"])
    twice = _names_used_twice(plugins)
    lines = []
    for plugin in plugins:
        title, reason, note = _static_state(plugin, cache)
        reason = twice.get(plugin.name) or reason or broken.get(plugin.module or "")
        lines.append(
            Listing(
                "representation",
                plugin.card().get("adapter", plugin.name) if title else plugin.name,
                plugin.origin,
                title,
                reason is None,
                reason or note,
            )
        )
    return lines


def list_tasks(data: Path | None = None, cache: Path | None = None) -> list[Listing]:
    """List tasks, and for each whether its data is here."""
    plugins = find_plugins("task")
    twice = _names_used_twice(plugins)
    lines = []
    for plugin in plugins:
        try:
            task = load_task(plugin.name)
            state = readiness(task, data, CacheFolder.find(cache))
            title, ready, status = task.title, state.ready, state.message
        except MirbenchError as error:
            title, ready, status = "", False, twice.get(plugin.name) or str(error)
        lines.append(Listing("task", plugin.name, plugin.origin, title, ready, status))
    return lines


def _static_state(plugin: Plugin, cache: Path | None) -> tuple[str, str | None, str]:
    """Title, what keeps it from being used, as far as the source tells, and its state if not."""
    if plugin.source is None:
        return "", f"there is no module {plugin.module}", ""
    try:
        card = plugin.card()
    except PluginError as error:
        return "", str(error), ""
    title = str(card.get("title", ""))
    try:
        missing = plugin.missing_requirement()
        return (title, missing, "") if missing else (title, *_weights_state(plugin, cache))
    except MirbenchError as error:
        return title, str(error), ""


def _weights_state(plugin: Plugin, cache: Path | None) -> tuple[str | None, str]:
    """Say that the weights it uses by default are absent, or which others are."""
    try:
        model_files(plugin, {})
    except MissingWeights as error:
        return f"missing weights: {error.command}" if error.command else str(error), ""
    usual = chosen_set(plugin, {}, cache)
    sets = weight_sets(plugin, cache).values()
    here = [other.spoken for other in sets if other.available]
    absent = [other.spoken for other in sets if not other.available]
    if usual is not None and not usual.available:
        ready = f"; ready: {', '.join(here)}" if here else ""
        return f"missing weights: {usual.command('fetch')}{ready}", ""
    if absent:
        return None, f"ready; weights not here: {', '.join(absent)} (mirbench weights list)"
    return None, "ready"


def _names_used_twice(plugins: Sequence[Plugin]) -> dict[str, str]:
    counts = Counter(plugin.name for plugin in plugins)
    return {
        name: "name used twice: "
        + " and ".join(plugin.place for plugin in plugins if plugin.name == name)
        for name, count in counts.items()
        if count > 1
    }


#: Status of the other process that says that a module has no `load_model`.
_NO_MODEL = 113

_TRY = f"""
import importlib, os, sys
os.dup2(2, 1)  # what it prints is not asked for
module = importlib.import_module(sys.argv[1])
sys.exit(0 if callable(getattr(module, "load_model", None)) else {_NO_MODEL})
"""

#: Seconds that importing a plugin may take.
PATIENCE = 60.0


def _try_imports(plugins: Sequence[Plugin]) -> dict[str, str]:
    """Import modules, each in a process of its own; name to the reason why it cannot be used."""
    modules = sorted({plugin.module for plugin in plugins if plugin.module is not None})
    with ThreadPoolExecutor(free_cpus()) as pool:
        reasons = zip(modules, pool.map(_try_import, modules), strict=True)
    return {module: reason for module, reason in reasons if reason is not None}


def _try_import(module: str) -> str | None:
    command = [sys.executable, "-c", _TRY, module]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, env=plugin_environment()
        )
    except subprocess.TimeoutExpired:
        return f"importing it took over {PATIENCE:.0f} s"
    if done.returncode == _NO_MODEL:
        return "it has no function load_model"
    if done.returncode == 1:
        return f"it cannot be imported: {(done.stderr.strip() or 'it exits').splitlines()[-1]}"
    return f"importing it ended the process (status {done.returncode})" if done.returncode else None
