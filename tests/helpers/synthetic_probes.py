"""Data of every kind of task for probes of the original code, drawn from seeds.

The authors' code was run on these arrays; what came out is in
``tests/data/synthetic_probes.json``. So every number counts: which generator
(NumPy's PCG64), in which order, rounded where. All arithmetic is elementwise
and rounded to three decimals, which no processor does differently.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import Kind
from mirbench.benchmark.probing import ProbeData

Values = npt.NDArray[np.float64]


class Drawn(NamedTuple):
    """Targets of a split, what its rows look like without noise, and the clips of windows."""

    targets: npt.NDArray[Any]
    signal: Values
    clips: npt.NDArray[np.int64] | None = None


#: Draws a split of so many clips.
Source = Callable[[int], Drawn]


@dataclass(frozen=True)
class Recipe:
    """A task of made-up data.

    Attributes
    ----------
    source : callable
        Takes generator and dims, draws what all splits share, and returns a `Source`.
    sizes : tuple of int
        Clips for training, validation and test.
    signal, noise : float
        Factors of what the targets say and of the normal noise.
    offset : float
        Added to every column: far from zero, unstandardised probes saturate.
    """

    source: Callable[[np.random.Generator, int], Source]
    kind: Kind
    seed: int
    dims: int
    sizes: tuple[int, int, int]
    signal: float
    noise: float = 1.0
    offset: float = 0.0
    metrics: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    n_outputs: int | None = None


def _classes(rng: np.random.Generator, dims: int) -> Source:
    centres = _thousandths(rng.standard_normal((10, dims)))

    def draw(n: int) -> Drawn:
        targets = rng.integers(0, 10, n)
        return Drawn(targets, centres[targets])

    return draw


def _tracks(rng: np.random.Generator, dims: int) -> Source:
    centres = _thousandths(rng.standard_normal((24, dims)))

    def draw(n: int) -> Drawn:
        keys = rng.integers(0, 24, n)
        windows = rng.integers(3, 6, n)
        clips = np.repeat(np.arange(n), windows)
        tracks = _thousandths(rng.standard_normal((n, dims)))
        return Drawn(keys[clips], centres[keys[clips]] + tracks[clips], clips)

    return draw


def _tags(rng: np.random.Generator, dims: int) -> Source:
    directions = _thousandths(rng.standard_normal((50, dims)))
    shares = _thousandths(0.02 + 0.2 * rng.random(50))

    def draw(n: int) -> Drawn:
        targets = (rng.random((n, 50)) < shares).astype(np.int64)
        signal = np.zeros((n, dims))
        # One tag after another, not a product of matrices, whose sums have no fixed order.
        for tag, direction in zip(targets.T, directions, strict=True):
            signal += tag[:, None] * direction
        return Drawn(targets, signal)

    return draw


def _emotions(rng: np.random.Generator, dims: int) -> Source:
    arousal, valence = _thousandths(rng.standard_normal((2, dims)))

    def draw(n: int) -> Drawn:
        targets = _thousandths(rng.standard_normal((n, 2))).astype(np.float32)
        values = targets.astype(np.float64)
        return Drawn(targets, values[:, [0]] * arousal + values[:, [1]] * valence)

    return draw


RECIPES = {
    "genre": Recipe(_classes, "multiclass", 11, 96, (443, 197, 290), 0.3),
    "keys": Recipe(
        *(_tracks, "multiclass", 12, 72, (220, 70, 110), 0.35),
        metrics=("weighted_key_score", "accuracy"),
        n_outputs=24,
    ),
    "tags": Recipe(_tags, "multilabel", 13, 64, (1500, 300, 500), 0.4, 1.5),
    "loud tags": Recipe(_tags, "multilabel", 14, 64, (1500, 300, 500), 4.0, 15.0, 30.0),
    "emotion": Recipe(
        *(_emotions, "regression", 15, 160, (504, 115, 125), 0.12),
        labels=("arousal", "valence"),
    ),
}


def synthetic_probe_data(case: str) -> ProbeData:
    """Draw the data of one of `RECIPES`."""
    recipe = RECIPES[case]
    rng = np.random.default_rng(recipe.seed)
    spreads = _thousandths(np.exp(rng.standard_normal(recipe.dims)))
    draw = recipe.source(rng, recipe.dims)

    def split(n: int) -> tuple[npt.NDArray[np.float32], Drawn]:
        drawn = draw(n)
        noise = recipe.noise * rng.standard_normal(drawn.signal.shape)
        rows = _thousandths(recipe.signal * drawn.signal + noise).astype(np.float32)
        scaled = _thousandths(spreads * rows.astype(np.float64) + recipe.offset)
        return scaled.astype(np.float32), drawn

    (X_train, train), (X_valid, valid), (X_test, test) = map(split, recipe.sizes)
    return ProbeData(
        kind=recipe.kind,
        X_train=X_train,
        y_train=train.targets,
        X_valid=X_valid,
        y_valid=valid.targets,
        X_test=X_test,
        y_test=test.targets,
        metrics=recipe.metrics,
        clips_valid=valid.clips,
        clips_test=test.clips,
        labels=recipe.labels,
        n_outputs=recipe.n_outputs,
    )


def _thousandths(values: Values) -> Values:
    return np.round(values, 3)
