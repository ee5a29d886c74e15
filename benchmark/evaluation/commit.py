"""What a row commits itself to: sketches of the embeddings of ten clips."""

from __future__ import annotations

import numpy as np

from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.result import Commitment, committed_clips, sketch, sketch_text
from mirbench.benchmark.result.commitment import Numbers


def commitment_of(data: Dataset, embeddings: Embeddings) -> Commitment:
    """Sketch the embeddings of the ten clips that the split names."""
    chosen = committed_clips(data.split.sha256, data.split.of, embeddings.missing)
    sketches = sketches_of(embeddings, chosen)
    return Commitment(sketches={clip_id: sketch_text(sketches[clip_id]) for clip_id in chosen})


def sketches_of(embeddings: Embeddings, clip_ids: list[str]) -> dict[str, Numbers]:
    """Sketch the embeddings of clips, all of which there are."""
    number = {clip_id: place for place, clip_id in enumerate(embeddings.clip_ids)}
    return {
        clip_id: sketch(np.asarray(embeddings.rows(_places(embeddings, number[clip_id]))))
        for clip_id in clip_ids
    }


def _places(embeddings: Embeddings, number: int) -> list[int]:
    return [int(place) for place in np.flatnonzero(embeddings.clip == number)]
