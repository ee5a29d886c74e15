"""The Python API: `run`, `embed` and `probe`, which the commands of the same name call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.datasets.locate import dataset_folder, read_clips
from mirbench.benchmark.embedding.compute import embed_task, stored_embeddings
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.npz import read_embeddings, write_embeddings
from mirbench.benchmark.embedding.pair import EmbeddingSettings
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.evaluation.evaluate import (
    evaluate_embeddings,
    evaluate_pair,
    subject_of,
)
from mirbench.benchmark.evaluation.places import default_out
from mirbench.benchmark.evaluation.settings import Settings
from mirbench.benchmark.files.atomic import check_writable
from mirbench.benchmark.progress import say
from mirbench.benchmark.protocol import get_protocol
from mirbench.benchmark.registry import load_split, load_task, parse_representation
from mirbench.benchmark.result import Result, Row
from mirbench.benchmark.runs.engines import check_engine, on_engine
from mirbench.benchmark.runs.pairs import Names, Where, pairs_of
from mirbench.benchmark.runs.subjects import one_line, state_trained_on, subject_of_file

Folder = Path | str | None


def run(
    rep: Names,
    task: Names | None = None,
    *,
    split: str = "paper",
    data: Folder = None,
    device: str = "cpu",
    gpus: int | None = None,
    jobs: int | None = None,
    engine: str = "local",
    address: str | None = None,
    protocol: str = "castellon2021",
    out: Folder = None,
    cache: Folder = None,
    max_missing: float = 0.05,
    force: bool = False,
    memory: int | None = None,
    full_hash: bool = False,
    clip_timeout: float | None = None,
    on_row: Callable[[Row], None] | None = None,
) -> list[Result]:
    """Embed and probe representations on tasks; write a result row for each pair.

    Parameters
    ----------
    rep, task : str or sequence of str
        Names, files or specs with parameters; without a task, every task
        whose data is on this machine.
    split : str
        ``paper``, ``artist`` or another that the tasks offer.
    data : Path, optional
        Folder of the datasets; default: ``MIRBENCH_DATA`` or ``./data``.
    device : str
        ``cpu``, ``cuda`` or ``cuda:1``, for embedding and probing.
    gpus : int, optional
        How many GPUs embed where the device is ``cuda``; default: all that are visible.
    jobs : int, optional
        Worker processes; default: one per processor.
    engine : str
        ``local``, or ``ray`` for a cluster.
    address : str, optional
        Of the Ray cluster; default: ``RAY_ADDRESS``, else one of this machine.
    protocol : str
        Name of the grid of probes.
    out : Path, optional
        Folder of the rows; default: the board's own in a checkout, else
        ``./mirbench-results``.
    cache : Path, optional
        The cache folder; default: ``MIRBENCH_CACHE``, or the platform's.
    max_missing : float
        Share of clips that may be missing.
    force : bool
        Probe even if the identical row is there.
    memory : int, optional
        Bytes that training may take; default: most of what is free.
    full_hash : bool
        Know audio files by content instead of size and time of modification.
    clip_timeout : float, optional
        Seconds that a representation may take for a clip before the run ends and names it;
        default: any time.
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

    Examples
    --------
    >>> from mirbench.benchmark import run
    >>> rows = run("mfcc", "rendered_key", protocol="quick")
    >>> rows[0].task.metrics
    ('weighted_key_score', 'accuracy')
    >>> sorted(rows[0].scores)
    ['accuracy', 'weighted_key_score']
    """
    check_engine(engine, address, device=device, gpus=gpus)
    settings = _settings(protocol, out, cache, device, max_missing=max_missing)
    settings = replace(settings, jobs=jobs, force=force, memory=memory, full_hash=full_hash)
    settings = replace(settings, gpus=gpus)
    settings = replace(settings, clip_timeout=clip_timeout)
    where = Where(split=split, data=_path(data), cache=settings.store.cache)
    missing: list[str] = []
    pairs = pairs_of(rep, task, where, make=True, on_missing=missing.append)
    check_writable(where.cache.root)
    check_writable(settings.out)
    for reason in missing:
        say(f"left out: {reason}")
    results, failures, errors = [], [], list[Exception]()
    with on_engine(settings, [pair.data for pair in pairs], engine, address) as settings:
        for pair in pairs:
            try:
                row = evaluate_pair(pair, settings)
            except MirbenchError as error:
                if len(pairs) == 1 and not missing:
                    raise
                failures.append(f"{pair.spec.label} on {pair.task.name}: {error}")
                errors.append(error)
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
        each = ExceptionGroup("each of them", errors) if errors else None
        raise MirbenchError("\n".join(problems)) from each
    return results


def embed(
    rep: str,
    task: Names | None = None,
    *,
    split: str = "paper",
    data: Folder = None,
    device: str = "cpu",
    gpus: int | None = None,
    jobs: int | None = None,
    engine: str = "local",
    address: str | None = None,
    out: Folder = None,
    cache: Folder = None,
    full_hash: bool = False,
    clip_timeout: float | None = None,
    max_missing: float = 0.05,
) -> dict[str, Embeddings]:
    """Embed the clips of tasks into the store.

    Parameters
    ----------
    rep, task, split, data, device, gpus, jobs, engine, address, cache, full_hash, clip_timeout
        As for `run`, but one representation.
    out : Path, optional
        Folder into which the embeddings are written too, as ``<task>.npz``.
    max_missing : float
        Share of clips whose audio files may be absent; clips that cannot be
        decoded are missing from what is returned, however many they are.

    Returns
    -------
    dict
        Task name to its embeddings.

    Examples
    --------
    >>> from mirbench.benchmark import embed
    >>> found = embed("mfcc", "rendered_key")
    >>> found["rendered_key"].embedding.shape  # two windows of 288 pieces
    (576, 120)
    """
    check_engine(engine, address, device=device, gpus=gpus)
    settings = EmbeddingSettings(
        store=Store(_path(cache)),
        device=device,
        gpus=gpus,
        jobs=jobs,
        full_hash=full_hash,
        clip_timeout=clip_timeout,
        max_missing=max_missing,
    )
    where = Where(split=split, data=_path(data), cache=settings.store.cache)
    pairs = pairs_of(rep, task, where, make=True)
    folder = _path(out)
    for place in (where.cache.root, folder or where.cache.root):
        check_writable(place)
    done = {}
    with on_engine(settings, [pair.data for pair in pairs], engine, address) as settings:
        for pair in pairs:
            done[pair.task.name] = embed_task(pair, settings)
            if folder is not None:
                write_embeddings(folder / f"{pair.task.name}.npz", pair.task, done[pair.task.name])
    return done


def probe(
    task: str,
    *,
    embeddings: Folder = None,
    rep: str | None = None,
    name: str | None = None,
    trained_on: str | None = None,
    split: str = "paper",
    data: Folder = None,
    device: str = "cpu",
    engine: str = "local",
    address: str | None = None,
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
    task, split, data, device, engine, address, protocol, out, cache, max_missing, force, memory
        As for `run`, but one task.
    embeddings : Path, optional
        An npz file, see `mirbench.benchmark.embedding.npz`.
    rep : str, optional
        A representation whose embeddings are in the store.
    name : str, optional
        What to call embeddings from a file; default: the file's name.
    trained_on : str, optional
        What the model behind the embeddings was trained on: names of data
        sets, or "none". The leaderboard marks scores on data that it has seen.

    Raises
    ------
    UsageError
        Unless exactly one of `embeddings` and `rep` is given; or if
        `trained_on` is no text of one line, or the card of `rep` has its own.

    Examples
    --------
    >>> from mirbench.benchmark import embed, probe
    >>> _ = embed("mfcc", "rendered_key")
    >>> row = probe("rendered_key", rep="mfcc", protocol="quick")
    >>> row.result.representation.name
    'mfcc'
    """
    if (embeddings is None) == (rep is None):
        raise UsageError("say what to probe: either --embeddings FILE.npz or --rep NAME")
    check_engine(engine, address, device=device)
    stated = None if trained_on is None else one_line(trained_on)
    settings = _settings(protocol, out, cache, device, max_missing=max_missing)
    settings = replace(settings, force=force, memory=memory)
    file, spec = _path(embeddings), load_task(task)
    table = load_split(spec, split)
    folder = dataset_folder(spec, _path(data), settings.store.cache)
    clips = tuple(read_clips(spec, folder, table))
    ids = [clip.id for clip in clips]
    if file is not None:
        found = read_embeddings(file, spec, ids)
        subject = subject_of_file(file, name or file.stem)
    else:
        assert rep is not None
        named = parse_representation(rep, settings.store.cache.root)
        found = stored_embeddings(named, spec, ids, settings.store)
        subject = subject_of(named, named.fingerprint())
    if stated is not None:
        subject = state_trained_on(subject, stated)
    check_writable(settings.out)
    with on_engine(settings, [], engine, address) as settings:
        return evaluate_embeddings(subject, Dataset(spec, table, clips, clips), found, settings)


def _settings(
    protocol: str, out: Folder, cache: Folder, device: str, max_missing: float
) -> Settings:
    """Check what was asked for, before anything is read."""
    rules = get_protocol(protocol)
    return Settings(
        store=Store(_path(cache)),
        device=device,
        protocol=rules,
        out=_path(out) or default_out(rules),
        max_missing=max_missing,
    )


def _path(folder: Folder) -> Path | None:
    return None if folder is None else Path(folder).expanduser()
