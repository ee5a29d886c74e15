"""Embeddings of the clips of a task, put together from the shards of the store."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mirbench.benchmark.api import DataError, FloatArray, IntArray
from mirbench.benchmark.embedding.layers import StoredLayers, join_rows
from mirbench.benchmark.embedding.shown import ShownEmbeddings
from mirbench.benchmark.embedding.store import Shard, add_notes, join_made_with
from mirbench.benchmark.machine.collector import without_collecting
from mirbench.benchmark.progress import count


@dataclass(frozen=True, eq=False, repr=False)
class Embeddings(ShownEmbeddings):
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
    checked : dict
        What a look at the model found before it embedded, as in the row's environment.
    task : str
        Name of the task whose clips they are; empty where that is not known.
    live : bool
        Whether a model object of Python embedded them, which no name brings back.
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
    checked: dict[str, str] = field(default_factory=dict)
    task: str = ""
    live: bool = False

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
        """Take some of the rows, in another order."""
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
        made_with=join_made_with(shard.made_with for shard in shards),
        notes=add_notes(shard.notes for shard in shards),
    )


def not_finite(embedding: FloatArray) -> int | None:
    """Place of the first row that holds NaN or infinity; None if none does."""
    bad = ~np.isfinite(embedding).reshape(len(embedding), -1).all(axis=1)
    return int(bad.argmax()) if bad.any() else None


@without_collecting()
def pick_clips(every: Embeddings, clip_ids: Sequence[str]) -> Embeddings:
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
    embeddings : Embeddings
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
        "\n".join([f"{count(len(missing), 'clip', 'is', of=len(asked))} missing, {limit}:", *lines])
    )
