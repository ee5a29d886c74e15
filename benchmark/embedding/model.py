"""Hold a plugin to the contract: every mistake becomes one clear sentence.

The sentence names the plugin, and the clip where there is one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mirbench.benchmark.api import FloatArray, PluginError, UnusableClip
from mirbench.benchmark.embedding.loading import LoadingInfo, read_loading_info
from mirbench.benchmark.machine.code_lines import error_text
from mirbench.benchmark.machine.last_words import doing
from mirbench.benchmark.progress import count


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a loaded model declares about itself, checked by `describe_model`."""

    name: str
    sample_rate: int
    dims: int
    layers: tuple[str, ...] = ()
    max_seconds: float | None = None
    heard_seconds: float | None = None
    batch_dependent: bool = False
    batch_size: int | None = None
    loading: LoadingInfo = field(default_factory=LoadingInfo)
    #: What loading it took, import included.
    load_seconds: float = field(default=0.0, compare=False)

    @property
    def fixed_batch(self) -> int | None:
        """Clips of a batch of which embeddings depend; None if each is embedded by itself."""
        return self.batch_size if self.batch_dependent else None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one embedding: ``(dims,)`` or ``(n_layers, dims)``."""
        return (len(self.layers), self.dims) if self.layers else (self.dims,)


def describe_model(model: Any, name: str) -> ModelInfo:
    """Read and check what a model declares.

    Raises
    ------
    PluginError
        If a required member is absent or has an impossible value.
    """
    try:
        return _describe(model, name)
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(
            f"representation {name!r}: reading what the model declares raised {error_text(error)}"
        ) from error


def _describe(model: Any, name: str) -> ModelInfo:
    for member in ("sample_rate", "dims"):
        value = getattr(model, member, None)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise PluginError(
                f"representation {name!r}: {member} must be a positive int, but is {value!r}"
            )
    if not callable(getattr(model, "embed", None)):
        raise PluginError(f"representation {name!r}: the model has no method embed(audio, sr)")
    layers = getattr(model, "layers", ())
    if not isinstance(layers, tuple | list) or not all(isinstance(n, str) for n in layers):
        raise PluginError(
            f"representation {name!r}: layers must be a tuple of names, is {layers!r}"
        )
    batch_size = getattr(model, "batch_size", None)
    if batch_size is not None and not (_is_number(batch_size) and batch_size >= 1):
        raise PluginError(
            f"representation {name!r}: batch_size must be positive, is {batch_size!r}"
        )
    batch_dependent = bool(getattr(model, "batch_dependent", False))
    if batch_dependent and batch_size is None:
        raise PluginError(f"representation {name!r}: batch_dependent needs a batch_size")
    if batch_dependent and not callable(getattr(model, "embed_batch", None)):
        raise PluginError(
            f"representation {name!r}: batch_dependent needs a method embed_batch(audios, sr)"
        )
    return ModelInfo(
        name=name,
        sample_rate=int(model.sample_rate),
        dims=int(model.dims),
        layers=tuple(layers),
        max_seconds=_seconds(model, "max_seconds", name),
        heard_seconds=_seconds(model, "heard_seconds", name),
        batch_dependent=batch_dependent,
        batch_size=None if batch_size is None else int(batch_size),
        loading=read_loading_info(model, name),
    )


def _seconds(model: Any, member: str, name: str) -> float | None:
    seconds = getattr(model, member, None)
    if seconds is not None and not (_is_number(seconds) and seconds > 0):
        raise PluginError(f"representation {name!r}: {member} must be positive, is {seconds!r}")
    return None if seconds is None else float(seconds)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def check_embedding(value: Any, info: ModelInfo, clip_id: str, method: str = "embed") -> FloatArray:
    """Check what a plugin's `method` returned for one clip.

    Parameters
    ----------
    value : object
        What it returned.
    info : ModelInfo
        What the model declares.
    clip_id : str
    method : str
        ``embed`` or ``embed_batch``, for messages.

    Raises
    ------
    PluginError
        In one sentence that names the plugin, the clip and the mistake.
    """
    who = f"representation {info.name!r}, clip {clip_id!r}: {method} returned"
    if not isinstance(value, np.ndarray):
        kind = type(value)
        hint = " (call .detach().cpu().numpy() on it)" if kind.__module__ == "torch" else ""
        name = (
            kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        )
        raise PluginError(f"{who} {name}, not a NumPy array{hint}")
    if value.dtype != np.float32:
        raise PluginError(f"{who} dtype {value.dtype}, not float32")
    if value.shape != info.shape:
        layers = f" and {count(len(info.layers), 'layer')}" if info.layers else ""
        raise PluginError(
            f"{who} shape {list(value.shape)}, but the model declares dims = {info.dims}{layers}, "
            f"so one embedding has shape {list(info.shape)}{_shape_hint(value, info)}"
        )
    bad = ~np.isfinite(value)
    if bad.any():
        what = "NaN" if np.isnan(value).any() else "infinity"
        raise PluginError(f"{who} {what} in {count(int(bad.sum()), 'value', of=value.size)}")
    return value


def _shape_hint(value: FloatArray, info: ModelInfo) -> str:
    """Say what to do about an array whose shape is not that of one embedding."""
    if value.shape == (1, *info.shape):
        return "; return x[0] or x.squeeze(0)"
    if value.size and value.squeeze().shape == info.shape:
        return "; return x.squeeze()"
    if value.ndim == 2 and not info.layers and value.shape[1] == info.dims:
        return "; average frames, x.mean(axis=0), or name layers in model.layers"
    if value.ndim == 2 and not info.layers and value.shape[0] == info.dims:
        return "; average frames, x.mean(axis=1)"
    return ""


def embed_clips(
    model: Any,
    info: ModelInfo,
    audios: Sequence[FloatArray],
    clip_ids: Sequence[str],
    limit: float | None = None,
) -> list[FloatArray | UnusableClip]:
    """Embed clips with a plugin's model, checking everything it returns.

    ``embed_batch`` is used where the model has it. If that fails, the clips
    are tried one by one: where one clip is at fault, or the batch was too
    large for the memory, the others are embedded all the same. A batch that
    breaks the contract though every clip by itself does not is an error.

    Parameters
    ----------
    model : Representation
    info : ModelInfo
        What it declares.
    audios : sequence of ndarray of float32, shape [n_samples]
        Mono audio at the rate of the model.
    clip_ids : sequence of str
        Of the clips or windows, for messages.
    limit : float, optional
        Seconds that the model may take for each, before the worker ends itself.

    Returns
    -------
    list
        One checked embedding per clip, or the `UnusableClip` it raised.

    Raises
    ------
    PluginError
        If the plugin breaks the contract or raises anything else.
    """
    if not audios:
        return []
    batch = getattr(model, "embed_batch", None)
    if batch is not None and (len(audios) > 1 or info.batch_dependent):
        try:
            with _embedding(info, _clips(clip_ids), limit and limit * len(audios)):
                values = batch(list(audios), info.sample_rate)
        except (Exception, SystemExit) as error:
            failure = _raised(info, _clips(clip_ids), error, "embed_batch")
            if info.batch_dependent:
                raise failure from error
            singly = _embed_each(model, info, audios, clip_ids, limit)
            unusable = any(isinstance(value, UnusableClip) for value in (error, *singly))
            if unusable or isinstance(error, MemoryError) or "memory" in str(error).lower():
                return singly
            raise failure from error
        try:
            return list(_checked_batch(values, info, clip_ids))
        except PluginError:
            if not info.batch_dependent:
                _embed_each(model, info, audios, clip_ids, limit)
            raise
    return _embed_each(model, info, audios, clip_ids, limit)


def _embed_each(
    model: Any,
    info: ModelInfo,
    audios: Sequence[FloatArray],
    clip_ids: Sequence[str],
    limit: float | None,
) -> list[FloatArray | UnusableClip]:
    return [
        _embed_one(model, info, audio, id_, limit)
        for audio, id_ in zip(audios, clip_ids, strict=True)
    ]


def _checked_batch(values: Any, info: ModelInfo, clip_ids: Sequence[str]) -> list[FloatArray]:
    which = _clips(clip_ids)
    try:
        returned = count(len(values), "embedding")
    except TypeError:
        returned = type(values).__name__
    if returned != count(len(clip_ids), "embedding"):
        raise PluginError(
            f"representation {info.name!r}: embed_batch returned {returned} for {which}"
        )
    return [
        check_embedding(value, info, clip_id, "embed_batch")
        for value, clip_id in zip(values, clip_ids, strict=True)
    ]


def _embed_one(
    model: Any, info: ModelInfo, audio: FloatArray, clip_id: str, limit: float | None
) -> FloatArray | UnusableClip:
    try:
        with _embedding(info, f"clip {clip_id!r}", limit):
            value = model.embed(audio, info.sample_rate)
    except UnusableClip as unusable:
        return unusable
    except (Exception, SystemExit) as error:
        raise _raised(info, f"clip {clip_id!r}", error) from error
    return check_embedding(value, info, clip_id)


def _embedding(
    info: ModelInfo, what: str, limit: float | None
) -> contextlib.AbstractContextManager[None]:
    return doing(f"embedding {what} with representation {info.name!r}", limit)


def _clips(clip_ids: Sequence[str]) -> str:
    if len(clip_ids) == 1:
        return f"clip {clip_ids[0]!r}"
    return f"{count(len(clip_ids), 'clip')} that start with {clip_ids[0]!r}"


def _raised(info: ModelInfo, what: str, error: BaseException, method: str = "embed") -> PluginError:
    return PluginError(f"representation {info.name!r}, {what}: {method} raised {error_text(error)}")
