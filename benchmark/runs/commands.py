"""The Python API: `run`, `embed` and `probe`, which the commands of the same name call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mirbench.benchmark.api import (
    MirbenchError,
    UsageError,
)
from mirbench.benchmark.datasets.locate import dataset_folder, read_clips
from mirbench.benchmark.embedding.compute import embed_task, stored_embeddings
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.npz import read_embeddings, write_embeddings
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.evaluation.evaluate import (
    Subject,
    evaluate_embeddings,
    evaluate_representation,
    subject_of,
)
from mirbench.benchmark.evaluation.places import default_out
from mirbench.benchmark.files.atomic import check_writable
from mirbench.benchmark.files.checksums import file_sha256
from mirbench.benchmark.machine.device import check_device
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.progress import say
from mirbench.benchmark.protocol import get_protocol
from mirbench.benchmark.registry import (
    load_split,
    load_task,
    parse_representation,
)
from mirbench.benchmark.result import Result, Row
from mirbench.benchmark.runs.pairs import Names, plan_jobs

Folder = Path | str | None


def run(
    rep: Names,
    task: Names | None = None,
    *,
    split: str = "paper",
    data: Folder = None,
    device: str = "cpu",
    jobs: int | None = None,
    protocol: str = "castellon2021",
    out: Folder = None,
    cache: Folder = None,
    max_missing: float = 0.05,
    force: bool = False,
    memory: int | None = None,
    full_hash: bool = False,
    on_row: Callable[[Row], None] | None = None,
) -> list[Result]:
    """Embed and probe representations on tasks; write a result row for each pair.

    Parameters
    ----------
    rep, task : str or sequence of str
        Names, files or specs with parameters; without a task, every task
        whose data is on this machine.
    out : Path, optional
        Folder of the rows; default: `default_out`.
    max_missing : float
        Share of clips that may be missing.
    force : bool
        Probe even if the identical row is there.
    memory : int, optional
        Bytes that training may take; default: most of what is free.
    full_hash : bool
        Know audio files by content instead of size and time of modification.
    on_row : callable, optional
        Called with every finished row.

    Returns
    -------
    list of Result
        In the order of representations, then tasks.

    Raises
    ------
    MirbenchError
        If a pair failed, after all others have been finished.
    """
    rules = get_protocol(protocol)
    check_device(device)
    folder = _path(out) or default_out(rules)
    store = Store(_path(cache))
    results, failures = [], []
    missing: list[str] = []
    pairs = list(
        plan_jobs(rep, task, split, _path(data), store, make=True, on_missing=missing.append)
    )
    check_writable(store.cache.root)
    check_writable(folder)
    for reason in missing:
        say(f"left out: {reason}")
    for job in pairs:
        try:
            row = evaluate_representation(
                job.spec,
                job.task,
                job.split,
                job.clips,
                store,
                rules,
                folder,
                device,
                jobs,
                max_missing,
                force,
                memory,
                full_hash,
                job.dataset,
            )
        except MirbenchError as error:
            if len(pairs) == 1 and not missing:
                raise
            failures.append(f"{job.spec.label} on {job.task.name}: {error}")
            say(f"failed: {failures[-1]}")
            continue
        results.append(row.result)
        if on_row is not None:
            on_row(row)
    problems = []
    if failures:
        problems = [f"{len(failures)} of {len(failures) + len(results)} failed:", *failures]
    if missing:
        problems += ["not run:", *missing]
    if problems:
        raise MirbenchError("\n".join(problems))
    return results


def embed(
    rep: str,
    task: Names | None = None,
    *,
    split: str = "paper",
    data: Folder = None,
    device: str = "cpu",
    jobs: int | None = None,
    out: Folder = None,
    cache: Folder = None,
    full_hash: bool = False,
) -> dict[str, Embeddings]:
    """Embed the clips of tasks into the store; with `out`, also into ``<task>.npz`` files there.

    Returns
    -------
    dict
        Task name to its embeddings.
    """
    check_device(device)
    store, folder = Store(_path(cache)), _path(out)
    pairs = list(plan_jobs(rep, task, split, _path(data), store, make=True))
    for each in (store.cache.root, folder or store.cache.root):
        check_writable(each)
    done = {}
    for job in pairs:
        done[job.task.name] = embed_task(
            job.spec, job.task, job.clips, store, device, jobs, full_hash, job.dataset
        )
        if folder is not None:
            write_embeddings(folder / f"{job.task.name}.npz", job.task, done[job.task.name])
    return done


def probe(
    task: str,
    *,
    embeddings: Folder = None,
    rep: str | None = None,
    name: str | None = None,
    split: str = "paper",
    data: Folder = None,
    device: str = "cpu",
    protocol: str = "castellon2021",
    out: Folder = None,
    cache: Folder = None,
    max_missing: float = 0.05,
    force: bool = False,
    memory: int | None = None,
) -> Row:
    """Probe embeddings that are already there; no audio is needed.

    Parameters
    ----------
    embeddings : Path, optional
        An npz file, see `mirbench.benchmark.embedding.npz`.
    rep : str, optional
        A representation whose embeddings are in the store.
    name : str, optional
        What to call embeddings from a file; default: the file's name.

    Raises
    ------
    UsageError
        Unless exactly one of `embeddings` and `rep` is given.
    """
    if (embeddings is None) == (rep is None):
        raise UsageError("say what to probe: either --embeddings FILE.npz or --rep NAME")
    rules = get_protocol(protocol)
    check_device(device)
    store, file = Store(_path(cache)), _path(embeddings)
    spec = load_task(task)
    table = load_split(spec, split)
    clips = read_clips(spec, dataset_folder(spec, _path(data), store.cache), table)
    ids = [clip.id for clip in clips]
    if file is not None:
        found = read_embeddings(file, spec, ids)
        label = name or file.stem
        # Its row would take the place of one that mirbench measured itself.
        if label.partition(":")[0] in {plugin.name for plugin in find_plugins("representation")}:
            raise UsageError(f"{label!r} is the name of a representation; give another by --name")
        subject = Subject(label, "precomputed", {}, file_sha256(file)[:16], None)
    else:
        assert rep is not None
        named = parse_representation(rep, store.cache.root)
        found = stored_embeddings(named, spec, ids, store)
        subject = subject_of(named)
    folder = _path(out) or default_out(rules)
    check_writable(folder)
    return evaluate_embeddings(
        subject,
        spec,
        table,
        clips,
        found,
        store,
        rules,
        folder,
        device,
        max_missing,
        force,
        memory,
    )


def _path(folder: Folder) -> Path | None:
    return None if folder is None else Path(folder).expanduser()
