"""The Python API: `probe`, which the command of the same name calls."""

from __future__ import annotations

from dataclasses import replace
from typing import overload

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.datasets.locate import dataset_folder, read_clips
from mirbench.benchmark.embedding.compute import stored_embeddings
from mirbench.benchmark.embedding.npz import read_embeddings
from mirbench.benchmark.evaluation.evaluate import evaluate_embeddings, evaluate_share, subject_of
from mirbench.benchmark.files.atomic import check_writable
from mirbench.benchmark.machine.share import Part, share_of
from mirbench.benchmark.registry import load_split, load_task, parse_representation, task_origin
from mirbench.benchmark.result import Row
from mirbench.benchmark.runs.each import tell_share_is_done
from mirbench.benchmark.runs.engines import check_engine, on_engine
from mirbench.benchmark.runs.pairs import Folder, as_path, checked_settings
from mirbench.benchmark.runs.subjects import one_line, state_trained_on, subject_of_file
from mirbench.benchmark.runs.suitable import check_share


@overload
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
    part: None = None,
) -> Row: ...


@overload
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
    part: Part | None,
) -> Row | None: ...


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
    part: Part | None = None,
) -> Row | None:
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
    part : str or (int, int), optional
        As for `run`; a grid is that of one layer.

    Returns
    -------
    Row or None
        None with a `part` that has not all of the layers, unless the row is there.

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
    stated = None if trained_on is None else one_line(trained_on)
    check_engine(engine, address, device=device)
    settings = checked_settings(protocol, out, cache, device, max_missing=max_missing)
    settings = replace(settings, force=force, memory=memory, share=share_of(part))
    check_share(settings.protocol, settings.share)
    file, spec = as_path(embeddings), load_task(task)
    refusal = settings.protocol.refusal(spec)
    if refusal is not None:
        raise UsageError(refusal)
    folder = dataset_folder(spec, as_path(data), settings.store.cache)
    table = load_split(spec, split, folder)
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
    data_set = Dataset(spec, table, clips, clips, *task_origin(spec))
    with on_engine(settings, [], engine, address) as placed:
        if settings.share is None:
            return evaluate_embeddings(subject, data_set, found, placed)
        row = evaluate_share(subject, data_set, found, placed)
    tell_share_is_done(settings, int(row is not None), 1)
    return row
