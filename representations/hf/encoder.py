"""Clips of any length through a network: equal pieces, and means over the frames of all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mirbench.benchmark.api import (
    DataError,
    FloatArray,
    MirbenchError,
    PluginError,
    UnusableClip,
    UsageError,
)
from mirbench.representations._inference import exact
from mirbench.representations._lengths import by_length
from mirbench.representations._pretrained import reason
from mirbench.representations.hf.network import Network, States

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sums:
    """Sums over the frames of a piece: ``[n_states, dims]``, and their number ``[n_states]``."""

    values: Doubles
    squares: Doubles
    frames: Doubles


class HuggingFaceEncoder:
    """A network as a representation.

    Parameters
    ----------
    network : Network
        The model, run as its family has to be.
    layer : str
        ``mean``, ``all``, the number of a hidden state, or the name of another vector.
    chunk : float
        Longer clips are cut into equal pieces of at most so many seconds, and
        the mean is over the frames of all.
    pool : str
        ``mean``, or ``mean_std``.
    target : str
        Its name, for messages.

    Raises
    ------
    UsageError
        If the model has no such layer, or no standard deviations over time.
    """

    def __init__(self, network: Network, layer: str, chunk: float, pool: str, target: str) -> None:
        self.network, self.layer, self.pool, self.target = network, layer, pool, target
        self.sample_rate = network.rate
        self.most = max(1, int(chunk * self.sample_rate))
        try:
            states = self._trial()
        except MirbenchError as error:
            raise type(error)(f"hf:{target}: {error}") from error
        except Exception as error:
            raise DataError(f"hf:{target}: the model does not run: {reason(error)}") from error
        self._check_layer(states)
        self.dims = self._wanted(states)[0].shape[-1] * (2 if pool == "mean_std" else 1)
        if layer == "all":
            self.layers = tuple(map(str, range(len(states.main))))

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent audio ``[n_samples]`` as float32 ``[dims]``, or ``[n_layers, dims]``."""
        return self.embed_batch([audio], sr)[0]

    def embed_batch(self, audios: Sequence[FloatArray], sr: int) -> list[FloatArray]:
        """Represent clips; pieces of one length go through the model together.

        Padding would change the embeddings of models that normalise over time.
        """
        cut = [np.array_split(a, max(1, math.ceil(len(a) / self.most))) for a in audios]
        pieces = [piece for own in cut for piece in own]
        found: dict[int, Sums] = {}
        for places in by_length(pieces):
            for first in range(0, len(places), self.network.batch):
                some = places[first : first + self.network.batch]
                sums = self._sums([pieces[place] for place in some])
                found |= dict(zip(some, sums, strict=True))
        each = iter([found[place] for place in range(len(pieces))])
        return [self._join([next(each) for _ in own]) for own in cut]

    def _trial(self) -> States:
        """Run a second of noise, or what the model takes in at once."""
        samples = min(self.sample_rate, self.most)
        noise = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
        with exact():
            states = self.network.run([noise])
        if len({state.shape[-1] for state in states.main}) > 1:
            raise PluginError("its hidden states have unequal widths")
        return states

    def _check_layer(self, states: States) -> None:
        several = len(states.main) > 1
        numbers = set(map(str, range(len(states.main)))) if several else set()
        known = {"mean", *states.named, *(["all"] if several else []), *numbers}
        if self.layer not in known:
            choices = ["mean", *(["all"] if several else []), *states.named]
            last = f", or one of 0 to {len(states.main) - 1}" if several else ""
            raise UsageError(
                f"hf:{self.target}: there is no layer {self.layer!r}; choose "
                f"{', '.join(choices)}{last}"
            )
        framed = self.network.has_frames and self.layer not in states.named
        if self.pool == "mean_std" and not framed:
            raise UsageError(
                f"hf:{self.target}: pool=mean_std needs a vector of each moment, and the model "
                "gives one of each piece; leave pool out"
            )

    def _wanted(self, states: States) -> Sequence[Tensor]:
        """Choose the states that the embedding is made of."""
        if self.layer in ("mean", "all"):
            return states.main
        if self.layer in states.named:
            return [states.named[self.layer]]
        return [states.main[int(self.layer)]]

    def _sums(self, audios: Sequence[FloatArray]) -> list[Sums]:
        """Sum over the frames of clips of one length."""
        short = len(audios[0]) < self.sample_rate
        with exact():  # so that the store may hold rows of a GPU beside those of a processor
            try:
                states = self._wanted(self.network.run(audios))
            except (RuntimeError, ValueError, AssertionError, IndexError) as error:
                if isinstance(error, torch.OutOfMemoryError) or not short:
                    raise
                raise self._too_short(len(audios[0])) from error
            frames = np.array([state.shape[1] for state in states], dtype=np.float64)
            doubles = [state.double() for state in states]
            values = torch.stack([state.sum(dim=1) for state in doubles], dim=1).cpu().numpy()
            squares = np.zeros_like(values)
            if self.pool == "mean_std":
                squares = torch.stack([(s * s).sum(dim=1) for s in doubles], dim=1).cpu().numpy()
        if short and not (frames.all() and np.isfinite(values).all()):
            raise self._too_short(len(audios[0]))
        return [Sums(*own, frames) for own in zip(values, squares, strict=True)]

    def _too_short(self, samples: int) -> UnusableClip:
        return UnusableClip(f"{samples / self.sample_rate:.3f} s is too short for the model")

    def _join(self, pieces: Sequence[Sums]) -> FloatArray:
        """Join the pieces of a clip, and take the layers that are asked for."""
        frames = np.sum([piece.frames for piece in pieces], axis=0)[:, None]
        pooled = means = np.sum([piece.values for piece in pieces], axis=0) / frames
        if self.pool == "mean_std":
            squares = np.sum([piece.squares for piece in pieces], axis=0) / frames
            deviations = np.sqrt(np.maximum(squares - means**2, 0))
            pooled = np.concatenate([means, deviations], axis=-1)
        if self.layer != "all":
            pooled = pooled.mean(axis=0)
        result: FloatArray = pooled.astype(np.float32)
        return result
