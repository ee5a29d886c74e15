"""NSynth instrument families, on the notes of `nsynth_pitch`: eleven families; accuracy.

`mirbench.tasks._nsynth` says which notes, and how they are split. Groups are
instruments. Synth leads are in train only.
"""

from __future__ import annotations

from mirbench.tasks._nsynth import FAMILIES
from mirbench.tasks._nsynth_task import nsynth_task

TASK = nsynth_task(
    name="nsynth_family",
    title="NSynth families",
    labels=FAMILIES,
    second_metric="mean_recall",
    label=lambda note: note.family,
    transposable=True,
)
