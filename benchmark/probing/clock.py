"""How far a grid is, and how long it will still take.

Nobody knows when a probe will stop: every better score gives it the whole
patience again. What is certain is the least it must still do: the rest of its
patience. What is likely is taken from the probes of this grid that have
stopped: a probe is expected to make as many updates as their median, or
`TYPICAL_PATIENCES` times the patience while fewer than `ENOUGH` have stopped. The
time of an update of each architecture and batch size is measured where that
group has run, and scaled by its arithmetic where it has not.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from mirbench.benchmark.protocol import ProbeConfig, Protocol

#: Updates a probe makes, in units of the patience: the median of the 216 probes of
#: castellon2021 on GTZAN and CHOI.
TYPICAL_PATIENCES = 3.25
ENOUGH = 10


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a grid, reported after every round of evaluations.

    Attributes
    ----------
    probes, done, learning : int
        In the grid; finished; in training now. The others have not begun.
    updates_per_second : float
        Of single probes, since the beginning of their group.
    best_valid : float or None
        Best primary validation score so far; None before the first.
    seconds_left : float
        What is likely.
    seconds_at_least : float
        What it takes if no probe improves any more (and those that have not
        begun stop as early as they can).
    """

    probes: int
    done: int
    learning: int
    updates_per_second: float
    best_valid: float | None
    seconds_left: float
    seconds_at_least: float


def work_of(config: ProbeConfig, dims: int, n_outputs: int) -> float:
    """Arithmetic of one update of one probe, in multiply-adds, plus a constant for the rest."""
    hidden = config.hidden or n_outputs
    weights = dims * hidden + (config.hidden * n_outputs if config.hidden else 0)
    return 2.0 * config.batch_size * weights + 10.0 * weights + 200_000.0


class Clock:
    """Measures a grid and foretells its end."""

    def __init__(
        self, configs: Sequence[ProbeConfig], protocol: Protocol, dims: int, n_outputs: int
    ) -> None:
        self._window = protocol.patience * protocol.eval_every
        self._work = {config.index: work_of(config, dims, n_outputs) for config in configs}
        self._seconds: dict[tuple[int, int], float] = {}
        self._updates: dict[tuple[int, int], int] = {}
        self._finished: list[int] = []
        self._done: set[int] = set()
        self._configs = {config.index: config for config in configs}
        self.best_valid: float | None = None
        self._last = time.perf_counter()

    def start(self) -> None:
        """Begin a group: what came before does not count as its training."""
        self._last = time.perf_counter()

    def stopped(self, index: int, updates: int | None) -> None:
        """Note that a probe is done; None: it was read, not trained."""
        self._done.add(index)
        if updates is not None:
            self._finished.append(updates)

    def round(
        self, number: int, n_updates: int, learners: Sequence[tuple[ProbeConfig, int, float]]
    ) -> Progress:
        """Note one round of updates of (config, best update, best score) of all learners.

        Of several groups at once, each is taken to have had its share of the arithmetic.
        """
        now = time.perf_counter()
        elapsed, self._last = now - self._last, now
        for _, _, valid in learners:
            if self.best_valid is None or valid > self.best_valid:
                self.best_valid = valid
        rate = 0.0
        if learners:
            whole = sum(self._work[config.index] for config, _, _ in learners)
            for key, some in _by_group(learners).items():
                share = sum(self._work[index] for index in some) / whole
                self._seconds[key] = self._seconds.get(key, 0.0) + share * elapsed
                self._updates[key] = self._updates.get(key, 0) + n_updates * len(some)
                rate += self._updates[key] / max(self._seconds[key], 1e-9) * share
        likely, least = self._left(number, {c.index: best for c, best, _ in learners})
        return Progress(
            probes=len(self._configs),
            done=len(self._done),
            learning=len(learners),
            updates_per_second=rate,
            best_valid=self.best_valid,
            seconds_left=likely,
            seconds_at_least=least,
        )

    def _left(self, number: int, best: dict[int, int]) -> tuple[float, float]:
        typical = TYPICAL_PATIENCES * self._window
        if len(self._finished) >= ENOUGH:
            typical = statistics.median(self._finished)
        speed = self._speed()
        likely = least = 0.0
        for index, config in self._configs.items():
            if index in self._done:
                continue
            key, made = _group(config), number if index in best else 0
            cost = self._seconds[key] / self._updates[key] if key in self._updates else None
            cost = self._work[index] * speed if cost is None else cost
            rest = best.get(index, 0) + self._window - made
            least += cost * rest
            likely += cost * max(rest, typical - made)
        return likely, least

    def _speed(self) -> float:
        """Seconds per multiply-add, over everything measured."""
        work = {_group(config): self._work[i] for i, config in self._configs.items()}
        done = sum(work[key] * updates for key, updates in self._updates.items())
        return sum(self._seconds.values()) / done if done else 0.0


def _by_group(
    learners: Sequence[tuple[ProbeConfig, int, float]],
) -> dict[tuple[int, int], list[int]]:
    groups: dict[tuple[int, int], list[int]] = {}
    for config, _, _ in learners:
        groups.setdefault(_group(config), []).append(config.index)
    return groups


def _group(config: ProbeConfig) -> tuple[int, int]:
    return config.hidden, config.batch_size
