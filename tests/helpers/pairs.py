"""Pairs of representations and clips, without a task of files and splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import Clip, Task
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.datasets.splits import SplitTable
from mirbench.benchmark.embedding.compute import embed_task
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.embedding.verdicts import (
    Verdict,
    verdict_file,
    versions_of,
    write_verdict,
)
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.registry import RepresentationSpec
from mirbench.benchmark.registry.made_from import write_record


def pair_of(
    spec: RepresentationSpec, task: Task, clips: Sequence[Clip], every: Sequence[Clip] | None = None
) -> Pair:
    """Pair a representation with clips, all of them for training."""
    split = SplitTable("none", {clip.id: "train" for clip in clips}, "0" * 64)
    return Pair(spec, Dataset(task, split, tuple(clips), tuple(every or clips)))


def count_as_looked_at(store: Store, spec: RepresentationSpec) -> None:
    """Let a store remember that a representation was found sound, whatever it is."""
    for kind in ("cpu", "cuda"):
        path = verdict_file(store, spec.fingerprint(), kind)
        write_verdict(path, Verdict({}, (versions_of(spec),)))


def embed_clips_of(
    spec: RepresentationSpec,
    task: Task,
    clips: Sequence[Clip],
    cache: Path,
    every: Sequence[Clip] | None = None,
    *,
    watched: bool = False,
    **settings: Any,
) -> Embeddings:
    """Embed clips into a store of their own, each once.

    The representation counts as looked at, and, unless it is to be `watched`, as one that
    reads no files: see `mirbench.benchmark.embedding.look` and `learn`.
    """
    spec = replace(spec, cache=cache)
    pair, store = pair_of(spec, task, clips, every), Store(cache)
    if not watched:
        write_record(CacheFolder.find(spec.cache), spec.own_fingerprint(), [], Path.cwd())
    count_as_looked_at(store, spec)
    return embed_task(pair, EmbeddingSettings(store=store, **settings))
