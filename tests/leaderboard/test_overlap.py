"""Which pre-training data is marked."""

from __future__ import annotations

import pytest

from mirbench.leaderboard.overlap import overlaps


@pytest.mark.parametrize(
    ("trained_on", "task", "expected"),
    [
        ("MagnaTagATune", "magnatagatune", True),
        ("Million Song Dataset, MTT", "magnatagatune", True),
        ("Million Song Dataset", "magnatagatune", False),
        ("FMA-large", "emomusic", True),
        ("the Free Music Archive", "emomusic", True),
        ("GTZAN", "gtzan", True),
        ("MagnaTagATune", "gtzan", False),
        ("previews from Beatport", "giantsteps", True),
        ("none", "magnatagatune", False),
        (None, "gtzan", False),
        ("my zoo", "zoo", True),
        ("zookeeper", "zoo", False),
    ],
)
def test_overlaps(trained_on: str | None, task: str, expected: bool) -> None:
    assert overlaps(trained_on, task) is expected
