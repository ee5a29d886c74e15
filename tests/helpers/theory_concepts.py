"""The concepts of rendered theory, with their modules."""

from __future__ import annotations

from mirbench.tasks import (
    rendered_interval,
    rendered_metre,
    rendered_mode,
    rendered_percussion_tempo,
    rendered_pitch_class,
    rendered_progression,
    rendered_triad,
)
from mirbench.tasks._theory.concept import Concept

MODULES = {
    module.CONCEPT.name: module
    for module in (
        rendered_interval,
        rendered_metre,
        rendered_mode,
        rendered_percussion_tempo,
        rendered_pitch_class,
        rendered_progression,
        rendered_triad,
    )
}
CONCEPTS: dict[str, Concept] = {name: module.CONCEPT for name, module in MODULES.items()}
