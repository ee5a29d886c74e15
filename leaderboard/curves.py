"""Validation score against layer, as Figure 2 of Castellon, Donahue & Liang (ISMIR 2021).

Tasks have scores of different ranges, so each curve is normalised before
curves are averaged: its worst layer is 0, its best 1. A layer is chosen on
validation only, for each task by its own curve and for all tasks together by
the mean of the normalised curves; of equals, the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mirbench.benchmark.result import Result


@dataclass(frozen=True)
class LayerCurve:
    """Best validation score of every layer on one task.

    Attributes
    ----------
    metric : str
        The task's primary metric, which the scores are of.
    layers : tuple of str
    scores : tuple of float
        In the metric's own unit (best is 1).
    """

    representation: str
    task: str
    metric: str
    layers: tuple[str, ...]
    scores: tuple[float, ...]

    @property
    def selected(self) -> int:
        """Place of the layer that validation chose."""
        return _first_best(self.scores)

    @property
    def normalised(self) -> tuple[float, ...]:
        """Scores from 0 (worst layer) to 1 (best); all 1 where there is no difference."""
        low, high = min(self.scores), max(self.scores)
        return tuple((s - low) / (high - low) if high > low else 1.0 for s in self.scores)


@dataclass(frozen=True)
class LayerFigure:
    """The curves of one representation, split and protocol, over the same layers.

    Attributes
    ----------
    curves : tuple of LayerCurve
        By task; at least one.
    """

    representation: str
    split: str
    protocol: str
    main_board: bool
    curves: tuple[LayerCurve, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in order."""
        return self.curves[0].layers

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of the normalised curves."""
        columns = zip(*(curve.normalised for curve in self.curves), strict=True)
        return tuple(sum(column) / len(column) for column in columns)

    @property
    def selected(self) -> int:
        """Place of the one layer for all tasks."""
        return _first_best(self.mean)

    @property
    def title(self) -> str:
        """What the figure shows, in a line."""
        return f"{self.representation}: validation score by layer"

    @property
    def summary(self) -> str:
        """Which layers were chosen, in a sentence."""
        chosen = ", ".join(
            f"layer {self.layers[curve.selected]} for {curve.task} "
            f"({100 * curve.scores[curve.selected]:z.1f})"
            for curve in self.curves
        )
        every = f"; layer {self.layers[self.selected]} over all tasks"
        return (
            f"Chosen on validation (protocol {self.protocol}, split {self.split}): "
            f"{chosen}{every if len(self.curves) > 1 else ''}."
        )


def _first_best(scores: Sequence[float]) -> int:
    return max(range(len(scores)), key=lambda place: (scores[place], -place))


def layer_curve(result: Result) -> LayerCurve | None:
    """Curve of a row; None if its representation has no layers."""
    if not result.curve:
        return None
    return LayerCurve(
        representation=result.representation.name,
        task=result.task.name,
        metric=result.task.metrics[0],
        layers=tuple(point.layer for point in result.curve),
        scores=tuple(point.valid for point in result.curve),
    )


def layer_figures(results: Sequence[Result]) -> list[LayerFigure]:
    """Group the curves of rows into figures, those of the main protocol first.

    Rows of one representation that differ in their layers (other versions of
    it) come into figures of their own.
    """
    groups: dict[tuple[bool, str, str, str, tuple[str, ...]], list[LayerCurve]] = {}
    for result in results:
        curve = layer_curve(result)
        if curve is not None:
            protocol, name = result.protocol, curve.representation
            key = (not protocol.main_board, protocol.name, result.task.split, name, curve.layers)
            groups.setdefault(key, []).append(curve)
    return [
        LayerFigure(name, split, protocol, not other, tuple(sorted(curves, key=lambda c: c.task)))
        for (other, protocol, split, name, _), curves in sorted(groups.items())
    ]
