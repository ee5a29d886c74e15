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

    def on_probe(self, record: ProbeRecord) -> None:
        """Count a finished probe."""
        self._bar.update(1)

    def on_progress(self, state: Progress) -> None:
        """Show the state of the grid that is trained now."""
        self._bar.set_postfix_str(self.words(state), refresh=False)

    def next_layer(self) -> None:
        """Begin the grid of the next layer."""
        self._done += 1
        self._layer_began = time.perf_counter()

    def words(self, state: Progress) -> str:
        """Say how far the grid is, and when all layers are likely to be done."""
        if self._done:
            usual = (self._layer_began - self._began) / self._done
        else:
            usual = time.perf_counter() - self._began + state.seconds_left
        left = state.seconds_left + (self._layers - self._done - 1) * usual
        layer = f"layer {self._done + 1} of {self._layers}, " if self._layers > 1 else ""
        best = state.best_valid
        score = "" if best is None else f", best on validation {100 * best:z.1f}"
        return (
            f"{layer}{state.learning} learning, {state.updates_per_second:.0f} updates/s{score}, "
            f"about {duration(left)} left"
        )


@contextmanager
def forecast(title: str, probes: int, layers: int) -> Iterator[Forecast]:
    """Show a bar over `probes` probes of each of `layers` layers."""
    with bar(title, probes * layers, "probe") as progress:
        yield Forecast(progress, layers)
