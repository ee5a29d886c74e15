"""Clips × representation → embeddings in the store.

What the store has is read, the rest is computed by local workers and written
shard by shard; a run that is killed goes on where it was.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import (
    Clip,
    DataError,
    FloatArray,
    IntArray,
    Task,
)
from mirbench.benchmark.batches import (
    batch_size_of,
    count_windows,
    merge_batches,
    plan_batches,
)
from mirbench.benchmark.engine import free_cpus, map_ahead, map_unordered
from mirbench.benchmark.layered import StoredLayers, join_rows, leave_on_disk
from mirbench.benchmark.progress import bar, say
from mirbench.benchmark.registry import RepresentationSpec
from mirbench.benchmark.store import (
    Shard,
    ShardPlan,
    Store,
    add_notes,
    read_shard,
    remove_stale_temporaries,
    write_shard,
)
from mirbench.benchmark.worker import Chunk, Outcome, decode_chunk, embed_chunk, model_info

#: Clips that a worker is given at once.
CHUNK_CLIPS = 4

#: Clips that a GPU is given at once.
GPU_CHUNK_CLIPS = 8

#: Most processes that decode ahead of a GPU by default.
DECODERS = 8


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Embeddings of the clips of a task.

    Attributes
    ----------
    clip_ids : tuple of str
        All clips that were asked for, sorted, the missing ones included.
    embedding : ndarray of float32, shape [n_rows, dims] or [n_rows, n_layers, dims]
        A row is a clip, or one window of a clip; rows of a clip stand together, in order.
        Several layers from the store stay there, as `StoredLayers`; see `matrix`.
    clip : ndarray of int, shape [n_rows]
        Place of a row's clip in `clip_ids`.
    missing : dict
        Clip id to the reason why it has no row.
    seconds : float
        Time that embedding took, summed over workers, whenever that was.
    peak_bytes : int
        Largest memory of a worker meanwhile.
    computed : int
        Clips that were embedded now and not found in the store.
    layers : tuple of str
        Names of the layers, if the representation has any.
    made_with : dict
        Versions of the packages that computed them, and the device; several
        where shards differ.
    notes : dict
        What the representation remarks on rows, and on how many of them.
    """

    clip_ids: tuple[str, ...]
    embedding: FloatArray | StoredLayers
    clip: IntArray
    missing: dict[str, str]
    seconds: float = 0.0
    peak_bytes: int = 0
    computed: int = 0
    layers: tuple[str, ...] = ()
    made_with: dict[str, str] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def n_layers(self) -> int:
        """Number of layers; 0 if an embedding is one vector."""
        return self.embedding.shape[1] if self.embedding.ndim == 3 else 0

    def matrix(self, layer: int | None = None) -> FloatArray:
        """Embeddings of one layer, or of a representation without layers: [n_rows, dims]."""
        if isinstance(self.embedding, StoredLayers):
            assert layer is not None
            return self.embedding.layer(layer)
        return self.embedding if layer is None else self.embedding[:, layer]

    def rows(self, places: Sequence[int]) -> FloatArray | StoredLayers:
        """Give some of the rows, in another order."""
        if isinstance(self.embedding, StoredLayers):
            return self.embedding.take(places)
        return self.embedding[places]

    @functools.cached_property
    def sha256(self) -> str:
        """Digest of the clip ids, the rows and what is missing, in hex."""
        total = hashlib.sha256(repr((self.clip_ids, sorted(self.missing.items()))).encode())
        total.update(np.ascontiguousarray(self.clip, dtype="<i8").tobytes())
        total.update(repr(self.embedding.shape).encode())
        whole = self.embedding
        for block in whole.blocks() if isinstance(whole, StoredLayers) else [whole]:
            total.update(np.ascontiguousarray(block, dtype="<f4").data)
        return total.hexdigest()


def embed_task(
    spec: RepresentationSpec,
    task: Task,
    clips: Sequence[Clip],
    store: Store,
    device: str = "cpu",
    jobs: int | None = None,
    full_hash: bool = False,
    dataset: Sequence[Clip] | None = None,
) -> Embeddings:
    """Embed clips of a task, or read their embeddings from the store.

    Parameters
    ----------
    jobs : int, optional
        Worker processes; default: one a processor. On a GPU, which this
        process alone uses, they decode ahead of it.
    full_hash : bool
        Know audio files by content instead of size and time of modification.
    dataset : sequence of Clip, optional
        All clips of the dataset, over which the batches of a model that
        depends on them are formed; default: `clips`.

    Raises
    ------
    PluginError
        If the representation breaks the contract.
    """
    fingerprint = spec.fingerprint()
    jobs = jobs or (free_cpus() if device == "cpu" else min(DECODERS, free_cpus()))
    every = clips if dataset is None else dataset
    model = Chunk(spec.text, fingerprint, device, task.window, (), 0, cache=spec.cache)
    size = batch_size_of(model, store, jobs if device == "cpu" else 1)
    if size is None:
        plans = store.plan(fingerprint, task, clips, full_hash)
    else:
        counts = count_windows(task, every, store, jobs, full_hash)
        plans = plan_batches(fingerprint, task, every, store, size, counts, full_hash)
    shards = {number: _stored(plan.path, plan.rows is None) for number, plan in enumerate(plans)}
    todo = [number for number, shard in shards.items() if shard is None]
    if todo:
        _announce(spec)
        remove_stale_temporaries(plans[0].path.parent)
        _compute(spec, fingerprint, task, plans, todo, shards, device, jobs)
    done = [shard for shard in shards.values() if shard is not None]
    computed = len({clip.id for number in todo for clip in plans[number].clips})
    if size is None:
        return join_shards(done, computed)
    return _only(join_shards([merge_batches(done)], computed), [clip.id for clip in clips])


