"""The Python API: `probe`, which the command of the same name calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import overload

from mirbench.benchmark.api import Representation, Task, UsageError
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.datasets.locate import dataset_folder, read_clips
from mirbench.benchmark.embedding.compute import embed_task, stored_embeddings
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.npz import read_embeddings
from mirbench.benchmark.evaluation.evaluate import evaluate_embeddings, evaluate_share
from mirbench.benchmark.evaluation.settings import Settings
from mirbench.benchmark.evaluation.subject import Subject, subject_of, subject_of_pair
from mirbench.benchmark.files.atomic import check_writable
from mirbench.benchmark.machine.share import Part, share_of
from mirbench.benchmark.registry import (
    load_split,
    load_task,
    parse_representation,
    task_argument,
    task_origin,
)
from mirbench.benchmark.result import Row
from mirbench.benchmark.runs.each import tell_share_is_done
from mirbench.benchmark.runs.engines import check_engine, on_engine
from mirbench.benchmark.runs.live import check_live, check_rows, is_live, named
from mirbench.benchmark.runs.pairs import Folder, Where, as_path, checked_settings, pairs_of
from mirbench.benchmark.runs.subjects import (
    given_embeddings,
    one_line,
    state_trained_on,
    subject_of_file,
    subject_of_given,
)
from mirbench.benchmark.runs.suitable import check_share


@overload
def probe(
    task: str,
    *,
    embeddings: Folder | Embeddings = None,
    rep: str | Representation | None = None,
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
    embeddings: Folder | Embeddings = None,
    rep: str | Representation | None = None,
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
    embeddings: Folder | Embeddings = None,
    rep: str | Representation | None = None,
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

    A model object has none that are already there: it embeds first, as with `run`.

    Parameters
    ----------
    task, split, data, device, engine, address, protocol, out, cache, max_missing, force, memory
        As for `run`, but one task.
    embeddings : Path or Embeddings, optional
        An npz file, see `mirbench.benchmark.embedding.npz`; or what `embed` has returned for
        the task.
    rep : str or Representation, optional
        A representation whose embeddings are in the store; or a model object.
    name : str, optional
        What to call embeddings or a model object; default: the file's name, if it is one.
    trained_on : str, optional
        What the model behind the embeddings was trained on: names of data
        sets, or "none". The leaderboard marks scores on data that it has seen.
    part : str or (int, int), optional
        As for `run`; a grid is that of one layer.

    Returns
    -------
    Row or None
        The result (``result``, ``scores``), its file (``path``) and its ``predictions``. None
        only with a `part` that has not all of the layers, unless the row is there.

    Raises
    ------
    UsageError
        Unless exactly one of `embeddings` and `rep` is given; or if
        `trained_on` is no text of one line, or the card of `rep` has its own.
    DataError
        If the store, or the file, has no embeddings of the task.

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
    if rep is not None:
        check_live(rep, name, part=part if is_live(rep) else None, engine=_other(engine))
    check_engine(engine, address, device=device)
    live = is_live(rep)
    settings = checked_settings(protocol, out, cache, device, max_missing=max_missing, live=live)
    if live and name is not None:
        check_rows(name, settings.out, force)
    settings = replace(settings, force=force, memory=memory, share=share_of(part))
    check_share(settings.protocol, settings.share)
    spec = load_task(task)
    refusal = settings.protocol.refusal(spec)
    if refusal is not None:
        raise UsageError(refusal)
    where = Where(split=split, data=as_path(data), cache=settings.store.cache)
    asked = _Asked(spec, where, rep, embeddings, name)
    with asked.found(settings) as (subject, data_set, found):
        if stated is not None:
            subject = state_trained_on(subject, stated)
        check_writable(settings.out)
        with on_engine(settings, [], engine, address) as placed:
            if settings.share is None:
                return evaluate_embeddings(subject, data_set, found, placed)
            row = evaluate_share(subject, data_set, found, placed)
    tell_share_is_done(settings, int(row is not None), 1)
    return row


def _other(engine: str) -> str | None:
    """Return the engine if it is not that of this machine."""
    return None if engine == "local" else engine


@dataclass(frozen=True)
class _Asked:
    """What is probed, as it was named."""

    task: Task
    where: Where
    rep: str | Representation | None
    embeddings: Folder | Embeddings
    name: str | None

    @contextmanager
    def found(self, settings: Settings) -> Iterator[tuple[Subject, Dataset, Embeddings]]:
        """Find what it is, on which clips, and the embeddings; an object embeds them now."""
        if is_live(self.rep):
            with named(self.rep, self.name, settings) as (text, here):
                check_writable(self.where.cache.root)
                check_writable(settings.out)  # before the long part, and not after it
                (pair,) = pairs_of(text, task_argument(self.task), self.where, make=True)
                found = embed_task(pair, here)
                yield subject_of_pair(pair, found), pair.data, found
            return
        folder = dataset_folder(self.task, self.where.data, self.where.cache)
        table = load_split(self.task, self.where.split, folder)
        clips = tuple(read_clips(self.task, folder, table))
        subject, found = self._there(settings, [clip.id for clip in clips])
        yield subject, Dataset(self.task, table, clips, clips, *task_origin(self.task)), found

    def _there(self, settings: Settings, ids: list[str]) -> tuple[Subject, Embeddings]:
        """Find embeddings that are there, in the store, in memory or in a file."""
        if isinstance(self.rep, str):
            spec = parse_representation(self.rep, settings.store.cache.root)
            found = stored_embeddings(spec, self.task, ids, settings.store)
            return subject_of(spec, spec.fingerprint()), found
        if isinstance(self.embeddings, Embeddings):
            found = given_embeddings(self.embeddings, self.task, ids)
            return subject_of_given(found, self.name), found
        file = as_path(self.embeddings)
        assert file is not None
        found = read_embeddings(file, self.task, ids)
        return subject_of_file(file, self.name or file.stem), found
