"""How alike the outputs of rows are, and how like the truth: copies are, probes are not.

Nobody can see from outputs where they come from. But outputs that were copied and changed a
little, or written from the labels, are nearer to what they were made from than any probe's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import UNOBSERVED
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.progress import count
from mirbench.benchmark.result import NeighboursRow, Predictions, ProbeRow, Result

Array = npt.NDArray[np.floating]

#: Correlation from which outputs are what they are compared with, but for rounding.
SAME = 0.9999

#: From which a reviewer is told. Of the rows on the board, those of different representations
#: reach 0.87, and with the truth 0.65.
ALIKE = 0.95

#: Share of clips with the same outputs from which a row is a copy with changes.
COPIED = 0.5

#: Between the outputs of one clip that are the same, in robust deviations of their column.
_TOLERANCE = 0.02

#: Largest deviation that counts, so that no single number decides.
_FARTHEST = 10.0

#: Other rows that are named, the most alike first.
_NAMED = 3


@dataclass(frozen=True, eq=False)
class Profile:
    """The outputs of a row, in a form in which they can be compared with others'.

    Attributes
    ----------
    name : str
        Of the representation.
    clip_ids : tuple of str
    values : ndarray of float16, shape [n, n_outputs]
        Columns with median 0 and spread 1. Of a class, what is added to all outputs of a clip
        changes nothing, so their mean is 0 first; of several draws, it is their mean.
    centre, spread : ndarray of float32, shape [n_outputs]
        What the columns had before.
    voted : bool
        Outputs are shares of votes: those of two models that are right are equal.
    """

    name: str
    clip_ids: tuple[str, ...]
    values: npt.NDArray[np.float16]
    centre: npt.NDArray[np.float32]
    spread: npt.NDArray[np.float32]
    voted: bool


def profile_of(result: Result, predictions: Predictions) -> Profile:
    """Put the outputs of a row into the form in which they are compared."""
    outputs = _outputs(result, predictions)
    centre = np.median(outputs, axis=0)
    centred = outputs - centre
    low, high = np.percentile(outputs, (25, 75), axis=0)
    spread = np.where(high > low, (high - low) / 1.349, outputs.std(axis=0))
    scaled = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
    probe = result.probe
    way = probe.way if isinstance(probe, ProbeRow) else None
    few = len(np.unique(predictions.outputs)) < len(predictions.outputs)
    return Profile(
        result.representation.name,
        predictions.clip_ids,
        scaled.clip(-_FARTHEST, _FARTHEST).astype(np.float16),
        centre.astype(np.float32),
        spread.astype(np.float32),
        isinstance(probe, NeighboursRow) or (way == "vote" and few),
    )


def like_truth(result: Result, predictions: Predictions) -> float:
    """Correlation of a row's outputs with the targets, over clips and outputs."""
    outputs, targets = _outputs(result, predictions), predictions.targets
    if result.task.kind == "multiclass":
        truth = np.eye(outputs.shape[1])[targets] - 1 / outputs.shape[1]
    else:
        truth = targets.astype(np.float64).reshape(outputs.shape)
    unseen = np.zeros(truth.shape, bool)
    if result.task.kind == "multilabel":
        unseen = truth == UNOBSERVED
    pair = [_standardised(np.where(unseen, np.nan, array)) for array in (outputs, truth)]
    return _correlation(pair[0], pair[1])


def _outputs(result: Result, predictions: Predictions) -> Array:
    outputs: Array = predictions.outputs.astype(np.float64)
    if outputs.ndim == 3:
        outputs = outputs.mean(axis=1)
    if result.task.kind == "multiclass":
        outputs = outputs - outputs.mean(axis=1, keepdims=True)
    return outputs


def _standardised(array: Array) -> Array:
    """Columns of mean 0 and deviation 1; 0 where a column is constant or an entry is NaN."""
    seen = np.isfinite(array)
    n = np.maximum(seen.sum(axis=0), 1)
    centred = np.where(seen, array - np.where(seen, array, 0).sum(axis=0) / n, 0)
    deviation = np.sqrt((centred**2).sum(axis=0) / n)
    scaled: Array = np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0)
    return scaled


def _correlation(first: Array, second: Array) -> float:
    """Correlation of arrays whose columns are centred; 0 if one of them is constant."""
    product = float(np.vdot(first, second))
    norms = float(np.vdot(first, first)) * float(np.vdot(second, second))
    return product / norms**0.5 if norms > 0 else 0.0


