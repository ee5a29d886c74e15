"""The addresses that tasks and representations declare, for ``mirbench data links``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from mirbench.benchmark.api import DataError, Download, PluginError, Task, UsageError
from mirbench.benchmark.datasets.locate import dataset_folder
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.checksums import has_checksum
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.files.links import Link
from mirbench.benchmark.plugins.finding import Plugin, find_plugins
from mirbench.benchmark.plugins.naming import plugin_argument
from mirbench.benchmark.progress import say
from mirbench.benchmark.registry import load_task, task_plugin
from mirbench.benchmark.registry.task_files import is_task_file
from mirbench.benchmark.weights.sets import weight_sets

_URL = re.compile(r"https?://[^\s<>\"'()]+")


def declared_links(
    names: Sequence[str] = (), data: Path | None = None, cache: CacheFolder | None = None
) -> list[Link]:
    """List the addresses that task specs and representation cards declare, each once.

    Those of a task are the addresses of its downloads, of the pages that say how to get
    it, and, where its annotations are here, of one single file in each place of its audio.

    Parameters
    ----------
    names : sequence of str
        Tasks, which may be files, and representations; none: all. Of all, one that is
        broken is left out, and said.
    data : Path, optional
        Folder of the datasets.
    cache : CacheFolder, optional
        Where datasets lie that mirbench makes; default: the usual one.

    Raises
    ------
    UsageError
        If there is no task or representation of a name.
    PluginError
        If one that is named is broken.
    """
    plugins = [*find_plugins("task"), *find_plugins("representation")]
    files = {name: task_plugin(load_task(name)) for name in names if is_task_file(name)}
    plugins += [plugin for plugin in files.values() if plugin not in plugins]
    names = [files[name].name if name in files else name for name in names]
    known = {plugin.name for plugin in plugins}
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no task or representation {show(name)}; mirbench list shows them all"
            )
    merged: dict[tuple[str, int | None, bool], Link] = {}
    for plugin in plugins:
        if names and plugin.name not in names:
            continue
        try:
            links = list(_links_of(plugin, data, cache or CacheFolder.find()))
        except PluginError as error:
            if names:
                raise
            say(f"left out: {error}")
            continue
        for link in links:
            key = (link.url, link.bytes, link.page)
            before = merged.get(key, link)
            merged[key] = Link(
                link.url,
                tuple(dict.fromkeys((*before.names, *link.names))),
                link.bytes,
                link.checked or before.checked,
                link.page,
            )
    return list(merged.values())


def _links_of(plugin: Plugin, data: Path | None, cache: CacheFolder) -> Iterator[Link]:
    names = (plugin.name,)
    if plugin.kind == "task":
        yield from _links_of_task(load_task(plugin_argument(plugin)), data, cache)
        return
    for weights in weight_sets(plugin).values():
        for file in weights.files:
            # The size is that of the file itself, which tells nothing of an archive.
            size = None if file.zipped else file.bytes
            for url in file.sources:
                yield Link(url, names, size, checked=file.sha256 is not None)


def _links_of_task(task: Task, data: Path | None, cache: CacheFolder) -> Iterator[Link]:
    items = [*task.downloads, *_one_of_each_place(task, data, cache)]
    for item in items:
        for url in item.mirrors:
            yield Link(url, (task.name,), item.bytes, has_checksum(item))
    for url in _URL.findall(task.how_to_get):
        yield Link(url.rstrip(".,;:"), (task.name,), page=True)


def _one_of_each_place(task: Task, data: Path | None, cache: CacheFolder) -> list[Download]:
    """One single file of audio below each address, to ask for instead of thousands."""
    if task.list_files is None:
        return []
    places: dict[tuple[str, ...], Download] = {}
    try:
        for item in task.list_files(dataset_folder(task, data, cache)):
            places.setdefault(tuple(url.rpartition("/")[0] for url in item.mirrors), item)
    except DataError:
        return []
    return list(places.values())
