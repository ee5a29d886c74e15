"""What there is, for programs: ``mirbench list --json``, with keys that stay."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal, TypedDict

from mirbench.benchmark.api import Card, Kind, MirbenchError, Task
from mirbench.benchmark.evaluation.environment import package_version
from mirbench.benchmark.plugins.finding import Plugin, find_plugins
from mirbench.benchmark.registry import load_task
from mirbench.benchmark.runs.listing import Listing, list_representations, list_tasks
from mirbench.benchmark.weights.sets import weight_sets


class WeightsEntry(TypedDict):
    """One set of weights of a representation."""

    name: str
    licence: str
    #: Whether it is on this machine.
    ready: bool


class RepresentationEntry(TypedDict):
    """One representation. What its card does not say is null."""

    name: str
    #: ``built-in``, or the distribution that it comes with.
    origin: str
    title: str
    #: Whether it can be used here, with its default parameters.
    ready: bool
    #: One sentence, as ``mirbench list`` has it.
    status: str
    #: What is missing to use it, and how to get it; null where it is ready.
    missing: str | None
    #: Length of one embedding, where the source of its only model says so as a number;
    #: null where that is known only once the model is loaded.
    dims: int | None
    #: Of the code or the model, as the card says; each set of weights has its own.
    licence: str | None
    paper: str | None
    trained_on: str | None
    parameters: int | None
    #: Packages that it needs, by the names that are imported.
    requires: list[str]
    weights: list[WeightsEntry]


class TaskEntry(TypedDict):
    """One task. Where it cannot be loaded, all that only the task itself says is null."""

    name: str
    origin: str
    title: str
    ready: bool
    status: str
    missing: str | None
    version: int | None
    #: ``multiclass``, ``multilabel`` or ``regression``.
    kind: Kind | None
    #: Outputs of a probe: classes, tags, or numbers.
    dims: int | None
    labels: list[str]
    #: The first decides early stopping and selection.
    metrics: list[str]
    splits: list[str]
    #: Seconds of one window; null: whole clips.
    window: float | None
    board: str | None
    licence: str | None
    citation: str | None
    how_to_get: str | None


class Catalogue(TypedDict, total=False):
    """What ``mirbench list --json`` prints; a list that was not asked for is absent."""

    #: Raised when a key changes its meaning or goes; new ones may come at any time.
    schema_version: Literal[1]
    #: Version of mirbench; null where it is not installed as a package.
    mirbench: str | None
    representations: list[RepresentationEntry]
    tasks: list[TaskEntry]


def catalogue(
    what: str | None = None,
    data: Path | None = None,
    cache: Path | None = None,
) -> Catalogue:
    """Describe every representation and task, without loading a model.

    Parameters
    ----------
    what : str, optional
        ``representations`` or ``tasks``: only these.
    data : Path, optional
        Folder of the datasets; default: ``MIRBENCH_DATA`` or ``./data``.
    cache : Path, optional
        The cache folder; default: ``MIRBENCH_CACHE``, or the platform's.
    """
    content: Catalogue = {"schema_version": 1, "mirbench": package_version("mirbench")}
    if what != "tasks":
        plugins = find_plugins("representation")
        lines = list_representations(cache)
        content["representations"] = [
            _representation(line, plugin, cache)
            for line, plugin in zip(lines, plugins, strict=True)
        ]
    if what != "representations":
        content["tasks"] = [_task(line) for line in list_tasks(data, cache)]
    return content


def _representation(line: Listing, plugin: Plugin, cache: Path | None) -> RepresentationEntry:
    card, weights, dims = Card(), list[WeightsEntry](), None
    with contextlib.suppress(MirbenchError):  # which is what the line says
        card = plugin.card()
        dims = plugin.source.stated_dims() if plugin.source is not None else None
        weights = [
            {"name": each.name, "licence": each.licence, "ready": each.available}
            for each in weight_sets(plugin, cache).values()
        ]
    return {
        "name": line.name,
        "origin": line.origin,
        "title": line.title,
        "ready": line.ready,
        "status": line.status,
        "missing": None if line.ready else line.status,
        "dims": dims,
        "licence": card.get("licence"),
        "paper": card.get("paper"),
        "trained_on": card.get("trained_on"),
        "parameters": card.get("parameters"),
        "requires": list(card.get("requires", [])),
        "weights": weights,
    }


def _task(line: Listing) -> TaskEntry:
    task: Task | None = None
    with contextlib.suppress(MirbenchError):  # which is what the line says
        task = load_task(line.name)
    return {
        "name": line.name,
        "origin": line.origin,
        "title": line.title,
        "ready": line.ready,
        "status": line.status,
        "missing": None if line.ready else line.status,
        "version": task.version if task else None,
        "kind": task.kind if task else None,
        "dims": len(task.labels) if task else None,
        "labels": list(task.labels) if task else [],
        "metrics": list(task.metrics) if task else [],
        "splits": list(task.splits) if task else [],
        "window": task.window if task else None,
        "board": task.board if task else None,
        "licence": task.licence if task else None,
        "citation": task.citation if task else None,
        "how_to_get": task.how_to_get if task else None,
    }
