"""Tempo of a rendered piece, 60 to 180 beats per minute.

The target is the logarithm to base 2 of the tempo over 100 BPM: octaves, of about unit
range, as for the other regressions. The probe protocol does not scale targets, and
at its smallest learning rate a probe would creep towards a hundred without end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from mirbench.benchmark.api import Clip, Task
from mirbench.tasks._rendered import corpus, files


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield every piece with its tempo in octaves above 100 BPM."""
    return corpus.read_clips(root, lambda piece: (math.log2(piece.bpm / 100),))


TASK = Task(
    name="rendered_tempo",
    title="Rendered: tempo",
    version=1,
    kind="regression",
    labels=("tempo",),
    metrics=("r2",),
    read_clips=read_clips,
    folder=corpus.FOLDER,
    group="band",
    splits=("paper", "artist"),
    transposable=True,
    board="rendered",
    prepare=files.prepare,
    licence=corpus.LICENCE,
    citation=corpus.CITATION,
    how_to_get=corpus.HOW_TO_GET,
)
