"""The splits as they are frozen in the repository."""

from __future__ import annotations

from collections.abc import Mapping

from mirbench.benchmark.api import Split
from mirbench.benchmark.registry import load_split, load_task


def frozen_split(task: str, split: str) -> Mapping[str, Split]:
    """Clip ids and the split of each, as the harness reads them."""
    return load_split(load_task(task), split).of
