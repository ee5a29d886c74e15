"""Embed with a model object of this process, of which nothing is kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.embedding.worker import loaded_model, spec_of
from mirbench.benchmark.registry.live import LiveSpec, registered


@contextmanager
def embedded_here(model: Any, name: str, store: Store) -> Iterator[LiveSpec]:
    """Let a model object be embedded with by what is yielded, and forget it when that ends.

    Its embeddings lie in the store meanwhile, under a fingerprint that is drawn for this
    once, and are removed at the end: what the object computes may have changed by then.

    Parameters
    ----------
    model : Representation
    name : str
        What it is called.
    store : Store
    """
    with registered(model, name) as spec:
        try:
            yield spec
        finally:
            loaded_model.cache_clear()
            spec_of.cache_clear()
            shutil.rmtree(store.cache.embeddings / spec.token, ignore_errors=True)


def in_memory(embeddings: Embeddings) -> Embeddings:
    """Take what a model object embedded into memory, so that it outlives what the store has."""
    return replace(embeddings, embedding=np.asarray(embeddings.embedding), live=True)
