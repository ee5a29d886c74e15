"""The Python API: `run`, `embed` and `probe`, which the commands of the same name call.

In the place of a name they take a model object, too: one with `sample_rate`, `dims` and `embed`,
as ``load_model`` of a plugin returns it. It embeds in this process, wherever its caller has put
it, while workers decode audio ahead; it is not pickled, since what it is made of (a cell of a
notebook, a module that has changed since it was imported) need not be what another process would
find. Of an object nothing tells whether it is still the same: so what it embeds is never stored,
and each call embeds anew. Its row says ``live``, its fingerprint is a digest of the embeddings
that were probed, and only a row of the very same embeddings is read instead of probed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mirbench.benchmark.api import Representation
from mirbench.benchmark.embedding.compute import embed_share, embed_task
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.live import in_memory
from mirbench.benchmark.embedding.npz import write_embeddings
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.files.atomic import check_writable
from mirbench.benchmark.machine.share import Part, Share, share_of
from mirbench.benchmark.progress import say
from mirbench.benchmark.result import Results, Row
from mirbench.benchmark.runs.each import evaluate_each
from mirbench.benchmark.runs.engines import check_engine, on_engine
from mirbench.benchmark.runs.live import Subjects, check_live, check_rows, is_live, named
from mirbench.benchmark.runs.pairs import (
    Folder,
    Names,
    Where,
    as_list,
    as_path,
    checked_settings,
    pairs_of,
)
from mirbench.benchmark.runs.stored import probe
from mirbench.benchmark.runs.suitable import (
    check_deformations,
    check_limit,
    check_share,
    keep_suitable,
)

__all__ = ["embed", "probe", "run"]


def run(
    rep: Subjects,
    task: Names | None = None,
    *,
    name: str | None = None,
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
    part: Part | None = None,
    deform: Names | None = None,
    limit: int | None = None,
    on_row: Callable[[Row], None] | None = None,
) -> Results:
    """Embed and probe representations on tasks; write a result row for each pair.

    Parameters
    ----------
    rep : str, sequence of str or Representation
        Names, files or specs with parameters. Or a model object, which embeds in this
        process, anew at each call, and whose rows stay off the board, since nobody can repeat
        them by name: a plugin file can be (``mirbench new representation``).
    task : str or sequence of str, optional
        Names or files; without a task, every task whose data is on this machine.
    name : str, optional
        What a model object is called, in its row and for its files; names have theirs.
    split : str
        ``paper``, ``artist`` or another that the tasks offer.
    data : Path, optional
        Folder of the datasets; default: ``MIRBENCH_DATA`` or ``./data``.
    device : str
        ``cpu``, ``cuda`` or ``cuda:1``, for embedding and probing. A model object stays where
        it is: say where that is, since how equal its embeddings must be depends on it.
    gpus : int, optional
        How many GPUs embed where the device is ``cuda``; default: all that are visible.
    jobs : int, optional
        Worker processes; default: one per processor. They decode where a model object embeds.
    engine : str
        ``local``, or ``ray`` for a cluster.
    address : str, optional
        Of the Ray cluster; default: ``RAY_ADDRESS``, else one of this machine.
    protocol : str
        ``castellon2021``, ``quick``, ``fewshot`` or ``knn``.
    out : Path, optional
        Folder of the rows; default: the board's own in a checkout, else
        ``./mirbench-results``, and always that for a model object.
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
    part : str or (int, int), optional
        ``"2/4"``: train the second of every four grids (of a pair, or of one of its layers) only.
        Rows of which others train grids are written by a later run without it.
    deform : str or sequence of str, optional
        Deformations of the test clips, such as ``noise20``: the probe that was selected and
        trained on clean clips is tested on them too, and writes a row of what it loses.
    limit : int, optional
        Only so many clips of each split, every label among them, to try things: a row of its
        own, which stays off the board.
    on_row : callable, optional
        Called with every finished row.

    Returns
    -------
    Results
        A list of `mirbench.benchmark.result.Result`, in the order of representations, then
        tasks, then deformations; with `part`, those that are written. Shown as a table in a
        notebook; ``to_frame()`` makes a pandas frame of it, and ``rows`` are the same results
        with their files and predictions.

    Raises
    ------
    UsageError
        If what is asked for does not exist, or does not go together.
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
    others = {"gpus": gpus, "clip_timeout": clip_timeout, "part": part}
    check_live(rep, name, **others, engine=None if engine == "local" else engine)
    check_engine(engine, address, device=device, gpus=gpus)
    live = is_live(rep)
    settings = checked_settings(protocol, out, cache, device, max_missing, limit, live=live)
    if name is not None:
        check_rows(name, settings.out, force)
    settings = replace(settings, jobs=jobs, force=force, memory=memory, full_hash=full_hash)
    settings = replace(settings, gpus=gpus, clip_timeout=clip_timeout, share=share_of(part))
    check_share(settings.protocol, settings.share)
    check_limit(limit, settings.share)
    settings = replace(settings, deform=tuple(dict.fromkeys(as_list(deform or []))))
    check_deformations(settings.deform, (), settings.share)
    where = Where(split=split, data=as_path(data), cache=settings.store.cache, limit=limit)
    with named(rep, name, settings) as (names, settings):
        missing: list[str] = []
        pairs = pairs_of(names, task, where, make=True, on_missing=missing.append)
        pairs = keep_suitable(pairs, settings.protocol, named=task is not None)
        check_deformations(settings.deform, [pair.task for pair in pairs], settings.share)
        check_writable(where.cache.root)
        check_writable(settings.out)
        for reason in missing:
            say(f"left out: {reason}")
        with on_engine(settings, [pair.data for pair in pairs], engine, address) as placed:
            return Results(evaluate_each(pairs, placed, missing, on_row))