@dataclass(frozen=True)
class Likeness:
    """How alike two rows' outputs are.

    Attributes
    ----------
    name : str
        Representation of the other row.
    correlation : float
        Over clips and outputs.
    same : float
        Share of the clips whose outputs are the same, of those that either row does not answer
        as it answers most.
    voted : bool
        Both rows' outputs are votes.
    """

    name: str
    correlation: float
    same: float
    voted: bool


def compare(mine: Profile, other: Profile) -> Likeness | None:
    """Compare two rows of one test split; None if they share no clip or one is constant."""
    first, second = mine.values, other.values
    if mine.clip_ids != other.clip_ids:
        _, here, there = np.intersect1d(mine.clip_ids, other.clip_ids, return_indices=True)
        first, second = first[here], second[there]
    if first.shape != second.shape or not first.any() or not second.any():
        return None
    a, b = first.astype(np.float32), second.astype(np.float32)
    # As they are, and on one scale: the former finds copies of which many clips were changed.
    shift = (mine.centre - other.centre) / np.where(other.spread > 0, other.spread, 1)
    scale = mine.spread / np.where(other.spread > 0, other.spread, 1)
    # A probe may answer most clips alike. All such answers are a median, so they tell nothing.
    telling = np.maximum(np.abs(a), np.abs(b)).max(axis=1) > _TOLERANCE
    pairs = ((a * scale + shift, b), (a, b))
    same = max(_share_same(one[telling], another[telling]) for one, another in pairs)
    a -= a.mean(axis=0)
    b -= b.mean(axis=0)
    return Likeness(other.name, _correlation(a, b), same, mine.voted and other.voted)


def _share_same(first: Array, second: Array) -> float:
    if not len(first):
        return 0.0
    return float((np.abs(first - second).max(axis=1) <= _TOLERANCE).mean())


class Likenesses:
    """The profiles of the rows of one board, by test split."""

    def __init__(self) -> None:
        self._profiles: dict[tuple[str, str], list[Profile]] = {}

    def add(self, result: Result, predictions: Predictions) -> None:
        """Remember the outputs of a row."""
        kept = self._profiles.setdefault((result.task.name, result.task.split), [])
        kept.append(profile_of(result, predictions))

    def look(self, result: Result, predictions: Predictions) -> Findings:
        """Compare a row with the truth, and with all rows of other representations."""
        mine = profile_of(result, predictions)
        found = [
            likeness
            for other in self._profiles.get((result.task.name, result.task.split), [])
            if other.name != mine.name and (likeness := compare(mine, other)) is not None
        ]
        found.sort(key=lambda likeness: -max(likeness.correlation, likeness.same))
        return Findings(like_truth(result, predictions), mine.voted, tuple(found))


@dataclass(frozen=True)
class Findings:
    """What a row's outputs are like.

    Attributes
    ----------
    truth : float
        Correlation with the targets.
    voted : bool
        The outputs are votes.
    others : tuple of Likeness
        One per row of other representations, the most alike first.
    """

    truth: float
    voted: bool
    others: tuple[Likeness, ...]

    def line(self) -> str:
        """Say it for the reviewer, whatever it is."""
        text = f"outputs correlate {self.truth:z.2f} with the truth"
        if not self.others:
            return text
        nearest = dict.fromkeys(other.name for other in self.others)
        of = {name: max(o.correlation for o in self.others if o.name == name) for name in nearest}
        ranked = sorted(of, key=lambda name: -of[name])
        named = ", ".join(f"{of[name]:z.2f} ({show(name)})" for name in ranked[:_NAMED])
        return f"{text}; of {count(len(self.others), 'other row')}, the nearest: {named}"

    def problems(self) -> tuple[list[str], list[str]]:
        """Say what cannot be a probe's outputs, and what a reviewer should look at.

        Returns
        -------
        errors, notes : list of str
        """
        errors, notes = [], []
        if self.truth >= SAME and not self.voted:
            errors.append(
                "predictions: its outputs are the targets themselves (correlation "
                f"{self.truth:.6f}); hand in what the probe gives"
            )
        elif self.truth >= ALIKE:
            notes.append(
                f"predictions: its outputs correlate {self.truth:.4f} with the targets; a probe "
                "that is right everywhere is less like them: ask for the plugin, and run it"
            )
        for other in self.others:
            copied = other.same >= COPIED
            if other.correlation < ALIKE and not copied:
                continue
            what = (
                f"predictions: its outputs are those of {show(other.name)} on "
                f"{100 * other.same:.0f} % of the clips (correlation {other.correlation:.6f})"
            )
            if (copied or other.correlation >= SAME) and not other.voted:
                errors.append(f"{what}: a copy; hand in what this representation gives")
            else:
                notes.append(f"{what}; ask which of the two was made from the other")
            break
        return errors, notes
