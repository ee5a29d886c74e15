"""A grid whose process group is killed again and again ends with the undisturbed row."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.bench_saving import Place


class AtTheThirdState:
    """Ends a process when it has written three states; the fifth process lives on."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()
        self.new, self.lives = 0, 1

    def __call__(self, place: Place) -> bool:
        for path in place.states():
            try:
                version = path.name, path.stat().st_mtime_ns
            except FileNotFoundError:  # its probes finished meanwhile
                continue
            self.new += version not in self.seen
            self.seen.add(version)
        if self.new < 3 or self.lives == 5:
            return False
        self.new, self.lives = 0, self.lives + 1
        return True


@pytest.mark.slow
def test_a_grid_that_is_killed_ends_with_the_undisturbed_row(tmp_path: Path) -> None:
    place = Place(tmp_path, clips=60, dims=24, patience=1, device="cpu")
    whole = place.trial("off")
    assert (whole.kills, whole.most_bytes) == (0, 0)
    killed = place.trial("always", AtTheThirdState())
    assert killed.kills >= 1  # four, unless the machine is so fast that the grid ends before
    assert killed.most_bytes > 0
    assert killed.row == whole.row
    assert killed.predictions == whole.predictions
    assert not place.states()
