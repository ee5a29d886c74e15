"""From a concept to its task, and to its files."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import Kind, Task
from mirbench.tasks._rendered.corpus import CITATION, LICENCE
from mirbench.tasks._rendered.folder import Corpus, fill
from mirbench.tasks._theory.audio import N_SAMPLES, render
from mirbench.tasks._theory.concept import VERSION, Concept, Example
from mirbench.tasks._theory.sounds import kits


def theory_task(
    concept: Concept, *, title: str, labels: tuple[str, ...], kind: Kind = "multiclass"
) -> Task:
    """Make the task of a concept.

    Parameters
    ----------
    concept : Concept
    title : str
        For people.
    labels : tuple of str
        Class names in frozen order, or the name of the output.
    kind : {"multiclass", "regression"}
        Scored by accuracy, or by R².
    """
    return Task(
        name=concept.folder,
        title=f"Rendered theory: {title}",
        version=VERSION,
        kind=kind,
        labels=labels,
        metrics=("r2",) if kind == "regression" else ("accuracy",),
        read_clips=concept.read_clips,
        folder=concept.folder,
        group="kit" if concept.sounds is kits else "voice",
        splits=("paper", "artist"),
        board="theory",
        by_default=False,
        prepare=partial(prepare, concept),
        licence=LICENCE,
        citation=CITATION,
        how_to_get="Nothing to get: mirbench renders the audio when the task is named, in seconds.",
    )


def prepare(concept: Concept, root: Path) -> None:
    """Render what is missing below `root`, as `mirbench.tasks._rendered.folder.fill` does."""
    sounds = {example.id: partial(render, example) for example in concept.examples}
    fill(root, Corpus(_comment(concept), N_SAMPLES, sounds, partial(_annotations, concept)))


def _comment(concept: Concept) -> str:
    return f"mirbench rendered theory, {concept.name}, version {VERSION}"


def _annotations(concept: Concept) -> str:
    """Describe every clip, in JSON."""
    clips = [_annotation(example) for example in concept.examples]
    return json.dumps({"corpus": _comment(concept), "clips": clips}, indent=1) + "\n"


def _annotation(example: Example) -> dict[str, Any]:
    return {
        "id": example.id,
        "sound": example.sound.name,
        "split": example.sound.split,
        "label": example.label,
        "notes": [
            [round(note.onset, 4), note.duration, note.pitch, round(note.velocity, 3)]
            for note in example.notes
        ],
    }
