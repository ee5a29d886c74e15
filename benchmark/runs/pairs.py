"""Which (representation, task) pairs a run consists of, and whether it can begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import (
    Clip,
    DataError,
    MirbenchError,
    MissingWeights,
    Task,
    UsageError,
)
from mirbench.benchmark.datasets.locate import (
    clips_of_split,
    dataset_folder,
    prepare,
    read_clips,
    readiness,
)
from mirbench.benchmark.datasets.splits import SplitTable
from mirbench.benchmark.datasets.targets import check_labels, targets_by_clip
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.progress import say
from mirbench.benchmark.registry import (
    RepresentationSpec,
    load_split,
    load_task,
    parse_representation,
)
from mirbench.benchmark.weights.lookup import prepare_weights

Names = str | Sequence[str]


@dataclass(frozen=True)
class Job:
    """One (representation, task) of a run, with the clips of its split and of the dataset."""

    spec: RepresentationSpec
    task: Task
    split: SplitTable
    clips: tuple[Clip, ...]
    dataset: tuple[Clip, ...]


def plan_jobs(
    rep: Names,
    task: Names | None,
    split: str,
    data: Path | None,
    store: Store,
    make: bool = False,
    on_missing: Callable[[str], None] | None = None,
    only_plan: bool = False,
) -> Iterator[Job]:
    """Give the pairs of a run, in order, with the clips of their split.

    Every name is checked and every dataset read before the first pair is
    given, so that a mistake shows at once and not after hours.

    Parameters
    ----------
    make : bool
        Let tasks make their datasets where they do that.
    on_missing : callable, optional
        Called with one sentence for every representation that is left out,
        because its weights are not on this machine.
    only_plan : bool
        Nothing will be embedded: a representation that tells its cost
        without its weights is reported to `on_missing`, but not left out.

    Raises
    ------
    MissingWeights
        If there is none whose weights are here, or `on_missing` is not given.
    """
    specs = [parse_representation(text, store.cache.root) for text in as_list(rep)]
    labels = [spec.label for spec in specs]
    for number, spec in enumerate(specs):
        if spec.label in labels[:number]:
            first = specs[labels.index(spec.label)].plugin.place
            raise UsageError(f"{spec.label!r} is named twice: {first} and {spec.plugin.place}")
    specs = _with_weights(specs, on_missing, only_plan)
    if task:
        tasks = [load_task(name) for name in dict.fromkeys(as_list(task))]
    else:
        tasks = _ready_tasks(split, data, store)
    tables = {one.name: load_split(one, split) for one in tasks}
    clips: dict[str, tuple[Clip, ...]] = {}
    every: dict[str, tuple[Clip, ...]] = {}
    for one in tasks:
        folder = dataset_folder(one, data, store.cache)
        if make:
            prepare(one, folder)
        every[one.name] = tuple(read_clips(one, folder))
        members = clips_of_split(one, folder, every[one.name], tables[one.name])
        clips[one.name] = tuple(members)
        check_labels(one, tables[one.name], targets_by_clip(one, tables[one.name], clips[one.name]))
    for spec in specs:
        for one in tasks:
            yield Job(spec, one, tables[one.name], clips[one.name], every[one.name])


def _with_weights(
    specs: Sequence[RepresentationSpec],
    on_missing: Callable[[str], None] | None,
    only_plan: bool,
) -> list[RepresentationSpec]:
    """Give the representations whose weights are here; those in installed packages are converted.

    Before anything else, since their fingerprints depend on it.
    """
    ready: list[RepresentationSpec] = []
    failures: list[MirbenchError] = []
    for spec in specs:
        try:
            if spec.weights is not None:
                prepare_weights(spec.weights)
            ready.append(spec)
        except UsageError:
            raise
        except MirbenchError as error:
            failures.append(error)
            if only_plan and isinstance(error, MissingWeights) and spec.tells_cost:
                ready.append(spec)
    if len(failures) == len(specs) == 1 and not ready:
        raise failures[0]
    if failures and (on_missing is None or not ready):
        raise MissingWeights("\n".join(map(str, failures)))
    for failure in failures:
        assert on_missing is not None
        on_missing(str(failure))
    return ready


def _ready_tasks(split: str, data: Path | None, store: Store) -> list[Task]:
    """Give every task that has the split and whose data is here; the others are named."""
    ready, absent = [], []
    for plugin in find_plugins("task"):
        try:
            task = load_task(plugin.name)
        except MirbenchError as error:
            say(f"left out: task {plugin.name}: {error}")
            continue
        if split not in task.splits:
            say(f"left out: task {task.name}: it has no split {split!r}")
            continue
        state = readiness(task, data, store.cache)
        if state.ready:
            ready.append(task)
        else:
            absent.append(task.name)
    if absent:
        say(
            f"left out, because their data is not here: {', '.join(absent)} "
            "(mirbench list tasks says how to get it)"
        )
    if not ready:
        raise DataError(f"no task with a split {split!r} has its data here; see: mirbench list")
    return ready


def as_list(names: Names) -> list[str]:
    """Give one name or several as a list."""
    return [names] if isinstance(names, str) else list(names)