def embed(
    rep: str | Representation,
    task: Names | None = None,
    *,
    name: str | None = None,
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
    part: Part | None = None,
) -> dict[str, Embeddings]:
    """Embed the clips of tasks into the store.

    What a model object embeds is in what is returned and nowhere else, unless `out` is given.

    Parameters
    ----------
    rep, task, name, split, data, device, gpus, jobs, engine, address
        As for `run`, but one representation.
    cache, full_hash, clip_timeout
        As for `run`.
    out : Path, optional
        Folder into which the embeddings are written too, as ``<task>.npz``.
    max_missing : float
        Share of clips whose audio files may be absent; clips that cannot be
        decoded are missing from what is returned, however many they are.
    part : str or (int, int), optional
        ``"2/4"``: embed the second of every four parts of a shard (of a large task: shards) only.

    Returns
    -------
    dict of str to Embeddings
        Task name to its embeddings (`mirbench.benchmark.embedding.embeddings.Embeddings`), which
        `probe` takes; with `part`, of the tasks that are complete by now. Each is shown in a
        line, and ``to_frame()`` makes a pandas frame of it.

    Raises
    ------
    UsageError
        If what is asked for does not exist, or does not go together.
    MirbenchError
        If the representation or a dataset cannot be used.

    Examples
    --------
    >>> from mirbench.benchmark import embed
    >>> found = embed("mfcc", "rendered_key")
    >>> found["rendered_key"].embedding.shape  # two windows of 288 pieces
    (576, 120)
    """
    others = {"gpus": gpus, "clip_timeout": clip_timeout, "part": part}
    check_live(rep, name, **others, engine=None if engine == "local" else engine)
    check_engine(engine, address, device=device, gpus=gpus)
    share = share_of(part)
    settings = EmbeddingSettings(
        store=Store(as_path(cache)),
        device=device,
        gpus=gpus,
        jobs=jobs,
        full_hash=full_hash,
        clip_timeout=clip_timeout,
        max_missing=max_missing,
    )
    where = Where(split=split, data=as_path(data), cache=settings.store.cache)
    with named(rep, name, settings) as (names, settings):
        pairs = pairs_of(names, task, where, make=True)
        folder = as_path(out)
        for place in (where.cache.root, folder or where.cache.root):
            check_writable(place)
        with on_engine(settings, [pair.data for pair in pairs], engine, address) as placed:
            return dict(_each_embedded(pairs, placed, share, folder))


def _each_embedded(
    pairs: Sequence[Pair], settings: EmbeddingSettings, share: Share | None, folder: Path | None
) -> Iterator[tuple[str, Embeddings]]:
    """Embed pair after pair, and write a file of each into the folder, if there is one."""
    for pair in pairs:
        found = embed_task(pair, settings) if share is None else embed_share(pair, settings, share)
        if found is None:
            continue
        if folder is not None:
            write_embeddings(folder / f"{pair.task.name}.npz", pair.task, found)
        yield pair.task.name, in_memory(found) if settings.here else found
