"""Search for a split of whole groups whose sizes and label counts are those of a given split.

scikit-learn's ``StratifiedGroupKFold`` takes one label per clip and makes
folds of equal size, and what it draws depends on its version; tags need more,
and a frozen split must come out the same anywhere. Here all arithmetic is in
integers, ties go to the first, and the only random numbers are those of
`random.Random.random`, whose sequence Python promises to keep.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np

from mirbench.benchmark.api import SPLITS, IntArray
from mirbench.splits.table import Assignment

#: Per group its clips, and per clip its labels.
Groups = dict[str, dict[str, tuple[str, ...]]]

#: Weights are scaled to integers; squared counts of some 10,000 clips times this fit 64 bits.
_SCALE = 10_000_000

#: The number of clips counts as much as so many labels.
_SIZE_WEIGHT = 8

#: How often the best split so far is shaken, and how many of its groups then move at random.
_ROUNDS, _SHAKEN = 400, 6


def closest_split(groups: Groups, target: Mapping[str, str]) -> Assignment:
    """Assign every group to one split, as close to `target` in counts as the search gets.

    An iterated local search: groups are placed from the largest to the
    smallest where they cost least; then, as long as that lowers the cost, the
    best move of one group or swap of two is made; then a few groups are moved
    at random and the descent starts anew, from the best split so far. The
    cost is the sum, over splits and labels, of (count - target count)² /
    target count, as in the chi-squared statistic.

    Parameters
    ----------
    groups : dict
        Clips and their labels by group.
    target : mapping of str to str
        The split of each clip whose counts are to be met.

    Raises
    ------
    ValueError
        If a label is left without a clip in some split.
    """
    names = sorted(groups, key=lambda name: (-len(groups[name]), name))
    labels = sorted(
        {label for clips in groups.values() for tags in clips.values() for label in tags}
    )
    counts = _count(groups, names, labels)
    goal = _count_target(groups, labels, target)
    weights = _SCALE // np.maximum(goal, 1)
    weights[:, 0] *= _SIZE_WEIGHT
    places = _search(counts, goal, weights)
    for split in range(len(SPLITS)):
        empty = np.flatnonzero(counts[places == split].sum(axis=0) == 0)
        if empty.size:
            raise ValueError(f"no clip of {labels[empty[0] - 1]!r} in {SPLITS[split]}")
    return {
        clip: SPLITS[place]
        for name, place in zip(names, places.tolist(), strict=True)
        for clip in groups[name]
    }


def _count(groups: Groups, names: list[str], labels: list[str]) -> IntArray:
    """Clips, then clips of each label, per group: ``[n_groups, 1 + n_labels]``."""
    column = {label: k for k, label in enumerate(labels, start=1)}
    counts = np.zeros((len(names), 1 + len(labels)), dtype=np.int64)
    for row, name in enumerate(names):
        for tags in groups[name].values():
            counts[row, [0, *(column[tag] for tag in tags)]] += 1
    return counts


def _count_target(groups: Groups, labels: list[str], target: Mapping[str, str]) -> IntArray:
    """Clips, then clips of each label, per split of the target: ``[n_splits, 1 + n_labels]``."""
    sides: Groups = {split: {} for split in SPLITS}
    for clips in groups.values():
        for clip, tags in clips.items():
            sides[target[clip]][clip] = tags
    return _count(sides, list(SPLITS), labels)


def _search(counts: IntArray, goal: IntArray, weights: IntArray) -> IntArray:
    """Descend from a greedy start, then again and again from the best split, shaken."""
    rng = random.Random(0)
    best = _descend(counts, _place(counts, goal, weights), goal, weights)
    lowest = _cost(counts, best, goal, weights)
    for _ in range(_ROUNDS):
        if lowest == 0:
            break
        places = best.copy()
        for _ in range(_SHAKEN):
            places[int(rng.random() * len(places))] = int(rng.random() * len(SPLITS))
        places = _descend(counts, places, goal, weights)
        if (cost := _cost(counts, places, goal, weights)) < lowest:
            best, lowest = places, cost
    return best


def _cost(counts: IntArray, places: IntArray, goal: IntArray, weights: IntArray) -> int:
    return int((weights * _surplus(counts, places, goal) ** 2).sum())


def _surplus(counts: IntArray, places: IntArray, goal: IntArray) -> IntArray:
    """Count what each split has beyond the target: ``[n_splits, 1 + n_labels]``."""
    return np.array([counts[places == split].sum(axis=0) for split in range(len(SPLITS))]) - goal


def _place(counts: IntArray, goal: IntArray, weights: IntArray) -> IntArray:
    """Greedy start: each group goes where it costs least at that moment."""
    places = np.zeros(len(counts), dtype=np.int64)
    surplus = -goal
    for row, group in enumerate(counts):
        places[row] = np.argmin((weights * (2 * surplus * group + group**2)).sum(axis=1))
        surplus[places[row]] += group
    return places


def _descend(counts: IntArray, places: IntArray, goal: IntArray, weights: IntArray) -> IntArray:
    """Make the best move or swap until none lowers the cost."""
    surplus = _surplus(counts, places, goal)
    # An empty group stands for nothing: to swap with it is to move.
    counts = np.vstack([counts, np.zeros_like(counts[:1])])
    while True:
        best = (0, -1, -1, 0, 0)
        for source in range(len(SPLITS)):
            for sink in range(source + 1, len(SPLITS)):
                ours = np.append(np.flatnonzero(places == source), len(counts) - 1)
                theirs = np.append(np.flatnonzero(places == sink), len(counts) - 1)
                change = _swap_costs(
                    counts[ours], counts[theirs], surplus[[source, sink]], weights[[source, sink]]
                )
                at = int(np.argmin(change))
                row, column = divmod(at, len(theirs))
                if (cost := int(change.flat[at])) < best[0]:
                    best = (cost, int(ours[row]), int(theirs[column]), source, sink)
        cost, outgoing, incoming, source, sink = best
        if cost == 0:
            return places
        moved = counts[outgoing] - counts[incoming]
        surplus[source] -= moved
        surplus[sink] += moved
        for group, place in ((outgoing, sink), (incoming, source)):
            if group < len(places):
                places[group] = place


def _swap_costs(ours: IntArray, theirs: IntArray, surplus: IntArray, weights: IntArray) -> IntArray:
    """Compute what each swap of one of ours with one of theirs costs: ``[n_ours, n_theirs]``.

    With d = ours - theirs, a split that loses d goes from s² to (s - d)², one
    that gains it from s² to (s + d)²; both are expanded into matrix products.
    """
    linear = 2 * (weights[1] * surplus[1] - weights[0] * surplus[0])
    square = weights[0] + weights[1]
    gain = (ours * linear + ours**2 * square).sum(axis=1)
    loss = (-theirs * linear + theirs**2 * square).sum(axis=1)
    result: IntArray = gain[:, None] + loss[None, :] - 2 * (ours * square) @ theirs.T
    return result
