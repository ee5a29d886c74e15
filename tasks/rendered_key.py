"""Key of a rendered piece: 24 major and minor keys.

Scored as GiantSteps is: 6 s windows, embedded one by one, whose outputs are
merged into one decision per piece; weighted score of mir_eval.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mirbench.benchmark.api import KEYS, Clip, Task
from mirbench.tasks._rendered import corpus, files


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield every piece with its key, such as ``Db minor``."""
    return corpus.read_clips(root, lambda piece: piece.key)


TASK = Task(
    name="rendered_key",
    title="Rendered: key",
    version=1,
    kind="multiclass",
    labels=KEYS,
    metrics=("weighted_key_score", "accuracy"),
    read_clips=read_clips,
    window=6.0,
    folder=corpus.FOLDER,
    group="band",
    splits=("paper", "artist"),
    board="rendered",
    prepare=files.prepare,
    licence=corpus.LICENCE,
    citation=corpus.CITATION,
    how_to_get=corpus.HOW_TO_GET,
)
