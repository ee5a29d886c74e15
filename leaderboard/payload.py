"""What the page tells about a cell when asked: where a score is from, and who it differs from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mirbench.benchmark.progress import count
from mirbench.benchmark.result import (
    FewShotRow,
    NeighboursRow,
    ProbeRow,
    RepresentationRecord,
    Result,
    Row,
)
from mirbench.leaderboard.escaping import one_line
from mirbench.leaderboard.pairs import pack_wins
from mirbench.leaderboard.tables import Column, Table

#: What the script knows of a row, in three records; equal records are on the page once.
SUBJECT = ("name", "origin", "dims", "trained", "weights", "fingerprint", "folder")
TEST = ("task", "split", "protocol", "probes", "counts", "file")
RUN = ("probe", "layer", "versions")
OWN = ("valid", "updates", "best", "seconds", "probing", "memory")


def payload(rows: Sequence[Row], tables: Sequence[Table]) -> dict[str, Any]:
    """Gather what the page's script reads.

    Returns
    -------
    dict
        ``rows``: one list per row, in the order of `rows`: numbers into the
        lists of ``records``, then what is the row's own; ``fields`` names
        all of these. ``names``: by number. ``columns``: for each column of each
        table, its ranked representations, the best first, who of them is better than
        whom, and the files of its rows, in the folder of a representation.
        ``notes``: what is known of scores that disagree with published ones.
    """
    names = subjects(rows)
    number = {name: place for place, name in enumerate(names)}
    records: list[dict[tuple[Any, ...], int]] = [{}, {}, {}]
    lines = []
    for row in rows:
        facts = _facts(row.result) | {"name": number[row.result.representation.name]}
        line = []
        for known, fields in zip(records, (SUBJECT, TEST, RUN), strict=True):
            record = tuple(facts[name] for name in fields)
            line.append(known.setdefault(record, len(known)))
        lines.append([*line, *(facts[name] for name in OWN)])
    return {
        "fields": [SUBJECT, TEST, RUN, OWN],
        "records": [list(known) for known in records],
        "rows": lines,
        "names": [one_line(name) for name in names],
        "columns": {
            f"{place}.{column.key}": [
                [number[name] for name in column.names],
                pack_wins(column.wins),
                _files(table, column),
            ]
            for place, table in enumerate(tables)
            for column in table.columns
            if table.scored(column)
        },
        "notes": {
            f"{place}.{column.key}": {str(number[line.name]): one_line(difference.words)}
            for place, table in enumerate(tables)
            for line, column, difference in table.differences
        },
    }


def subjects(rows: Sequence[Row]) -> list[str]:
    """Representations in the order of their numbers."""
    return sorted({row.result.representation.name for row in rows})


def _facts(result: Result) -> dict[str, str | float]:
    rep, task, probe, cost = result.representation, result.task, result.probe, result.cost
    facts: dict[str, str | float] = {
        "origin": rep.origin,
        "dims": rep.dims,
        "trained": rep.trained_on or "not stated",
        "weights": _weights(rep),
        "fingerprint": rep.fingerprint,
        "folder": result.place.parent.name,
        "task": f"{task.title} ({task.name}, version {task.version})",
        "split": f"{task.split}, sha256 {task.split_sha256[:16]}…",
        "protocol": f"{result.protocol_label}, {result.protocol.hash}",
        "probes": result.protocol.probes_run,
        "counts": _counts(result),
        "file": result.place.name,
        "probe": _probe(probe),
        "layer": probe.layer or "",
        "versions": _versions(result),
        "valid": round(100 * probe.valid, 1) + 0.0,  # no minus before a zero
        "updates": getattr(probe, "updates", 0),
        "best": getattr(probe, "best_update", 0),
        "seconds": _seconds(cost.embedding_seconds),
        "probing": _seconds(cost.probing_seconds),
        "memory": cost.peak_memory_bytes >> 20,
    }
    return {name: one_line(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}


def _seconds(seconds: float) -> float:
    return round(seconds, 1) if seconds < 100 else round(seconds)


def _counts(result: Result) -> str:
    task = result.task
    score = next(iter(result.scores.values()))
    scored = task.counts | {"test": task.tested}
    words = ", ".join(f"{clips:,} {name}" for name, clips in sorted(scored.items()))
    wrong = sum(clip.wrong for clip in task.missing)
    lost = f"{len(task.missing)} missing" + (f", {wrong} of them scored as wrong" if wrong else "")
    notes = "".join(f"; {note}: {clips:,}" for note, clips in sorted(task.notes.items()))
    return f"{words}; {count(score.groups, 'group')} in test; {lost}{notes}"


def _weights(rep: RepresentationRecord) -> str:
    return ", ".join(f"{file} {sha256[:12]}…" for file, sha256 in sorted(rep.weights.items()))


def _probe(probe: ProbeRow | FewShotRow | NeighboursRow) -> str:
    if isinstance(probe, FewShotRow):
        return (
            f"{probe.method} on {count(probe.draws, 'draw')} of "
            f"{count(probe.clips_per_label, 'clip')} per label, "
            f"standardised features, C {probe.c:g}"
        )
    if isinstance(probe, NeighboursRow):
        return (
            f"{probe.k} {probe.method}, standardised features, cosine similarity, temperature "
            f"{probe.temperature:g}"
        )
    shape = f"{probe.hidden} hidden units" if probe.hidden else "linear"
    way = f", windows merged by {probe.way}" if probe.way else ""
    scaled = "standardised features" if probe.standardise else "features as they are"
    return (
        f"number {probe.index}: {shape}, {scaled}, batch {probe.batch_size}, "
        f"learning rate {probe.learning_rate:g}, dropout {probe.dropout:g}, L2 {probe.l2:g}{way}"
    )


def _versions(result: Result) -> str:
    made = result.environment
    packages = ", ".join(f"{name} {version}" for name, version in sorted(made.packages.items()))
    with_ = ", ".join(f"{name} {version}" for name, version in sorted(made.embedded_with.items()))
    commit = (
        f"; commit {made.commit[:12]}{' and changes' if made.dirty else ''}" if made.commit else ""
    )
    return (
        f"Python {made.python}, {made.platform}, {result.cost.device}; "
        f"{packages or 'packages unknown'}"
        f"{'; embedded with ' + with_ if with_ else ''}{commit}"
    )


def _files(table: Table, column: Column) -> list[str]:
    """Names of the files of a column's rows, which are the same for every representation."""
    cell = next(line.cells[column.key] for line in table.lines if column.key in line.cells)
    return [one_line(row.result.place.name) for row in cell.rows]
