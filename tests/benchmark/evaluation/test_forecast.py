"""What is said of grids that are trained beside each other."""

from __future__ import annotations

import time

import pytest

from mirbench.benchmark.evaluation.forecast import Forecast
from mirbench.benchmark.probing import Progress


class _Bar:
    """Holds what was shown last."""

    def __init__(self) -> None:
        self.shown = ""

    def set_postfix_str(self, words: str, refresh: bool) -> None:
        self.shown = words


def state(learning: int, rate: float, best: float | None, left: float) -> Progress:
    return Progress(216, 0, learning, rate, best, left, left / 2)


def test_grids_that_are_trained_together_are_told_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    bar = _Bar()
    shown = Forecast(bar, 6)
    now[0] = 10.0
    shown.on_progress(state(54, 100.0, 0.5, 50.0), layer=0)
    # 60 s for one, and five to come.
    assert bar.shown == (
        "layer 1 of 6, 54 learning, 100 updates/s, best on validation 50.0, about 6 min left"
    )
    shown.on_progress(state(50, 80.0, 0.6, 40.0), layer=1)
    # 60 s for two, and four to come.
    assert bar.shown == (
        "layers 1 to 2 of 6, 104 learning, 180 updates/s, best on validation 60.0, about 3 min left"
    )
    now[0] = 60.0
    shown.next_layer()
    shown.on_progress(state(3, 80.0, None, 0.0), layer=1)
    assert bar.shown.startswith("layer 2 of 6, 3 learning, 80 updates/s, about 4 min left")