def _compute(
    spec: RepresentationSpec,
    fingerprint: str,
    task: Task,
    plans: Sequence[ShardPlan],
    todo: Sequence[int],
    shards: dict[int, Shard | None],
    device: str,
    jobs: int,
) -> None:
    chunks = [
        Chunk(
            representation=spec.text,
            fingerprint=fingerprint,
            device=device,
            window=task.window,
            clips=clips,
            shard=number,
            rows=plans[number].rows,
            cache=spec.cache,
        )
        for number in todo
        for clips in _pieces(plans[number], CHUNK_CLIPS if device == "cpu" else GPU_CHUNK_CLIPS)
    ]
    waiting = {number: len(plans[number].clips) for number in todo}
    outcomes: dict[int, list[Outcome]] = {number: [] for number in todo}
    total = sum(len(plan.clips) for plan in plans)
    done = total - sum(waiting.values())
    with bar(f"embedding {task.folder} with {spec.label}", total, "clip", done) as progress:
        for outcome in _outcomes(chunks, device, jobs):
            number = outcome.shard
            outcomes[number].append(outcome)
            count = len(outcome.rows) + len(outcome.missing)
            waiting[number] -= count
            progress.update(count)
            if waiting[number] == 0:
                shard = _to_shard(plans[number], outcomes.pop(number))
                write_shard(plans[number].path, shard)
                shards[number] = _let_go(shard, plans[number].path, plans[number].rows is None)


def _stored(path: Path, leave: bool = True) -> Shard | None:
    shard = read_shard(path, say)
    return None if shard is None else _let_go(shard, path, leave)


def _let_go(shard: Shard, path: Path, leave: bool) -> Shard:
    """Leave layers on disk; but the rows of batches have yet to be put together."""
    if not leave:
        return shard
    return replace(shard, embedding=leave_on_disk(path, shard.embedding))


def _outcomes(chunks: Sequence[Chunk], device: str, jobs: int) -> Iterator[Outcome]:
    """Embed chunks, by workers each with its own model; or by one model, with audio decoded ahead.

    The second is for a GPU, whose memory has room for one model.
    """
    if device == "cpu":
        yield from map_unordered(embed_chunk, chunks, jobs)
        return
    info = model_info(chunks[0])
    work = [(chunk, info) for chunk in chunks]
    for chunk, decoded in zip(chunks, map_ahead(decode_chunk, work, jobs, jobs + 1), strict=True):
        yield embed_chunk(chunk, decoded)


def _pieces(plan: ShardPlan, count: int) -> Iterator[tuple[Clip, ...]]:
    """Cut the clips of a shard into what a worker is given at once; a batch is one piece."""
    if plan.rows is not None:
        yield plan.clips
        return
    for first in range(0, len(plan.clips), count):
        yield plan.clips[first : first + count]


def _to_shard(plan: ShardPlan, outcomes: Sequence[Outcome]) -> Shard:
    rows = {clip_id: row for outcome in outcomes for clip_id, row in outcome.rows.items()}
    missing = {clip_id: why for outcome in outcomes for clip_id, why in outcome.missing.items()}
    missing |= plan.missing
    ids = (*(clip.id for clip in plan.clips), *plan.missing)
    present = [(place, rows[clip_id]) for place, clip_id in enumerate(ids) if clip_id in rows]
    embedding = np.concatenate([row for _, row in present]) if present else np.zeros((0, 0))
    return Shard(
        clip_ids=ids,
        embedding=embedding.astype(np.float32, copy=False),
        clip=np.repeat([place for place, _ in present], [len(row) for _, row in present]).astype(
            np.int64
        ),
        missing={clip_id: missing[clip_id] for clip_id in ids if clip_id in missing},
        seconds=sum(outcome.seconds for outcome in outcomes),
        peak_bytes=max(outcome.peak_bytes for outcome in outcomes),
        layers=outcomes[0].layers,
        made_with=outcomes[0].made_with,
        window=_window_numbers(plan, [place for place, _ in present]),
        notes=add_notes(outcome.notes for outcome in outcomes),
    )


def _window_numbers(plan: ShardPlan, places: Sequence[int]) -> IntArray | None:
    """Which window each row of a batch's shard is, where the clips at `places` have rows."""
    if plan.rows is None:
        return None
    ordered = [window for place in places for at, window in sorted(plan.rows) if at == place]
    return np.array(ordered, dtype=np.int64)


