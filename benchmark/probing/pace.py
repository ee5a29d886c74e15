"""When learning probes are saved: seldom enough to cost little, often enough to get on.

A run that has never been interrupted spends `SHARE` of its processor time on it. One that goes
on where another was killed knows for how long that one trained, and spends what loses least: a
state that costs ``c`` seconds is best saved every ``sqrt(2 c L)`` of a life of ``L`` seconds
(Young, 1974, "A first order approximation to the optimum checkpoint interval"), which is the share
``sqrt(c / 2 L)``, `MOST` at most. It also trains only so many probes at once as it can read in
little time.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Hashable

#: Of the processor time, in a run that has not been interrupted.
SHARE = 0.01
#: Of the processor time, however short the lives.
MOST = 0.3
#: Of a short life, the share in which the states of all probes that are trained at once can be
#: read, or written.
NARROW = 0.05
#: Seconds of training before anything is saved, and between two states of a bank.
LEAST_SECONDS = 5.0
#: A bank is not saved again before its run is older by this share: a day takes few states.
GROWTH = 0.125
#: Seconds after which a bank is saved at the latest, if the share allows.
LONGEST_SECONDS = 600.0
#: Bytes saved per second of a processor, before it is measured.
SPEED = 200e6

Seconds = Callable[[], float]


class Pace:
    """Decides which bank is saved when, and keeps account of what it cost.

    Parameters
    ----------
    threads : int
        That train side by side.
    life : float or None
        Seconds for which the run before trained this grid until it was interrupted, if one was.
    wall, processor : callable
        Return seconds: of the day, and of this process.
    """

    def __init__(
        self,
        threads: int,
        life: float | None,
        wall: Seconds = time.monotonic,
        processor: Seconds = time.process_time,
    ) -> None:
        self._threads, self._life = threads, life
        self._wall, self._processor = wall, processor
        self._began, self._processor_began = wall(), processor()
        self._size = self._bytes = 0
        self._noted = LEAST_SECONDS / (1 + GROWTH)
        self._saved_at: dict[Hashable, float] = {}
        #: Seconds of a processor that saving took so far.
        self.spent = 0.0

    def expect(self, size: int) -> None:
        """Note how many bytes the states of all banks take that are trained from now on."""
        self._size = size

    @property
    def share(self) -> float:
        """Of the processor time that may go into saving."""
        if self._life is None:
            return SHARE
        cost = self._seconds(self._size) / self._threads
        best = math.sqrt(cost / (2 * max(self._life, self._age, 1.0)))
        return min(max(SHARE, best), MOST)

    def most(self, size: int) -> int:
        """Count the probes, of `size` bytes each, to train at once: few where lives are short."""
        if self._life is None:
            return sys.maxsize
        return max(self._threads, int(NARROW * self._life / self._seconds(size)))

    def due(self, bank: Hashable, size: int) -> bool:
        """Whether a bank, whose state takes `size` bytes, is to be saved now."""
        age, share = self._age, self.share
        if age < LEAST_SECONDS or share <= 0:
            return False
        cycle = self._seconds(self._size) / self._threads / share
        interval = max(LEAST_SECONDS, cycle, min(GROWTH * age, LONGEST_SECONDS))
        since = self._wall() - self._saved_at.get(bank, float("-inf"))
        allowed = share * (self._processor() - self._processor_began)
        return since >= interval and self.spent + self._seconds(size) <= allowed

    def begun(self, bank: Hashable) -> None:
        """Note that a bank is saved now."""
        self._saved_at[bank] = self._wall()

    def written(self, size: int, seconds: float) -> None:
        """Note what a state of so many bytes took, in seconds of a processor."""
        self._bytes += size
        self.spent += seconds

    def forget(self, bank: Hashable) -> None:
        """Forget a bank that is done."""
        self._saved_at.pop(bank, None)

    def life_to_note(self) -> float | None:
        """Seconds that this run has trained, when that should be noted on disk for the next."""
        age = self._age
        if age < self._noted * (1 + GROWTH):
            return None
        self._noted = age
        return age

    @property
    def _age(self) -> float:
        return self._wall() - self._began

    def _seconds(self, size: int) -> float:
        return size / (self._bytes / self.spent if self.spent else SPEED)
