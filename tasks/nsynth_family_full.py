"""NSynth instrument families, on the whole set: eleven families; accuracy.

The published parts, 289,205, 12,678 and 4,096 notes. Its split is called
``full``, so it is run only when it is asked for:
``--task nsynth_family_full --split full``. Valid and test share instruments;
`nsynth_family` has a split that keeps them apart.
"""

from __future__ import annotations

from mirbench.tasks._nsynth import FAMILIES
from mirbench.tasks._nsynth_task import nsynth_task

TASK = nsynth_task(
    name="nsynth_family_full",
    title="NSynth families, whole set",
    labels=FAMILIES,
    second_metric="mean_recall",
    label=lambda note: note.family,
    whole=True,
    transposable=True,
)
