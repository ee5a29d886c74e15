"""Whether two rows say the same of their task, on whatever machines they were made."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mirbench.benchmark.result.records import TaskFacts

#: Between two numbers that are the same, as processors round differently.
_TOLERANCE = 1e-4

Constants = Mapping[str, str | tuple[float, ...]]


def facts_agree(one: TaskFacts, other: TaskFacts) -> bool:
    """Whether two rows say the same of their task's labels."""
    return (one.group, one.test, set(one.faulty)) == (
        other.group,
        other.test,
        set(other.faulty),
    ) and not differing_constants(one.constants, other.constants)


def differing_constants(one: Constants, other: Constants) -> list[str]:
    """List the metrics, sorted, of which two rows name different constant answers.

    Numbers are the same if they are less than 0.0001 apart.
    """
    return sorted(
        metric
        for metric in one.keys() | other.keys()
        if not _is_same(one.get(metric), other.get(metric))
    )


def _is_same(one: str | tuple[float, ...] | None, other: str | tuple[float, ...] | None) -> bool:
    if not isinstance(one, tuple) or not isinstance(other, tuple):
        return one == other
    return len(one) == len(other) and all(
        math.isclose(a, b, rel_tol=0, abs_tol=_TOLERANCE) for a, b in zip(one, other, strict=True)
    )
