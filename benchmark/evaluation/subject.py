"""Who is probed: a representation that mirbench embeds, or embeddings from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.pair import Pair
from mirbench.benchmark.registry import RepresentationSpec


@dataclass(frozen=True)
class Subject:
    """What is probed: a representation that mirbench embeds, or embeddings from elsewhere."""

    name: str
    origin: str
    params: dict[str, object]
    fingerprint: str
    trained_on: str | None
    weights: Mapping[str, str] = field(default_factory=dict)
    live: bool = False


def subject_of(spec: RepresentationSpec, fingerprint: str) -> Subject:
    """Describe a representation that mirbench embeds itself."""
    return Subject(
        spec.label,
        spec.plugin.origin,
        spec.shown_params,
        fingerprint,
        spec.trained_on,
        spec.weights_sha256,
        live=spec.live,
    )


def subject_of_pair(pair: Pair, embeddings: Embeddings) -> Subject:
    """Describe the representation of a pair.

    A model object is known by its embeddings alone: the row of another state of it, under
    the same name, is not taken for its own.
    """
    live = pair.spec.live
    return subject_of(pair.spec, embeddings.sha256[:16] if live else pair.fingerprint)
