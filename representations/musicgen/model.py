"""MusicGen as a representation: audio in, states of its language model out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mirbench.benchmark.api import FloatArray, PluginError, UnusableClip, UsageError
from mirbench.representations._inference import exact
from mirbench.representations._lengths import by_length
from mirbench.representations.jukebox.precision import exact_products
from mirbench.representations.musicgen.codes import delayed
from mirbench.representations.musicgen.shape import HOP, SAMPLE_RATE, Options, Shape
from mirbench.representations.musicgen.weights import Parts

#: Pieces that go through the language model at once on a GPU; on a processor one at a time.
BATCH = 8

#: Is given each wanted state in turn, ``[n_pieces, n_frames, width]``.
OnState = Callable[[Tensor], None]


class MusicGen:
    """EnCodec's encoder and the language model, on one device.

    Parameters
    ----------
    parts : Parts
        What `weights.load_parts` keeps of a model; moved to the device.
    shape : Shape
    options : Options
        The same as for `weights.load_parts`.
    device : str
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, parts: Parts, shape: Shape, options: Options, device: str) -> None:
        self.dims = shape.width
        self.layers = tuple(map(str, options.layers)) if options.named else ()
        self._shape, self._options = shape, options
        self._device = torch.device(device)
        self._batch = 1 if self._device.type == "cpu" else BATCH
        kind = getattr(torch, options.dtype)
        self._codec = parts.codec.to(self._device)
        self._decoder = parts.decoder.to(self._device, kind)
        self._text = None if parts.text is None else parts.text.to(self._device, kind)
        self._padding = parts.padding

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent audio ``[n_samples]`` as float32 ``[width]`` or ``[n_layers, width]``."""
        return self.embed_batch([audio], sr)[0]

    def embed_batch(self, audios: Sequence[FloatArray], sr: int) -> list[FloatArray]:
        """Represent clips; pieces of one length go through the model together, unpadded.

        Raises
        ------
        UnusableClip
            If a clip is empty.
        PluginError
            If float16 overflows.
        """
        cut = [self._pieces(audio, sr) for audio in audios]
        pieces = [piece for own in cut for piece in own]
        means: dict[int, FloatArray] = {}
        counts: dict[int, int] = {}
        with _exactly():
            codes = [self._encode(piece) for piece in pieces]
            for places in by_length(pieces):
                for first in range(0, len(places), self._batch):
                    some = places[first : first + self._batch]
                    found = self._means(torch.stack([codes[place] for place in some]))
                    means |= dict(zip(some, found, strict=True))
                    counts |= {place: codes[place].shape[-1] for place in some}
        place = iter(range(len(pieces)))
        return [self._join(means, counts, [next(place) for _ in own]) for own in cut]

    def frames(self, audio: FloatArray, sr: int) -> FloatArray:
        """States of the wanted layers before pooling, float32 ``[n_layers, n_frames, width]``.

        One frame for 640 samples, those of one piece after those of another.
        """
        pieces: list[Tensor] = []
        with _exactly():
            for piece in self._pieces(audio, sr):
                states: list[Tensor] = []
                self._run(self._encode(piece)[None], states.append)
                pieces.append(torch.stack([state[0].float().cpu() for state in states]))
        frames: FloatArray = torch.cat(pieces, dim=1).numpy()
        return frames

    def codes(self, audio: FloatArray, sr: int) -> list[Tensor]:
        """Codes of EnCodec, int64 ``[n_codebooks, n_frames]``, of each piece of a clip."""
        with _exactly():
            return [self._encode(piece) for piece in self._pieces(audio, sr)]

    def _pieces(self, audio: FloatArray, sr: int) -> list[FloatArray]:
        """Cut a clip where a frame begins, into pieces of one length but for the last."""
        if sr != SAMPLE_RATE:
            raise UsageError(f"musicgen wants audio at {SAMPLE_RATE} Hz, not {sr} Hz")
        if not len(audio):
            raise UnusableClip("it has no samples")
        if self._options.peak and (peak := np.abs(audio).max()) > 0:
            audio = audio / peak
        frames = math.ceil(len(audio) / HOP)
        longest = max(1, int(self._options.chunk * SAMPLE_RATE) // HOP)
        step = HOP * math.ceil(frames / math.ceil(frames / longest))
        return [audio[first : first + step] for first in range(0, len(audio), step)]

    def _encode(self, piece: FloatArray) -> Tensor:
        """Turn a piece into codes ``[n_codebooks, n_frames]``.

        By itself, so that a batch does not decide between codewords that are equally near.
        """
        audio = torch.tensor(piece, dtype=torch.float32, device=self._device)
        found: Tensor = self._codec.encode(audio[None, None]).audio_codes
        if self._shape.channels == 2:
            found = found.repeat_interleave(2, dim=2)  # left and right of one channel
        wanted = (1, 1, self._shape.codebooks, math.ceil(len(piece) / HOP))
        if found.shape != wanted:
            raise PluginError(
                f"musicgen: its EnCodec gave codes of the shape {list(found.shape)}, not "
                f"{list(wanted)}; this is no codec of 50 frames a second that fits the model"
            )
        return found[0, 0]

    def _means(self, codes: Tensor) -> FloatArray:
        """Average over time, to float64 ``[n_pieces, n_layers, width]``.

        Where memory ends, by halves.
        """
        means: list[Tensor] = []
        try:
            self._run(codes, lambda state: means.append(state.double().mean(1).cpu()))
            found: FloatArray = torch.stack(means, 1).numpy()
            return found
        except torch.OutOfMemoryError:
            if len(codes) == 1:
                raise
        half = len(codes) // 2
        return np.concatenate([self._means(codes[:half]), self._means(codes[half:])])

    def _run(self, codes: Tensor, on_state: OnState) -> None:
        """Run codes ``[n_pieces, n_codebooks, n_frames]`` through the language model."""
        first = 0
        if self._options.pattern == "delay":
            codes, first = delayed(codes, self._padding, self._shape.channels), 1
        text = None if self._text is None else self._text.expand(len(codes), -1, -1)
        with self._watched(lambda state: on_state(state[:, first:])):
            self._decoder(
                input_ids=codes.flatten(0, 1), encoder_hidden_states=text, use_cache=False
            )

    @contextmanager
    def _watched(self, on_state: OnState) -> Iterator[None]:
        """Hand over the wanted states as they are computed, so that none is kept."""
        blocks, hooks = self._decoder.layers, []

        def of_output(module: Any, inputs: Any, output: Any) -> None:
            on_state(output[0] if isinstance(output, tuple) else output)

        for layer in self._options.layers:
            if layer == 0:
                hook = blocks[0].register_forward_pre_hook(lambda _, inputs: on_state(inputs[0]))
            elif layer == self._shape.depth:
                hook = self._decoder.layer_norm.register_forward_hook(of_output)
            else:
                hook = blocks[layer - 1].register_forward_hook(of_output)
            hooks.append(hook)
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _join(
        self, means: dict[int, FloatArray], counts: dict[int, int], places: Sequence[int]
    ) -> FloatArray:
        """Join the pieces of a clip, each as heavy as it has frames."""
        joined = np.average(
            [means[place] for place in places], axis=0, weights=[counts[place] for place in places]
        )
        if not np.isfinite(joined).all() and self._options.dtype == "float16":
            raise PluginError("float16 overflowed; use the parameter dtype=float32")
        return (joined if self.layers else joined[0]).astype(np.float32)


@contextmanager
def _exactly() -> Iterator[None]:
    with exact_products(), exact():
        yield
