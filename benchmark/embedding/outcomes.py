"""What becomes of chunks of clips: embedded here, on GPUs or on a cluster, as each is ready."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator

from mirbench.benchmark.embedding.model import ModelInfo
from mirbench.benchmark.embedding.pair import EmbeddingSettings
from mirbench.benchmark.embedding.worker import (
    Chunk,
    Decoded,
    Outcome,
    decode_chunk,
    embed_chunk,
    model_info,
)
from mirbench.benchmark.machine.device import give_back_memory
from mirbench.benchmark.machine.here import Here
from mirbench.benchmark.machine.ray_workers import RayWorkers
from mirbench.benchmark.machine.workers import Workers


def outcomes_of(
    chunks: Iterator[Chunk], settings: EmbeddingSettings
) -> Generator[Outcome, None, None]:
    """Embed chunks, by workers each with a model; or by one per GPU, with audio decoded ahead.

    The second is for GPUs, whose memory has room for one model each, and for the one model
    that is an object of this process.

    Parameters
    ----------
    chunks : iterator of Chunk
        Taken one by one, as they are begun.
    settings : EmbeddingSettings
    """
    with settings.model_workers() as models:
        if settings.on_cpu and not settings.here:
            yield from models.unordered(embed_chunk, chunks)
        elif not isinstance(models, RayWorkers):
            with Workers(settings.workers) as decoders:
                # Decoded chunks wait for a model, two for each, so that none waits for audio.
                yield from models.unordered(embed_decoded, _decoded(chunks, models, decoders))
            models.everywhere(give_back_memory, settings.device)
        else:
            yield from models.prepared(decode_chunk, embed_prepared, _with_info(chunks, models))


def _decoded(
    chunks: Iterator[Chunk], models: Workers | Here, workers: Workers
) -> Iterator[tuple[Chunk, Decoded]]:
    """Let workers decode chunks ahead of the models."""
    begun: deque[Chunk] = deque()

    def noted() -> Iterator[tuple[Chunk, ModelInfo]]:
        for chunk, info in _with_info(chunks, models):
            begun.append(chunk)
            yield chunk, info

    for clips in workers.ahead(decode_chunk, noted(), workers.count + 1):
        yield begun.popleft(), clips


def _with_info(
    chunks: Iterator[Chunk], models: Workers | RayWorkers | Here
) -> Iterator[tuple[Chunk, ModelInfo]]:
    """Say with each chunk what its model declares."""
    info: ModelInfo | None = None
    for chunk in chunks:
        if info is None:
            (info,) = models.unordered(model_info, [(chunk.model, chunk.folder)])
        yield chunk, info


def embed_decoded(work: tuple[Chunk, Decoded]) -> Outcome:
    """Embed clips that were decoded elsewhere; runs in a process that has a GPU."""
    return embed_chunk(*work)


def embed_prepared(work: tuple[tuple[Chunk, ModelInfo], Decoded]) -> Outcome:
    """Do the same with what `decode_chunk` was given and has returned."""
    (chunk, _), decoded = work
    return embed_chunk(chunk, decoded)