def join_shards(shards: Sequence[Shard], computed: int = 0) -> Embeddings:
    """Put shards together, in the order of clip ids."""
    ids = tuple(clip_id for shard in shards for clip_id in shard.clip_ids)
    offsets = np.cumsum([0, *(len(shard.clip_ids) for shard in shards)])
    filled = [shard for shard in shards if len(shard.embedding)]
    empty = np.zeros((0, 0), dtype=np.float32)
    return Embeddings(
        clip_ids=ids,
        embedding=join_rows([shard.embedding for shard in filled]) if filled else empty,
        clip=np.concatenate(
            [shard.clip + offset for shard, offset in zip(shards, offsets[:-1], strict=True)]
            or [np.zeros(0, dtype=np.int64)]
        ),
        missing={clip_id: why for shard in shards for clip_id, why in shard.missing.items()},
        seconds=sum(shard.seconds for shard in shards),
        peak_bytes=max((shard.peak_bytes for shard in shards), default=0),
        computed=computed,
        layers=shards[0].layers if shards else (),
        made_with=_together([shard.made_with for shard in shards]),
        notes=add_notes(shard.notes for shard in shards),
    )


def _together(facts: Sequence[dict[str, str]]) -> dict[str, str]:
    keys = sorted({key for each in facts for key in each})
    return {key: ", ".join(sorted({each[key] for each in facts if key in each})) for key in keys}


def stored_embeddings(
    spec: RepresentationSpec, task: Task, clip_ids: Sequence[str], store: Store
) -> Embeddings:
    """Give the newest embeddings that the store has for clips, whatever their audio is now.

    Raises
    ------
    DataError
        If it has none at all.
    """
    paths = store.all_shards(spec.fingerprint(), task)
    shards = [shard for path in paths if (shard := _stored(path)) is not None]
    paths = store.newest_batches(spec.fingerprint(), task)
    batches = [shard for path in paths if (shard := read_shard(path, say)) is not None]
    if batches:
        shards.append(merge_batches(batches))
    if not shards:
        none = f"the store has no embeddings of {spec.label!r} for task {task.name!r}"
        if spec.weights is not None and not spec.weights_sha256:
            raise DataError(
                f"{none}, and finds none without {spec.weights.note}, which says what its weights "
                "were made from: copy that from where the embeddings were computed, or run: "
                f"{spec.weights.command('fetch')}"
            )
        raise DataError(
            f"{none}; run: mirbench embed --rep {shlex.quote(spec.text)} --task {task.name}"
        )
    return _only(join_shards(shards), clip_ids)


def _only(every: Embeddings, clip_ids: Sequence[str]) -> Embeddings:
    """Pick clips; of one that is there several times, the last."""
    newest = {clip_id: number for number, clip_id in enumerate(every.clip_ids)}
    wanted = tuple(sorted(clip_ids))
    rank = {newest[clip_id]: n for n, clip_id in enumerate(wanted) if clip_id in newest}
    places = [place for place, number in enumerate(every.clip) if int(number) in rank]
    places.sort(key=lambda place: (rank[int(every.clip[place])], place))
    clip = np.array([rank[int(every.clip[place])] for place in places], dtype=np.int64)
    absent = set(range(len(wanted))) - set(clip.tolist())
    return replace(
        every,
        clip_ids=wanted,
        embedding=every.rows(places),
        clip=clip,
        missing={wanted[n]: every.missing.get(wanted[n], "not in the store") for n in absent},
    )


def check_missing(
    embeddings: Embeddings, asked: Sequence[str], max_missing: float, never: bool = False
) -> None:
    """Stop if too many of the clips that were asked for are missing.

    Parameters
    ----------
    asked : sequence of str
        Clip ids.
    max_missing : float
        Share of them that may be missing.
    never : bool
        None may be: see `Task.never_missing`.

    Raises
    ------
    DataError
        With their number and the first reasons.
    """
    missing = [clip_id for clip_id in asked if clip_id in embeddings.missing]
    if len(missing) <= (0 if never else max_missing * len(asked)):
        return
    lines = [f"  {i}: {embeddings.missing[i]}" for i in missing[:5]]
    lines += ["  …"] * (len(missing) > 5)
    limit = f"more than {max_missing:.0%} (--max-missing)"
    if never:
        limit = "and none may be, since mirbench makes the audio of this task itself"
        lines.append(
            "Mend the representation, or the file of embeddings; if audio is damaged, delete its "
            "folder (mirbench data doctor names it), and it is made again."
        )
    raise DataError(
        "\n".join([f"{len(missing)} of {len(asked)} clips are missing, {limit}:", *lines])
    )


def _announce(spec: RepresentationSpec) -> None:
    if "librosa" in spec.requires and not _librosa_is_compiled():
        say(
            "librosa compiles its functions on first use in a new environment: about a minute, once"
        )


def _librosa_is_compiled() -> bool:
    found = importlib.util.find_spec("librosa")
    folders = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    if os.environ.get("NUMBA_CACHE_DIR"):
        folders.append(Path(os.environ["NUMBA_CACHE_DIR"]))
    return any(next(folder.rglob("*.nbi"), None) is not None for folder in folders)
