"""Let a model embed synthetic clips, short and long, and see what it hears of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from mirbench.benchmark.api import FloatArray, PluginError
from mirbench.benchmark.embedding.difference import Difference, Rows, alike, difference
from mirbench.benchmark.embedding.model import ModelInfo
from mirbench.benchmark.embedding.sounds import CHORD, chords, like_noise

#: Seconds of the short clip, and of a longer one for models that refuse that.
SHORT = (5.0, 12.0)

#: Seconds of the long clip: the first that a model embeds quickly enough.
LONG = (65.0, 32.0, 12.0)

#: Seconds that embedding the long clip three times may take.
AFFORDABLE = 60.0

#: Seconds at the end of the long clip that are changed: first the fewer. Models that leave out
#: what does not fill their last frame or patch hear the more.
ENDS = (1.0, 5.0)

#: Differences, see `Difference.share`, up to which embeddings are the same but for rounding.
SAME = 3e-6

#: Makes another passage of one.
Change = Callable[[FloatArray], FloatArray]

#: Embeds clips by id, each call with other seeds; those that are unusable are left out.
Embed = Callable[[Mapping[str, FloatArray]], Rows]


@dataclass(frozen=True, eq=False)
class Heard:
    """What a model hears of synthetic clips.

    Attributes
    ----------
    vector : ndarray of float32, shape [dims] or [n_layers, dims], or None
        Embedding of the short clip; None if the model refuses it.
    seconds : float
        Length of the short clip.
    silent : ndarray of float32, shape [dims] or [n_layers, dims], or None
        Embedding of as much silence; None if the model refuses it.
    why : PluginError or None
        What embedding silence raised, if not `UnusableClip`.
    long : LongClip or None
        What was heard of the long clip; None if it was not tried.
    """

    vector: FloatArray | None = None
    seconds: float = 0.0
    silent: FloatArray | None = None
    why: PluginError | None = None
    long: LongClip | None = None

    @property
    def silence(self) -> bool | None:
        """Whether silence gives the same as the short clip; None if the model refuses it."""
        if self.vector is None or self.silent is None:
            return None
        return alike(self.vector, self.silent, SAME)


@dataclass(frozen=True)
class LongClip:
    """What a model hears of a long clip.

    Attributes
    ----------
    seconds : float
        Its length.
    refused : bool
        Whether the model refuses it.
    again : Difference
        Between two calls with other seeds.
    unheard : float
        Seconds at its end that may be anything; infinite if those are more than all of `ENDS`.
    """

    seconds: float
    refused: bool = False
    again: Difference = field(default_factory=Difference)
    unheard: float = 0.0


def listen(embed: Embed, info: ModelInfo, room: bool) -> Heard:
    """Embed synthetic clips.

    Parameters
    ----------
    embed : callable
    info : ModelInfo
        What the model declares.
    room : bool
        Whether the memory has room for clips that are longer than those of the task.
    """
    return _Listening(embed, info).heard(room)


def company(info: ModelInfo) -> dict[str, FloatArray]:
    """Return what goes with a clip whose embedding depends on its batch: another clip."""
    if not info.batch_dependent:
        return {}
    return {"another": chords(_at_most(SHORT[0], info), info.sample_rate, seed=1)}


class _Listening:
    """A model that embeds synthetic clips."""

    def __init__(self, embed: Embed, info: ModelInfo) -> None:
        self._embed, self._info = embed, info
        self._company = company(info)
        self._why: PluginError | None = None

    def heard(self, room: bool) -> Heard:
        for seconds in SHORT:
            seconds = _at_most(seconds, self._info)
            sound = chords(seconds, self._info.sample_rate)
            started = time.perf_counter()
            vector = self._row(sound)
            pace = (time.perf_counter() - started) / seconds
            if vector is not None:
                break
        if vector is None:
            return Heard()
        silent = self._row(np.zeros_like(sound), "silence")
        why = self._why
        long = self._long(pace) if room else None
        return Heard(vector=vector, seconds=seconds, silent=silent, why=why, long=long)

    def _long(self, pace: float) -> LongClip | None:
        """Embed a long clip twice, and with another end; None if that takes too long."""
        lengths = [_at_most(seconds, self._info) for seconds in LONG]
        seconds = next((each for each in lengths if 3 * each * pace <= AFFORDABLE), 0.0)
        if seconds < 2 * ENDS[0]:
            return None
        rate = self._info.sample_rate
        sound = chords(seconds, rate)
        first, second = self._row(sound), self._row(sound)
        if first is None or second is None:
            return LongClip(seconds, refused=True)
        again = _apart(first, second)
        ends = [end for end in ENDS if 2 * end <= seconds]

        def changes(begin: float, end: float, how: Change) -> bool:
            place = slice(round(begin * rate), round(end * rate))
            other = sound.copy()
            other[place] = how(sound[place])
            row = self._row(other)
            return row is None or not alike(first, row, max(SAME, 2 * again.share))

        # Noise leaves the level as it is, silence does not. Where a passage near the beginning
        # may be noise, too, the model does not tell one from the other, as of levels alone.
        for how in (like_noise, np.zeros_like):
            for unheard, end in zip((0.0, *ends), ends, strict=False):
                if changes(seconds - end, seconds, how):
                    return LongClip(seconds, again=again, unheard=unheard)
            if changes(CHORD, CHORD + ends[-1], how):
                break
        return LongClip(seconds, again=again, unheard=float("inf"))

    def _row(self, audio: FloatArray, what: str = "synthetic") -> FloatArray | None:
        """Embed one clip; None if the model refuses it, as it will say when a task has such."""
        name = f"{what}, {len(audio) / self._info.sample_rate:g} s"
        self._why = None
        try:
            return self._embed({name: audio, **self._company}).get(name)
        except PluginError as error:
            self._why = error
            return None


def _at_most(seconds: float, info: ModelInfo) -> float:
    declared = (info.max_seconds, info.heard_seconds)
    return min([seconds, *(most for most in declared if most is not None)])


def _apart(row: FloatArray, other: FloatArray) -> Difference:
    return difference({"": row}, {"": other})
