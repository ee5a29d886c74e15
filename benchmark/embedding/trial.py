"""Try a model out on a few clips, in one process; see `mirbench.benchmark.embedding.look`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from mirbench.benchmark.api import Clip, FloatArray, PluginError
from mirbench.benchmark.embedding.model import embed_clips
from mirbench.benchmark.embedding.pair import ModelKey
from mirbench.benchmark.embedding.worker import (
    Chunk,
    decode_chunk,
    loaded_model,
    spec_of,
    stand_in,
)

#: Clips that are tried.
CLIPS = 3

#: Seconds per clip above which one clip must do, and above which it is tried by itself only.
SLOW, VERY_SLOW = 5.0, 60.0

#: Smallest size by which differences are measured, as a share of the largest number of
#: a layer: smaller numbers may be nothing but the rounding of sums of larger ones.
SMALLEST = 0.1

#: Embeddings by clip id.
Rows = dict[str, FloatArray]


@dataclass(frozen=True)
class Trial:
    """A model and clips to try it on: as many as `CLIPS` of them that are usable.

    Of a task with windows, the first window of a clip is tried.
    """

    model: ModelKey
    window: float | None
    clips: tuple[Clip, ...]
    #: Where relative paths start.
    folder: str
    #: Embed clips once, to compare them with those of another process.
    once: bool = False
    #: Seconds that the model may take for a clip.
    clip_timeout: float | None = None


@dataclass(frozen=True)
class Difference:
    """How far embeddings of the same audio are apart.

    Attributes
    ----------
    share : float
        Largest difference of two numbers, by the size of such numbers; infinite
        where one of two embeddings was refused.
    clip : str
        Id of the clip where it is largest.
    """

    share: float = 0.0
    clip: str = ""


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen in one process.

    Attributes
    ----------
    rows : dict
        Embedding by clip id.
    again : Difference
        Between one call and the next.
    in_batch : Difference or None
        Between clips by themselves and in a batch; None where batches were not tried.
    seconds : float
        What it took to load the model and embed the first clip.
    batch_dependent : bool
        Whether `rows` are those of a batch, as the model declares.
    """

    pid: int
    rows: Rows
    again: Difference
    in_batch: Difference | None
    seconds: float
    batch_dependent: bool


def difference(rows: Mapping[str, FloatArray], others: Mapping[str, FloatArray]) -> Difference:
    """Compare embeddings of the same clips, number by number.

    Parameters
    ----------
    rows : mapping
        Embedding by clip id, each of shape [dims] or [n_layers, dims].
    others : mapping
        The same; a clip that is not there was refused.
    """
    worst = Difference()
    if rows:
        each = [*rows.values(), *others.values()]
        size = np.max([np.abs(row) for row in each], axis=0).astype(np.float64)
        size = np.maximum(size, SMALLEST * size.max(axis=-1, keepdims=True))
    for clip_id, row in rows.items():
        share = np.inf
        if clip_id in others:
            apart = np.abs(row.astype(np.float64) - others[clip_id])
            share = float(np.max(apart / np.where(size > 0, size, 1)))
        if share > worst.share:
            worst = Difference(share, clip_id)
    return worst


def try_out(trial: Trial) -> Seen:
    """Embed clips in every way in which a run may embed them; runs in any process.

    Clips are embedded one after the other, and again in the opposite order; then in a
    batch, and in another batch with a clip that was shortened. Of a slow model, one clip
    must do.

    Raises
    ------
    MirbenchError
        If the model cannot be loaded or breaks the contract as it is.
    """
    stand_in(trial.folder)
    tried = _Tried(trial)
    return tried.fixed_batch() if tried.info.batch_dependent else tried.single_clips()


class _Tried:
    """A model that is tried out."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.model, self.info = loaded_model(trial.model)
        self.batches = callable(getattr(self.model, "embed_batch", None))

    def fixed_batch(self) -> Seen:
        """Embed one batch twice, with a model whose embeddings depend on the batch."""
        started = time.perf_counter()
        audios = dict(islice(self._audios(), CLIPS))
        rows = self._embed(audios)
        seconds = self.info.load_seconds + time.perf_counter() - started
        again = Difference() if self.trial.once else difference(rows, self._embed(audios))
        return Seen(os.getpid(), rows, again, None, seconds, batch_dependent=True)

    def single_clips(self) -> Seen:
        """Embed clips each by itself, each once more, and in batches."""
        audios: dict[str, FloatArray] = {}
        rows: Rows = {}
        seconds, pace, again = 0.0, 0.0, Difference()
        for clip_id, audio in self._audios():
            started = time.perf_counter()
            row = self._embed({clip_id: audio})
            if not row:
                continue
            rows |= row
            audios[clip_id] = audio
            if len(rows) == 1:
                seconds = pace = time.perf_counter() - started
            if (
                len(rows) == 1 and pace > SLOW and not self.trial.once
            ):  # or only the first time, which compiles
                again = difference(rows, self._embed(audios))
                pace = time.perf_counter() - started - seconds
            if len(rows) == CLIPS or pace > SLOW:
                break
        if self.trial.once:
            return Seen(os.getpid(), rows, again, None, seconds, batch_dependent=False)
        if pace <= SLOW:
            once_more = {id_: self._embed({id_: audios[id_]}).get(id_) for id_ in reversed(audios)}
            again = difference(rows, {k: row for k, row in once_more.items() if row is not None})
        in_batch = self._in_batches(audios, rows) if rows and pace <= VERY_SLOW else None
        seconds += self.info.load_seconds
        return Seen(os.getpid(), rows, again, in_batch, seconds, batch_dependent=False)

    def _in_batches(self, audios: dict[str, FloatArray], rows: Rows) -> Difference | None:
        """Compare clips in batches with the same by themselves; None if there are no batches."""
        if not self.batches:
            return None
        found = []
        if len(audios) > 1:
            found.append(difference(rows, self._embed(audios)))
        first, *_ = audios
        # Two lengths in one batch, even where this task has one: what is padded shows.
        short = f"{first}, shortened"
        pair = {first: audios[first], short: audios[first][: len(audios[first]) * 2 // 3]}
        try:
            alone = {first: rows[first], **self._embed({short: pair[short]})}
            if short in alone:
                found.append(difference(alone, self._embed(pair)))
        except PluginError:
            pass  # it may rely on the one length that its clips have
        return max(found, key=lambda each: each.share, default=None)

    def _embed(self, audios: Mapping[str, FloatArray]) -> Rows:
        """Embed as a run does; without the clips that are unusable."""
        copies = [audio.copy() for audio in audios.values()]
        with spec_of(self.trial.model).plugin.running():
            limit = self.trial.clip_timeout
            values = embed_clips(self.model, self.info, copies, list(audios), limit)
        pairs = zip(audios, values, strict=True)
        return {id_: value.copy() for id_, value in pairs if isinstance(value, np.ndarray)}

    def _audios(self) -> Iterator[tuple[str, FloatArray]]:
        """Decode one clip after the other, as the model wants it; without those that fail."""
        for clip in self.trial.clips:
            chunk = Chunk(self.trial.model, self.trial.window, (clip,), 0, folder=self.trial.folder)
            audio = decode_chunk((chunk, self.info)).audio
            if (0, 0) in audio:
                yield clip.id, audio[0, 0]
