"""JUKEBOX: activations of a language model of music, 4800-d.

The middle layer (36 of 72) of the top prior of Jukebox ``5b`` (Dhariwal et
al. 2020, github.com/openai/jukebox), averaged over time, as Castellon, Donahue
& Liang (ISMIR 2021) extracted it (github.com/p-lambda/jukemir): audio at 44,100
Hz divided by its peak, the first 25 seconds turned into codes by the VQ-VAE,
the first 8,192 codes (23.78 seconds) through the prior, with artist and genre
unknown and a claimed length of 62 seconds.

The peak is that of the whole clip, as in the paper's code, although no more than 25
seconds are looked at. So `heard_seconds` is declared and not `max_seconds`: a long
file is decoded to its end, and a loud passage late in it changes the embedding.

Clips of less than 23.78 seconds, which the original refuses, give fewer
positions; the model is causal, so these are the first positions of a longer clip.

Parameters
----------
model : str
    Which layers the weights hold: ``5b`` layers 1 to 36, ``5b-72`` all of them.
layer : int
    Which one to give.
layers : str, optional
    ``all``: every layer that the weights hold.
dtype : str, optional
    ``float32``, the default on a processor, computes exactly as the original did;
    ``float16``, the default on a GPU, agrees with it to about 1e-4.
pool : str
    ``mean`` over time; ``none`` gives the frames themselves, for use from Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mirbench.benchmark.api import ModelCost, UsageError, weights_file

if TYPE_CHECKING:
    import torch

    from mirbench.representations.jukebox.model import Jukebox

CARD = {
    "title": "JUKEBOX",
    "paper": "Dhariwal et al., arXiv:2005.00341; Castellon, Donahue & Liang, ISMIR 2021",
    "licence": "Noncommercial Use License (OpenAI)",
    "trained_on": "1.2 million songs, not published",
    "requires": ["torch"],
    "parameters": 2_538_811_200,
    "weights": {
        "5b": {
            "licence": "Noncommercial Use License (OpenAI)",
            "files": {
                "vqvae.pth.tar": {
                    "source": "https://openaipublic.azureedge.net/jukebox/models/5b/vqvae.pth.tar"
                },
                "prior_level_2.pth.tar": {
                    "source": "https://openaipublic.azureedge.net/jukebox/models/5b/"
                    "prior_level_2.pth.tar"
                },
            },
        },
        "5b-72": {
            "licence": "Noncommercial Use License (OpenAI)",
            "parameters": 5_028_470_400,
            "files": {
                "vqvae.pth.tar": {
                    "source": "https://openaipublic.azureedge.net/jukebox/models/5b/vqvae.pth.tar"
                },
                "prior_level_2.pth.tar": {
                    "source": "https://openaipublic.azureedge.net/jukebox/models/5b/"
                    "prior_level_2.pth.tar"
                },
            },
        },
    },
    "weights_parameter": "model",
}

#: Layers that each set of weights holds.
KEPT_LAYERS = {"5b": 36, "5b-72": 72}

#: What is said where an embedding is wanted and ``pool=none`` was given.
ONLY_FRAMES = (
    "jukebox with pool=none gives frames, for use from Python, and a probe wants one vector a "
    "clip: leave pool out"
)


def load_model(
    device: str = "cpu",
    model: str = "5b",
    layer: int = 36,
    layers: str | None = None,
    dtype: str | None = None,
    pool: str = "mean",
) -> Jukebox:
    """Load the model; see the module's docstring for the parameters.

    Raises
    ------
    UsageError
        If a parameter has no such value.
    """
    from mirbench.representations.jukebox.model import Jukebox
    from mirbench.representations.jukebox.shape import FIVE_B

    wanted, dtype = _checked(device, model, layer, layers, dtype, pool)
    path = weights_file("jukebox", model)
    return Jukebox(path, FIVE_B, wanted, layers == "all", device, dtype, pool)


def convert_weights(name: str, files: Mapping[str, Path]) -> Iterator[tuple[str, torch.Tensor]]:
    """Turn the checkpoints of set `name` into named tensors, one by one; raises DataError."""
    from mirbench.representations.jukebox.shape import FIVE_B
    from mirbench.representations.jukebox.weights import convert

    return convert(FIVE_B, KEPT_LAYERS[name], files)


def plan_model(
    seconds: float,
    device: str = "cpu",
    model: str = "5b",
    layer: int = 36,
    layers: str | None = None,
    dtype: str | None = None,
    pool: str = "mean",
) -> ModelCost:
    """Estimate what a clip of so many seconds costs, from a measured matrix product.

    Raises
    ------
    UsageError
        If a parameter has no such value.
    """
    from mirbench.representations.jukebox.planning import model_cost
    from mirbench.representations.jukebox.shape import FIVE_B

    wanted, dtype = _checked(device, model, layer, layers, dtype, pool)
    if pool == "none":
        raise UsageError(ONLY_FRAMES)
    return model_cost(FIVE_B, wanted, layers == "all", seconds, device, dtype)


def _checked(
    device: str, model: str, layer: int, layers: str | None, dtype: str | None, pool: str
) -> tuple[Sequence[int], str]:
    """Give the numbers of the wanted layers, and the precision."""
    if model not in KEPT_LAYERS:
        raise UsageError(f"jukebox has the models {' and '.join(KEPT_LAYERS)}, not {model!r}")
    kept = KEPT_LAYERS[model]
    if layers not in (None, "all"):
        raise UsageError(f"jukebox: layers must be 'all' or be left out, not {layers!r}")
    if isinstance(layer, bool) or not isinstance(layer, int) or not 1 <= layer <= kept:
        hint = "; model=5b-72 has all 72" if kept < 72 and layer in range(kept, 73) else ""
        raise UsageError(f"jukebox: layer must be 1 to {kept} with model={model}{hint}")
    if dtype is None:
        dtype = "float32" if device == "cpu" else "float16"
    if dtype not in ("float32", "float16"):
        raise UsageError(f"jukebox: dtype must be float32 or float16, not {dtype!r}")
    if pool not in ("mean", "none"):
        raise UsageError(f"jukebox: pool must be mean or none, not {pool!r}")
    if pool == "none" and layers == "all":
        raise UsageError("jukebox: the frames of all layers would take gigabytes; name one layer")
    return range(1, kept + 1) if layers == "all" else (layer,), dtype
