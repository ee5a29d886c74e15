"""MusicGen: states of a language model over codified audio, as JUKEBOX but of today.

The codes of EnCodec at 32 kHz (50 a second in each of four codebooks) go through
the language model of MusicGen (Copet et al., NeurIPS 2023); an embedding is the
mean over time of what comes out of one of its blocks. Longer clips are cut into
pieces of at most 30 seconds, which the models were trained on.

Parameters
----------
model : str
    ``small``, ``medium``, ``large``, or one of these after ``stereo-``, which
    reads the one channel as left and right; from the Hugging Face cache.
weights : str
    A folder with a model instead.
layer : int, optional
    Which state to give: 0 is the input of the first block, k the output of block
    k, the last one after the final normalisation. Left out, the middle one.
layers : str, optional
    ``all``: every one, in one pass.
text : str
    ``null``: no text, as in training for guidance and as audiocraft takes an
    empty text; ``empty``: the text "", as transformers takes it. Left out, ``null``.
pattern : str
    ``delay``: the codebooks shifted against each other after a start token, as
    in training; ``none``: as EnCodec gives them. Left out, ``delay``.
chunk : float
    Longest piece, in seconds.
dtype : str
    ``float32``, or ``float16`` for the language model, half the memory.
preset : str
    ``syntheory``: ``text=empty``, ``pattern=none`` and every clip divided by its
    peak, as SynTheory (Wei et al., ISMIR 2024) did with its clips of 4 seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.benchmark.api import ModelCost, UsageError

if TYPE_CHECKING:
    from mirbench.representations.musicgen.model import MusicGen
    from mirbench.representations.musicgen.shape import Options, Shape

CARD = {
    "title": "MusicGen",
    "paper": "Copet et al., Simple and Controllable Music Generation, NeurIPS 2023",
    "licence": "CC BY-NC 4.0",
    "trained_on": "20,000 hours of licensed music, vocals removed (Meta, Shutterstock, Pond5)",
    "requires": ["torch", "transformers"],
    "install": "pip install 'mirbench[hf]'",
}


def load_model(
    device: str = "cpu",
    model: str = "small",
    weights: str = "",
    layer: int | None = None,
    layers: str | None = None,
    text: str = "auto",
    pattern: str = "auto",
    chunk: float = 30.0,
    dtype: str = "float32",
    preset: str | None = None,
) -> MusicGen:
    """Load the model; see the module's docstring for the parameters.

    Raises
    ------
    UsageError
        If a parameter has no such value.
    MissingWeights
        If the model is not in the Hugging Face cache; with the command that gets it.
    DataError
        If the weights are damaged, or of something else.
    """
    from mirbench.representations.musicgen.model import MusicGen
    from mirbench.representations.musicgen.shape import read_shape
    from mirbench.representations.musicgen.weights import CHECKPOINTS, load_parts

    folder = CHECKPOINTS.folder(model, weights)
    shape = read_shape(folder)
    options = _options(
        shape,
        layer=layer,
        layers=layers,
        text=text,
        pattern=pattern,
        chunk=chunk,
        dtype=dtype,
        preset=preset,
    )
    return MusicGen(load_parts(folder, options), shape, options, device)


def model_files(model: str = "small", weights: str = "", **others: Any) -> dict[str, Path]:
    """Name the files that a model is made of; raises as `load_model` does."""
    from mirbench.representations._hub import deciding_files
    from mirbench.representations.musicgen.weights import CHECKPOINTS

    return deciding_files(CHECKPOINTS.folder(model, weights))


def plan_model(
    seconds: float, device: str = "cpu", model: str = "small", weights: str = "", **others: Any
) -> ModelCost:
    """Estimate what a clip of so many seconds costs, from a measured matrix product.

    Parameters
    ----------
    seconds : float
    device : str
    model, weights, others
        The parameters of `load_model`. The weights need not be here.

    Raises
    ------
    UsageError
        If a parameter has no such value.
    """
    from mirbench.representations.musicgen.planning import model_cost
    from mirbench.representations.musicgen.shape import MODELS, read_shape
    from mirbench.representations.musicgen.weights import CHECKPOINTS

    CHECKPOINTS.repository(model)
    shape = read_shape(CHECKPOINTS.folder(model, weights)) if weights else MODELS[model]
    return model_cost(shape, _options(shape, **others), seconds, device)


def _options(
    shape: Shape,
    *,
    layer: int | None = None,
    layers: str | None = None,
    text: str = "auto",
    pattern: str = "auto",
    chunk: float = 30.0,
    dtype: str = "float32",
    preset: str | None = None,
) -> Options:
    """Check parameters, and say what they mean together."""
    from mirbench.representations.musicgen.shape import LONGEST, Options

    usual = {"text": "null", "pattern": "delay"}
    if preset == "syntheory":
        usual = {"text": "empty", "pattern": "none"}
    elif preset is not None:
        raise UsageError(f"musicgen: preset must be syntheory or be left out, not {preset!r}")
    chosen = {}
    for name, value, values in (
        ("text", text, ("null", "empty")),
        ("pattern", pattern, ("delay", "none")),
        ("dtype", dtype, ("float32", "float16")),
    ):
        if value not in (*values, *(["auto"] if name in usual else [])):
            raise UsageError(f"musicgen: {name} must be {' or '.join(values)}, not {value!r}")
        chosen[name] = usual[name] if value == "auto" else value
        if preset is not None and chosen[name] != usual.get(name, chosen[name]):
            raise UsageError(
                f"musicgen: {name} is {usual[name]} with preset={preset}; leave it out"
            )
    if not 0 < chunk <= LONGEST:
        raise UsageError(
            f"musicgen: chunk must be above 0 and at most {LONGEST:g} seconds, which the models "
            f"were trained on, not {chunk:g}"
        )
    if layers not in (None, "all"):
        raise UsageError(f"musicgen: layers must be 'all' or be left out, not {layers!r}")
    one = shape.depth // 2 if layer is None else layer
    if isinstance(one, bool) or not isinstance(one, int) or not 0 <= one <= shape.depth:
        raise UsageError(f"musicgen: layer must be 0 to {shape.depth} with this model, not {one!r}")
    return Options(
        layers=(one,) if layers is None else tuple(range(shape.depth + 1)),
        named=layers == "all",
        text=chosen["text"],
        pattern=chosen["pattern"],
        peak=preset == "syntheory",
        chunk=chunk,
        dtype=chosen["dtype"],
    )
