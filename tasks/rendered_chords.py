"""Chord progression of a rendered piece: four in major keys, four in minor ones.

Progressions are independent of the key, and a function that is linear in pitch
classes cannot be aware of a tonic that it is not told: on chroma statistics, linear
probes stay near chance (12.5 %), while the same statistics rotated to the tonic
give about 70 %. What lies between is what a representation knows of function.

So far it tells no representation from another: it runs when it is named, for
the rows that have it, and ``rendered_progression`` has taken its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mirbench.benchmark.api import Clip, Task
from mirbench.tasks._rendered import corpus, files


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield every piece with its progression in Roman numerals."""
    return corpus.read_clips(root, lambda piece: piece.progression)


TASK = Task(
    name="rendered_chords",
    title="Rendered: chord progression",
    version=1,
    kind="multiclass",
    labels=(
        *("I-V-vi-IV", "I-vi-ii-V", "I-IV-I-V", "I-iii-IV-V"),
        *("i-iv-i-V", "i-VI-iv-V", "i-VII-VI-V", "i-v-VI-iv"),
    ),
    metrics=("accuracy",),
    read_clips=read_clips,
    folder=corpus.FOLDER,
    group="band",
    splits=("paper", "artist"),
    by_default=False,
    board="rendered",
    prepare=files.prepare,
    licence=corpus.LICENCE,
    citation=corpus.CITATION,
    how_to_get=corpus.HOW_TO_GET,
)
