"""Try a model out on a few clips, in one process; see `mirbench.benchmark.embedding.look`."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from mirbench.benchmark.api import Clip, FloatArray, PluginError
from mirbench.benchmark.embedding.difference import Difference, Rows, difference
from mirbench.benchmark.embedding.listening import Heard, listen
from mirbench.benchmark.embedding.model import ModelInfo, embed_clips
from mirbench.benchmark.embedding.pair import ModelKey
from mirbench.benchmark.embedding.room import room_for_another
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
    #: Embed synthetic clips, too.
    listens: bool = False
    #: Seconds that the model may take for a clip.
    clip_timeout: float | None = None


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
    info : ModelInfo
        What the model declares; if it is `batch_dependent`, `rows` are those of a batch.
    once : bool
        Whether clips were embedded once only.
    heard : Heard or None
        What it hears of synthetic clips; None where they were not tried.
    """

    pid: int
    rows: Rows
    again: Difference
    in_batch: Difference | None
    seconds: float
    info: ModelInfo
    once: bool
    heard: Heard | None


def try_out(trial: Trial) -> Seen:
    """Embed clips in every way in which a run may embed them; runs in any process.

    Clips are embedded one after the other, and again in the opposite order; then in a
    batch, and in another batch with a clip that was shortened; each time with other seeds
    of the global random generators. Of a slow model, one clip must do.

    Raises
    ------
    MirbenchError
        If the model cannot be loaded or breaks the contract as it is.
    """
    stand_in(trial.folder)
    tried = _Tried(trial)
    return tried.fixed_batch() if tried.info.batch_dependent else tried.single_clips()


def reseed(seed: int) -> None:
    """Seed the global generators of Python, NumPy and, where it was imported, PyTorch."""
    random.seed(seed)
    np.random.seed(seed)
    torch = sys.modules.get("torch")
    if hasattr(torch, "manual_seed"):
        torch.manual_seed(seed)  # type: ignore[union-attr]


def embed_copies(
    key: ModelKey, audios: Mapping[str, FloatArray], limit: float | None, seed: int | None = None
) -> Rows:
    """Embed clips in one go, as a run does; without those that are unusable.

    Parameters
    ----------
    key : ModelKey
        The model, which this process has loaded or loads now.
    audios : mapping
        Arrays of float32 by clip id, shape [n_samples]; copies of them are embedded.
    limit : float or None
        Seconds that the model may take for a clip.
    seed : int, optional
        For the global generators, which no model may depend on; default: they stay.

    Raises
    ------
    PluginError
        If the model breaks the contract, or raises anything else than `UnusableClip`.
    """
    model, info = loaded_model(key)
    copies = [audio.copy() for audio in audios.values()]
    with spec_of(key).plugin.running():
        if seed is not None:
            reseed(seed)
        values = embed_clips(model, info, copies, list(audios), limit)
    pairs = zip(audios, values, strict=True)
    # A model may return one array again and again.
    return {id_: value.copy() for id_, value in pairs if isinstance(value, np.ndarray)}


class _Tried:
    """A model that is tried out."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        model, self.info = loaded_model(trial.model)
        self.batches = callable(getattr(model, "embed_batch", None))
        self._seed, self._longest = 0, 1

    def fixed_batch(self) -> Seen:
        """Embed one batch twice, with a model whose embeddings depend on the batch."""
        started = time.perf_counter()
        audios = dict(islice(self._audios(), CLIPS))
        rows = self._embed(audios)
        pace = time.perf_counter() - started
        again = Difference() if self.trial.once else difference(rows, self._again(audios))
        return self._seen(rows, again, None, (pace, pace / max(1, len(audios))))

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
                again = difference(rows, self._again(audios))
                pace = time.perf_counter() - started - seconds
            if len(rows) == CLIPS or pace > SLOW:
                break
        in_batch = None
        if not self.trial.once:
            if pace <= SLOW:
                once_more = [self._again({id_: audios[id_]}) for id_ in reversed(audios)]
                again = difference(rows, {k: v for row in once_more for k, v in row.items()})
            if rows and pace <= VERY_SLOW:
                in_batch = self._in_batches(audios, rows)
        return self._seen(rows, again, in_batch, (seconds, pace))

    def _seen(
        self, rows: Rows, again: Difference, in_batch: Difference | None, took: tuple[float, float]
    ) -> Seen:
        """Listen to synthetic clips, if that is asked for, and tell everything.

        `took` is how long the first clip took, and how long one takes.
        """
        heard = None
        if self.trial.listens and rows and took[1] <= VERY_SLOW:
            heard = listen(self._again, self.info, room_for_another(self.trial.model.device))
        return Seen(
            pid=os.getpid(),
            rows=rows,
            again=again,
            in_batch=in_batch,
            seconds=self.info.load_seconds + took[0],
            info=self.info,
            once=self.trial.once,
            heard=heard,
        )

    def _in_batches(self, audios: dict[str, FloatArray], rows: Rows) -> Difference | None:
        """Compare clips in batches with the same by themselves; None if there are no batches."""
        if not self.batches:
            return None
        found = []
        if len(audios) > 1:
            found.append(difference(rows, self._again(audios)))
        first, *_ = audios
        # Two lengths in one batch, even where this task has one: what is padded shows.
        short = f"{first}, shortened"
        pair = {first: audios[first], short: audios[first][: len(audios[first]) * 2 // 3]}
        try:
            alone = {first: rows[first], **self._again({short: pair[short]})}
            if short in alone:
                found.append(difference(alone, self._again(pair)))
        except PluginError:
            pass  # it may rely on the one length that its clips have
        return max(found, key=lambda each: each.share, default=None)

    def _again(self, audios: Mapping[str, FloatArray]) -> Rows:
        """Embed with other seeds than at any call before, which no model may depend on."""
        self._seed += 1
        return self._embed(audios, self._seed)

    def _embed(self, audios: Mapping[str, FloatArray], seed: int | None = None) -> Rows:
        return embed_copies(self.trial.model, audios, self._limit(audios), seed)

    def _limit(self, audios: Mapping[str, FloatArray]) -> float | None:
        """Seconds that the model may take for each clip: more where one is longer."""
        limit = self.trial.clip_timeout
        longest = max(map(len, audios.values()), default=1)
        return limit and limit * max(1.0, longest / self._longest)

    def _audios(self) -> Iterator[tuple[str, FloatArray]]:
        """Decode one clip after the other, as the model wants it; without those that fail."""
        for clip in self.trial.clips:
            chunk = Chunk(self.trial.model, self.trial.window, (clip,), 0, folder=self.trial.folder)
            audio = decode_chunk((chunk, self.info)).audio
            if (0, 0) in audio:
                self._longest = max(self._longest, len(audio[0, 0]))
                yield clip.id, audio[0, 0]
