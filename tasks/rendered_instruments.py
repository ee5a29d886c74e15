"""Instruments that play in a rendered piece: two to four of ten.

Bands of the test set are other bands, so their instruments have another brightness,
envelope, register and loudness than those of the training set.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mirbench.benchmark.api import Clip, Task
from mirbench.tasks._rendered import corpus, files


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield every piece with the instruments that play in it."""
    return corpus.read_clips(root, lambda piece: piece.instruments)


TASK = Task(
    name="rendered_instruments",
    title="Rendered: instruments",
    version=1,
    kind="multilabel",
    labels=(
        *("bass", "bells", "clarinet", "drums", "flute"),
        *("guitar", "organ", "piano", "strings", "trumpet"),
    ),
    metrics=("roc_auc", "average_precision"),
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
