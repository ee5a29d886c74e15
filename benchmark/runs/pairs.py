"""Which (representation, task) pairs a run consists of, and whether it can begin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import (
    DataError,
    MirbenchError,
    MissingWeights,
    Task,
    UsageError,
)
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.datasets.limit import limited_dataset
from mirbench.benchmark.datasets.locate import (
    clips_of_split,
    dataset_folder,
    prepare,
    read_clips,
    readiness,
)
from mirbench.benchmark.datasets.splits import SplitTable
from mirbench.benchmark.embedding.pair import Pair
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.evaluation.places import default_out
from mirbench.benchmark.evaluation.settings import Settings
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.machine.collector import without_collecting
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.progress import say
from mirbench.benchmark.protocol import get_protocol
from mirbench.benchmark.registry import (
    RepresentationSpec,
    load_split,
    load_task,
    parse_representation,
    task_origin,
    task_plugin,
)

Names = str | Sequence[str]
Folder = Path | str | None


@dataclass(frozen=True, kw_only=True)
class Where:
    """Which split of which datasets, and where they are.

    Attributes
    ----------
    split : str
        ``paper``, ``artist`` or another that the tasks offer.
    data : Path or None
        Folder of the datasets; None: the usual one.
    cache : CacheFolder
        Where weights are, and datasets that mirbench makes.
    limit : int or None
        Clips of each split, to try things; None: all.
    """

    split: str
    data: Path | None
    cache: CacheFolder
    limit: int | None = None


def pairs_of(
    rep: Names,
    task: Names | None,
    where: Where,
    *,
    make: bool = False,
    on_missing: Callable[[str], None] | None = None,
    only_plan: bool = False,
) -> list[Pair]:
    """List the pairs of a run, in order, with the clips of their split.

    Every name is checked and every dataset read before the first pair is
    begun, so that a mistake shows at once and not after hours.

    Parameters
    ----------
    rep, task : str or sequence of str
        Names, files or specs with parameters; without a task, every task
        whose data is on this machine, but for those that want to be named.
    where : Where
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
    specs = [parse_representation(text, where.cache.root) for text in as_list(rep)]
    labels = [spec.label for spec in specs]
    for number, spec in enumerate(specs):
        if spec.label in labels[:number]:
            first = specs[labels.index(spec.label)].plugin.place
            raise UsageError(f"{spec.label!r} is named twice: {first} and {spec.plugin.place}")
    specs = _with_weights(specs, on_missing, only_plan)
    tasks = _named_tasks(as_list(task)) if task else _ready_tasks(where)
    tables = [
        load_split(each, where.split, dataset_folder(each, where.data, where.cache))
        for each in tasks
    ]
    datasets = [
        _dataset(each, table, where, make) for each, table in zip(tasks, tables, strict=True)
    ]
    others = [tuple(other for other in datasets if other is not data) for data in datasets]
    return [Pair(spec, *each) for spec in specs for each in zip(datasets, others, strict=True)]


def _named_tasks(names: Sequence[str]) -> list[Task]:
    """Load tasks; one that is named in two ways is taken once."""
    tasks: dict[str, Task] = {}
    for name in names:
        task = load_task(name)
        first = tasks.setdefault(task.name, task)
        if first is not task:
            raise UsageError(
                f"two tasks are named {task.name!r}: {task_plugin(first).place} and "
                f"{task_plugin(task).place}; give one of them another name"
            )
    return list(tasks.values())


@without_collecting()
def _dataset(task: Task, split: SplitTable, where: Where, make: bool) -> Dataset:
    folder = dataset_folder(task, where.data, where.cache)
    if make:
        prepare(task, folder)
    every = tuple(read_clips(task, folder))
    clips = tuple(clips_of_split(task, folder, every, split))
    data = Dataset(task, split, clips, every, *task_origin(task))
    _ = data.targets  # wrong labels show now
    return data if where.limit is None else limited_dataset(data, where.limit)


def _with_weights(
    specs: Sequence[RepresentationSpec],
    on_missing: Callable[[str], None] | None,
    only_plan: bool,
) -> list[RepresentationSpec]:
    """Keep the representations whose weights are here; those in installed packages are converted.

    Before anything else, since their fingerprints depend on it.
    """
    ready: list[RepresentationSpec] = []
    failures: list[MirbenchError] = []
    for spec in specs:
        try:
            spec.prepare_weights()
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


def _ready_tasks(where: Where) -> list[Task]:
    """List the tasks of a run that names none: they have the split, and their data is here.

    The others are named, with the reason.
    """
    split = where.split
    ready, absent, unasked = [], [], []
    for plugin in find_plugins("task"):
        try:
            task = load_task(plugin.name)
        except MirbenchError as error:
            say(f"left out: task {plugin.name}: {error}")
            continue
        if split not in task.splits:
            say(f"left out: task {task.name}: it has no split {split!r}")
            continue
        if not task.by_default:
            unasked.append(task.name)
            continue
        state = readiness(task, where.data, where.cache)
        if state.ready:
            ready.append(task)
        else:
            absent.append(task.name)
    if absent:
        say(
            f"left out, because their data is not here: {', '.join(absent)} "
            "(mirbench list tasks says how to get it)"
        )
    if unasked:
        say(f"left out, because they run when named with --task: {', '.join(unasked)}")
    if not ready:
        raise DataError(f"no task with a split {split!r} has its data here; see: mirbench list")
    return ready


def as_list(names: Names) -> list[str]:
    """Make a list of one name or several."""
    return [names] if isinstance(names, str) else list(names)


def checked_settings(
    protocol: str,
    out: Folder,
    cache: Folder,
    device: str,
    max_missing: float,
    limit: int | None = None,
    live: bool = False,
) -> Settings:
    """Check what was asked for, before anything is read.

    Parameters
    ----------
    protocol, out, cache, device, max_missing, limit
        As for `mirbench.benchmark.run`.
    live : bool
        Whether the representation is a model object.
    """
    rules = get_protocol(protocol)
    return Settings(
        store=Store(as_path(cache)),
        device=device,
        protocol=rules,
        out=as_path(out) or default_out(rules, limit=limit, live=live),
        max_missing=max_missing,
    )


def as_path(folder: Folder) -> Path | None:
    """Read the name of a folder or a file."""
    return None if folder is None else Path(folder).expanduser()
