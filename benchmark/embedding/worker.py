"""What one worker process does: decode some clips, embed them, check what comes back."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import resource
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import (
    Clip,
    FloatArray,
    PluginError,
    Representation,
    UnusableClip,
    window_id,
)
from mirbench.benchmark.datasets.audio import (
    audio_info,
    quiet_decoders,
    read_audio,
    read_windows,
)
from mirbench.benchmark.datasets.clip_checks import what_is_short
from mirbench.benchmark.datasets.deform import change_of
from mirbench.benchmark.embedding.absent import AbsentClip, read_surely
from mirbench.benchmark.embedding.model import ModelInfo, describe_model, embed_clips
from mirbench.benchmark.embedding.pair import ModelKey
from mirbench.benchmark.embedding.reading import Reads, watched
from mirbench.benchmark.machine.code_lines import error_text
from mirbench.benchmark.machine.last_words import doing
from mirbench.benchmark.progress import count
from mirbench.benchmark.registry import RepresentationSpec, parse_representation


@dataclass(frozen=True)
class Chunk:
    """Work for one worker: some clips of one shard, or a whole batch.

    `rows` are those of a batch, see `mirbench.benchmark.embedding.shard_spec.ShardSpec`, and
    `clip_timeout` the seconds that the model may take for a clip.
    """

    model: ModelKey
    window: float | None
    clips: tuple[Clip, ...]
    shard: int
    rows: tuple[tuple[int, int], ...] | None = None
    #: Where relative paths start; a worker may have been started elsewhere.
    folder: str = field(default_factory=os.getcwd)
    clip_timeout: float | None = None

    @property
    def doing(self) -> str:
        """What a worker is at that has it, in words."""
        if len(self.clips) == 1:
            return f"embedding clip {self.clips[0].id!r}"
        first = self.clips[0].id if self.clips else ""
        return f"embedding {count(len(self.clips), 'clip')} that start with {first!r}"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a `Chunk`: rows per clip id, or the reason why there are none."""

    shard: int
    rows: dict[str, FloatArray]
    missing: dict[str, str]
    seconds: float
    peak_bytes: int
    layers: tuple[str, ...]
    made_with: dict[str, str]
    #: Size of the model's fixed batches; None if it embeds every clip by itself.
    batch_size: int | None
    #: Which of the missing clips are so only because their files could not be read.
    absent: frozenset[str] = frozenset()
    #: What the model remarks on rows, and on how many of them.
    notes: dict[str, int] = field(default_factory=dict)
    #: Files besides its source that the model has read, while it was loaded or now.
    files: frozenset[Path] = frozenset()
    #: Whether it has read others that had just been written, as weights are that it downloads.
    fresh: bool = False


@dataclass(frozen=True, eq=False)
class Decoded:
    """The audio of a chunk, by place of the clip and window, and why there is none of a clip id."""

    audio: dict[tuple[int, int], FloatArray]
    missing: dict[str, str]
    absent: frozenset[str]
    seconds: float


def stand_in(folder: str) -> None:
    """Go to the folder where relative paths start; a worker may have been started elsewhere."""
    if os.getcwd() != folder:
        os.chdir(folder)


def decode_chunk(work: tuple[Chunk, ModelInfo]) -> Decoded:
    """Decode some clips as a model wants them; runs in a worker process beside a GPU."""
    chunk, info = work
    started = time.perf_counter()
    stand_in(chunk.folder)
    audio, missing, absent = _decoded(chunk, info)
    return Decoded(audio, missing, absent, time.perf_counter() - started)


def model_info(work: tuple[ModelKey, str]) -> ModelInfo:
    """Say what a model declares; a worker process that has loaded it keeps it.

    Parameters
    ----------
    work : tuple of ModelKey and str
        The model, and the folder where relative paths start.
    """
    model, folder = work
    stand_in(folder)
    return loaded_model(model)[1]


def embed_chunk(chunk: Chunk, decoded: Decoded | None = None) -> Outcome:
    """Embed some clips, decoded here unless that was done before; runs in a worker process."""
    started = time.perf_counter()
    stand_in(chunk.folder)
    model, info = loaded_model(chunk.model)
    before = 0.0 if decoded is None else decoded.seconds
    decoded = decoded or decode_chunk((chunk, info))
    audio, missing = decoded.audio, dict(decoded.missing)
    order = list(audio) if chunk.rows is None else [row for row in chunk.rows if row in audio]
    ids = [window_id(chunk.clips[place].id, k if chunk.window else None) for place, k in order]
    audios = [audio[row] for row in order]
    with watched(spec_of(chunk.model)) as reads, spec_of(chunk.model).plugin.running():
        values = embed_clips(model, info, audios, ids, chunk.clip_timeout)
    rows: dict[str, list[FloatArray]] = {}
    for (place, _), value in sorted(zip(order, values, strict=True), key=lambda pair: pair[0]):
        if isinstance(value, UnusableClip):
            missing.setdefault(chunk.clips[place].id, str(value))
        else:
            rows.setdefault(chunk.clips[place].id, []).append(value)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds = before + time.perf_counter() - started
    made_with = {"device": chunk.model.device, **_versions(chunk.model.representation)}
    whole = {id_: np.stack(values) for id_, values in rows.items() if id_ not in missing}
    kept = [audio[row] for row in order if chunk.clips[row[0]].id in whole]
    with spec_of(chunk.model).plugin.running():
        made_with |= getattr(model, "made_with", {})
        notes = _notes(model, info, kept)
    return Outcome(
        shard=chunk.shard,
        rows=whole,
        missing=missing,
        seconds=seconds,
        peak_bytes=peak,
        layers=info.layers,
        made_with=made_with,
        batch_size=info.fixed_batch,
        absent=decoded.absent,
        notes=notes,
        files=frozenset(reads.files | read_while_loading(chunk.model).files),
        fresh=reads.fresh or read_while_loading(chunk.model).fresh,
    )


