"""What the user sees of the training of grids: how far they are, and how long they will take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mirbench.benchmark.progress import bar, duration

if TYPE_CHECKING:
    from mirbench.benchmark.probing import ProbeRecord, Progress


class Forecast:
    """A bar over the grids of all layers; those to come take as long as those that are done."""

    def __init__(self, progress: Any, layers: int) -> None:
        self._bar, self._layers, self._done = progress, layers, 0
        self._began = self._layer_began = time.perf_counter()
        self._states: dict[int, Progress] = {}

    def on_probe(self, record: ProbeRecord) -> None:
        """Count a finished probe."""
        self._bar.update(1)

    def on_progress(self, state: Progress, layer: int = 0) -> None:
        """Show the state of a grid that is trained now; of several, `layer` tells which."""
        self._states[layer] = state
        self._bar.set_postfix_str(self.words(), refresh=False)

    def next_layer(self) -> None:
        """Count the first of the grids that are trained now as done."""
        if self._states:
            del self._states[min(self._states)]
        self._done += 1
        self._layer_began = time.perf_counter()

    def words(self) -> str:
        """Say how far the grids are, and when all layers are likely to be done."""
        states = list(self._states.values())
        beside = len(states)
        longest = max(state.seconds_left for state in states)
        if self._done:
            usual = (self._layer_began - self._began) / self._done
        else:
            usual = (time.perf_counter() - self._began + longest) / beside
        left = longest + (self._layers - self._done - beside) * usual
        learning = sum(state.learning for state in states)
        rate = sum(state.updates_per_second for state in states)
        best = max((s.best_valid for s in states if s.best_valid is not None), default=None)
        score = "" if best is None else f", best on validation {100 * best:z.1f}"
        return (
            f"{self._which(beside)}{learning} learning, {rate:.0f} updates/s{score}, "
            f"about {duration(left)} left"
        )

    def _which(self, beside: int) -> str:
        if self._layers == 1:
            return ""
        first, last = self._done + 1, self._done + beside
        number = f"layer {first}" if first == last else f"layers {first} to {last}"
        return f"{number} of {self._layers}, "


@contextmanager
def forecast(title: str, probes: int, layers: int) -> Iterator[Forecast]:
    """Show a bar over `probes` probes of each of `layers` layers."""
    with bar(title, probes * layers, "probe") as progress:
        yield Forecast(progress, layers)
