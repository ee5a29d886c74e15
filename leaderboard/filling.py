"""From resampled rows to the cells of a column: values, intervals, rank groups, chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mirbench.benchmark.scoring.bootstrap import interval_of
from mirbench.leaderboard.differences import find_difference
from mirbench.leaderboard.names import PAPER_TASKS
from mirbench.leaderboard.overlap import overlaps
from mirbench.leaderboard.pairs import paired_ends
from mirbench.leaderboard.samples import SampledRow, Samples, stated_values
from mirbench.leaderboard.statistics import average_samples, better, rank_groups
from mirbench.leaderboard.tables import AVERAGE, Cell, Column

#: Representation to its rows of a column's task, or tasks, and the samples of the column's score.
Entries = Mapping[str, tuple[tuple[SampledRow, ...], Samples]]


def entries_of(column: Column, by_name: Mapping[str, Mapping[str, SampledRow]]) -> Entries:
    """Find who has a score in a column.

    Parameters
    ----------
    column : Column
    by_name : mapping
        Representation to its rows, by task.
    """
    if column.task == AVERAGE:
        return _average(by_name)
    return {
        name: ((by_task[column.task],), by_task[column.task].samples[column.measure])
        for name, by_task in by_name.items()
        if column.task in by_task and column.measure in by_task[column.task].samples
    }


def _average(by_name: Mapping[str, Mapping[str, SampledRow]]) -> Entries:
    """Average, as in the paper, of those that have all of its tasks."""
    entries = {}
    measures = {
        task: [Column(task, metric, True).measure for metric in metrics]
        for task, metrics in PAPER_TASKS.items()
    }
    for name, by_task in by_name.items():
        if all(
            task in by_task and set(wanted) <= by_task[task].samples.keys()
            for task, wanted in measures.items()
        ):
            scores = {
                task: [by_task[task].samples[measure] for measure in wanted]
                for task, wanted in measures.items()
            }
            entries[name] = (tuple(by_task[task] for task in PAPER_TASKS), average_samples(scores))
    return entries


def fill(column: Column, entries: Entries) -> tuple[Column, dict[str, Cell]]:
    """Rank who has a score in a column, and make its cells.

    Those that are not scored on the whole test set are left out of all comparisons.

    Parameters
    ----------
    column : Column
        Still empty.
    entries : mapping
        As `entries_of` finds them.
    """
    values = {name: _value(column, rows) for name, (rows, _) in entries.items()}
    unranked = {name: _why_unranked(rows) for name, (rows, _) in entries.items()}
    names = tuple(
        sorted(
            (name for name in entries if unranked[name] is None),
            key=lambda name: (-values[name], name),
        )
    )
    sampled = [entries[name][1] for name in names]
    wins = better(sampled)
    groups = dict(zip(names, rank_groups([values[name] for name in names], wins), strict=True))
    chance = _chance(column, entries)
    cells = {}
    for name, (rows, samples) in entries.items():
        low, high = interval_of(samples)
        plain = len(rows) == 1 and not column.change
        cells[name] = Cell(
            value=100 * values[name],
            low=100 * low,
            high=100 * high,
            group=groups.get(name, 0),
            rows=tuple(one.row for one in rows),
            overlap=any(
                overlaps(s.result.representation.trained_on, s.result.task.name) for s in rows
            ),
            at_chance=chance is not None and low <= chance,
            unranked=unranked[name],
            difference=find_difference(rows[0].result, column.metric) if plain else None,
            alone=names == (name,),
        )
    done = Column(
        task=column.task,
        metric=column.metric,
        main=column.main,
        change=column.change,
        names=names,
        wins=wins,
        ends=paired_ends(sampled if column.main else [], wins),
        chance=None if chance is None else 100 * chance,
    )
    return done, cells


def _why_unranked(rows: Sequence[SampledRow]) -> str | None:
    return next((row.unranked for row in rows if row.unranked is not None), None)


def _value(column: Column, rows: Sequence[SampledRow]) -> float:
    if column.task != AVERAGE:
        return stated_values(rows[0].result)[column.measure]
    means = [
        np.mean([row.result.scores[m].value for m in PAPER_TASKS[row.result.task.name]])
        for row in rows
    ]
    return float(np.mean(means))


def _chance(column: Column, entries: Entries) -> float | None:
    """Score of the best constant answers on a column's test set, or sets."""
    if column.change or not entries:
        return None
    rows, _ = next(iter(entries.values()))
    if column.task != AVERAGE:
        return rows[0].test.chance.get(column.metric)
    by_task = {
        row.result.task.name: [
            row.test.chance.get(metric) for metric in PAPER_TASKS[row.result.task.name]
        ]
        for row in rows
    }
    means = []
    for scores in by_task.values():
        known = [score for score in scores if score is not None]
        if len(known) < len(scores):
            return None
        means.append(np.mean(known))
    return float(np.mean(means))
