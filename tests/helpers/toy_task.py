"""A task of one label and no clips, for tests that need its form only."""

from __future__ import annotations

from typing import Any

from mirbench.benchmark.api import Task


def toy_task(**changes: Any) -> Task:
    """Give the task, with some of its fields changed."""
    fields: dict[str, Any] = {
        "name": "toy",
        "title": "Toy",
        "version": 1,
        "kind": "multiclass",
        "labels": ("x",),
        "metrics": ("accuracy",),
        "read_clips": lambda root: iter(()),
        "folder": "toy",
        "licence": "",
        "citation": "",
        "how_to_get": "",
    }
    return Task(**(fields | changes))
