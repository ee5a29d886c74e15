"""What one worker process does: decode some clips, embed them, check what comes back."""

from __future__ import annotations

import contextlib
import functools
import os
import resource
import time
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from mirbench.benchmark.api import Clip, FloatArray, PluginError, Representation, UnusableClip
from mirbench.benchmark.audio import audio_info, quiet_decoders, read_audio, read_windows
from mirbench.benchmark.contract import ModelInfo, describe_model, embed_clips
from mirbench.benchmark.registry import RepresentationSpec, parse_representation


@dataclass(frozen=True)
class Chunk:
    """Work for one worker: some clips of one shard."""

    representation: str
    fingerprint: str
    device: str
    window: float | None
    clips: tuple[Clip, ...]
    shard: int
    #: Where relative paths start; a worker may have been started elsewhere.
    folder: str = field(default_factory=os.getcwd)


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


def embed_chunk(chunk: Chunk) -> Outcome:
    """Decode and embed some clips; runs in a worker process."""
    started = time.perf_counter()
    if os.getcwd() != chunk.folder:
        os.chdir(chunk.folder)
    model, info = _loaded_model(chunk.representation, chunk.fingerprint, chunk.device)
    ids: list[str] = []
    audios: list[FloatArray] = []
    counts: dict[str, int] = {}
    missing: dict[str, str] = {}
    for clip in chunk.clips:
        try:
            with quiet_decoders():
                pieces = _read(clip, chunk.window, info)
        except UnusableClip as error:
            missing[clip.id] = str(error)
            continue
        counts[clip.id] = len(pieces)
        audios += pieces
        windows = [f"{clip.id}-{k}" for k in range(len(pieces))]
        ids += windows if chunk.window else [clip.id]
    values = iter(embed_clips(model, info, audios, ids))
    rows: dict[str, FloatArray] = {}
    for clip_id, count in counts.items():
        own = [next(values) for _ in range(count)]
        unusable = [value for value in own if isinstance(value, UnusableClip)]
        if unusable:
            missing[clip_id] = str(unusable[0])
        else:
            rows[clip_id] = np.stack([v for v in own if not isinstance(v, UnusableClip)])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds = time.perf_counter() - started
    made_with = {"device": chunk.device, **_versions(chunk.representation)}
    return Outcome(chunk.shard, rows, missing, seconds, peak, info.layers, made_with)


def declared(spec: RepresentationSpec, device: str) -> ModelInfo:
    """Load a representation in this process, and give what its model declares.

    Raises
    ------
    MirbenchError
        If it cannot be loaded or breaks the contract.
    """
    return _loaded_model(spec.text, spec.fingerprint(), device)[1]


@functools.cache
def _versions(representation: str) -> dict[str, str]:
    """Versions of what decodes audio, and of what the model's card says it needs."""
    found = {}
    for name in ("numpy", "soundfile", "soxr", *parse_representation(representation).requires):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _read(clip: Clip, window: float | None, info: ModelInfo) -> list[FloatArray]:
    if clip.path is None:
        raise UnusableClip("its audio file is not on disk")
    if window is not None:
        return read_windows(clip.path, info.sample_rate, window, clip.start, clip.duration)
    duration = clip.duration
    if info.max_seconds is not None:
        duration = min(info.max_seconds, duration) if duration else info.max_seconds
        duration = _at_most(duration, clip)
    return [read_audio(clip.path, info.sample_rate, clip.start, duration)]


def _at_most(duration: float, clip: Clip) -> float | None:
    """Not more than the file has: asking for more would look like a truncated file."""
    assert clip.path is not None
    left = audio_info(clip.path).duration - clip.start
    return clip.duration if duration >= left else duration


@functools.lru_cache(maxsize=1)
def _loaded_model(
    representation: str, fingerprint: str, device: str
) -> tuple[Representation, ModelInfo]:
    spec = parse_representation(representation)
    model = spec.load(device)
    if spec.fingerprint() != fingerprint:
        raise PluginError(
            f"representation {spec.label!r} was changed while it was run; run the command again"
        )
    info = describe_model(model, spec.label)
    if info.batch_dependent:
        raise PluginError(
            f"representation {spec.label!r} declares batch_dependent, but this version of "
            "mirbench embeds every clip by itself"
        )
    return model, info
