"""NSynth pitch, of the size of HEAR's 5 h: 88 pitches; accuracy.

`mirbench.tasks._nsynth` says which notes, and how they are split. Labels are
MIDI numbers from 21 to 108. Chroma accuracy counts octave errors as right, as
in HEAR 2021. Groups are instruments.
"""

from __future__ import annotations

from mirbench.tasks._nsynth import PIANO
from mirbench.tasks._nsynth_task import nsynth_task

TASK = nsynth_task(
    name="nsynth_pitch",
    title="NSynth pitch",
    labels=tuple(str(pitch) for pitch in PIANO),
    second_metric="chroma_accuracy",
    label=lambda note: str(note.pitch),
)