def _notes(model: Representation, info: ModelInfo, audios: list[FloatArray]) -> dict[str, int]:
    """Count what the model remarks on clips or windows."""
    note = getattr(model, "note", None)
    if note is None:
        return {}
    try:
        return dict(Counter(filter(None, (note(audio, info.sample_rate) for audio in audios))))
    except Exception as error:
        raise PluginError(
            f"representation {info.name!r}: note raised {error_text(error)}"
        ) from error


def _decoded(
    chunk: Chunk, info: ModelInfo
) -> tuple[dict[tuple[int, int], FloatArray], dict[str, str], frozenset[str]]:
    """Audio by place of the clip and window, in order; clip id to why there is none; the absent."""
    audio: dict[tuple[int, int], FloatArray] = {}
    missing: dict[str, str] = {}
    absent = set()
    for place, clip in enumerate(chunk.clips):
        only = None if chunk.rows is None else sorted(k for at, k in chunk.rows if at == place)
        try:
            with quiet_decoders(), doing(f"decoding clip {clip.id!r}"):
                read = functools.partial(_read, clip, chunk.window, info, only)
                pieces = read_surely(audio_path(clip), read)
        except UnusableClip as error:
            missing[clip.id] = str(error)
            if isinstance(error, AbsentClip):
                absent.add(clip.id)
            continue
        numbers = range(len(pieces)) if only is None else only
        audio |= {(place, k): piece for k, piece in zip(numbers, pieces, strict=True)}
    return audio, missing, frozenset(absent)


@functools.cache
def _versions(representation: str) -> dict[str, str]:
    """Versions of what decodes audio, and of what the model's card says it needs."""
    found = {}
    for name in ("numpy", "soundfile", "soxr", *parse_representation(representation).requires):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def audio_path(clip: Clip) -> Path:
    """Return the audio file of a clip; raises `UnusableClip` where there is none."""
    if clip.path is None:
        raise UnusableClip("its audio file is not on disk")
    return clip.path


def _read(
    clip: Clip, window: float | None, info: ModelInfo, only: Collection[int] | None
) -> list[FloatArray]:
    path = audio_path(clip)
    if clip.min_duration:
        short = what_is_short(clip, window, audio_info(path).duration)
        if short is not None:
            raise UnusableClip(f"{path.name} {short}")
    change = change_of(clip)
    excerpt = clip.start, clip.duration
    if window is not None:
        return read_windows(path, info.sample_rate, window, *excerpt, only=only, change=change)
    if change is not None:  # of the whole, of which the model may look at a part
        seconds = info.max_seconds
        return [read_audio(path, info.sample_rate, *excerpt, change=change, at_most=seconds)]
    duration = clip.duration
    if info.max_seconds is not None:
        duration = min(info.max_seconds, duration) if duration else info.max_seconds
        duration = _at_most(duration, clip)
    return [read_audio(path, info.sample_rate, clip.start, duration)]


def _at_most(duration: float, clip: Clip) -> float | None:
    """Not more than the file has: asking for more would look like a truncated file."""
    assert clip.path is not None
    left = audio_info(clip.path).duration - clip.start
    return clip.duration if duration >= left else duration


#: What the model of this process read while it was loaded.
_read_while_loading: dict[ModelKey, Reads] = {}


def read_while_loading(key: ModelKey) -> Reads:
    """Say what the model of this process read while it was loaded."""
    return _read_while_loading.get(key, Reads())


@functools.lru_cache(maxsize=1)
def loaded_model(key: ModelKey) -> tuple[Representation, ModelInfo]:
    """Load a model, and read what it declares; this process keeps the last one.

    Raises
    ------
    MirbenchError
        If it cannot be loaded, breaks the contract or is not the one that was fingerprinted.
    """
    # The memory may not hold the model before beside this one, even if it refers to itself.
    loaded_model.cache_clear()
    spec_of.cache_clear()
    gc.collect()
    started = time.perf_counter()
    spec = parse_representation(key.representation, key.cache)
    # What its modules read when they are imported is to be seen, and to be what it is now.
    spec.plugin.unload()
    with watched(spec) as reads, doing(f"loading representation {spec.label!r}"):
        model = spec.load(key.device)
    _read_while_loading.clear()
    _read_while_loading[key] = reads
    if spec.fingerprint() != key.fingerprint:
        raise PluginError(
            f"representation {spec.label!r} was changed while it was run; run the command again"
        )
    with spec.plugin.running():
        info = describe_model(model, spec.label)
    return model, replace(info, load_seconds=time.perf_counter() - started)


@functools.lru_cache(maxsize=1)
def spec_of(key: ModelKey) -> RepresentationSpec:
    """Find the representation that a model is of."""
    return parse_representation(key.representation, key.cache)
