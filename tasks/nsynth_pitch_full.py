"""NSynth pitch, on the whole set: 128 pitches; accuracy.

The published parts, 289,205, 12,678 and 4,096 notes, with all MIDI numbers as
labels, as in MARBLE. Its split is called ``full``, so it is run only when it
is asked for: ``--task nsynth_pitch_full --split full``. Valid and test share
instruments; `nsynth_pitch` has a split that keeps them apart.
"""

from __future__ import annotations

from mirbench.tasks._nsynth_task import nsynth_task

TASK = nsynth_task(
    name="nsynth_pitch_full",
    title="NSynth pitch, whole set",
    labels=tuple(str(pitch) for pitch in range(128)),
    second_metric="chroma_accuracy",
    label=lambda note: str(note.pitch),
    whole=True,
)
