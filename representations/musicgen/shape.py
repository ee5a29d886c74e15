"""The sizes of MusicGen's language models, and what an embedding is made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import DataError

#: Of the audio, in Hz, and of the codes: one for so many samples.
SAMPLE_RATE, HOP = 32_000, 640

#: Seconds that the models were trained on, and so the longest piece.
LONGEST = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of the language model; the defaults are those of ``small``, and of transformers.

    Attributes
    ----------
    width, depth, inner : int
        Channels, blocks, and channels of the hidden layer of a block.
    codebooks, channels : int
        Codes at each position, those of both channels of stereo together; and channels.
    codes : int
        How many there are in a codebook; the tables have one row more, for the padding.
    """

    width: int = 1024
    depth: int = 24
    inner: int = 4096
    codebooks: int = 4
    channels: int = 1
    codes: int = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an embedding is made.

    Attributes
    ----------
    layers : tuple of int
        Which states: 0 is the input of the first block, the last one is normalised.
    named : bool
        An embedding has one row a layer, instead of being that of the only layer.
    text : {"null", "empty"}
    pattern : {"delay", "none"}
    peak : bool
        Divide a clip by its largest absolute value.
    chunk : float
        Longest piece, in seconds.
    dtype : {"float32", "float16"}
    """

    layers: tuple[int, ...]
    named: bool
    text: str
    pattern: str
    peak: bool
    chunk: float
    dtype: str


_SIZES = {
    "small": {},
    "medium": {"width": 1536, "depth": 48, "inner": 6144},
    "large": {"width": 2048, "depth": 48, "inner": 8192},
}

#: By the name that the parameter `model` gives; ``facebook/musicgen-`` before it is the hub id.
MODELS = {
    prefix + name: Shape(**size, codebooks=4 * channels, channels=channels)
    for prefix, channels in (("", 1), ("stereo-", 2))
    for name, size in _SIZES.items()
}

#: What transformers calls the attributes of `Shape`.
_NAMES = {
    "width": "hidden_size",
    "depth": "num_hidden_layers",
    "inner": "ffn_dim",
    "codebooks": "num_codebooks",
    "channels": "audio_channels",
    "codes": "vocab_size",
}


def read_shape(folder: Path) -> Shape:
    """Read the sizes in a model's ``config.json``, where those of ``small`` may be left out.

    Raises
    ------
    DataError
        If it is the configuration of something else, or cannot be read.
    """
    path = folder / "config.json"
    try:
        config: Any = json.loads(path.read_text(encoding="utf-8"))
        kind, decoder = config["model_type"], config["decoder"]
        usual = Shape()
        values = {own: decoder.get(name, getattr(usual, own)) for own, name in _NAMES.items()}
    except OSError as error:
        raise DataError(f"musicgen: cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"musicgen: {path} is no configuration of a MusicGen model") from error
    if kind != "musicgen":
        raise DataError(f"musicgen: {path} is of a model of type {kind!r}, not 'musicgen'")
    if not all(type(value) is int and value > 0 for value in values.values()):
        raise DataError(f"musicgen: the sizes in {path} must be whole numbers above 0")
    return Shape(**values)
