"""Learn which files a model reads, before anything is kept under its fingerprint."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mirbench.benchmark.api import Clip
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.worker import Chunk, embed_new
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.machine.workers import Workers
from mirbench.benchmark.progress import say
from mirbench.benchmark.registry import RepresentationSpec
from mirbench.benchmark.registry.made_from import read_record, write_record


def learn_files(pair: Pair, settings: EmbeddingSettings) -> None:
    """Let a model that is new here embed a clip, and remember which files it reads.

    It takes part in the fingerprint of `pair`, which must not have been asked for.
    """
    spec = pair.spec
    if not spec.reads_files or read_record(_cache(spec), spec.own_fingerprint()) is not None:
        return
    clips = tuple(clip for clip in pair.data.clips if _is_here(clip))[:1]
    chunk = Chunk(pair.model(settings.device), pair.task.window, clips, shard=0)
    with Workers(settings.workers if settings.on_cpu else 1) as workers:
        (outcome,) = workers.unordered(embed_new, [chunk])
    _write(spec, outcome.files)
    pair.forget_fingerprint()


def remember_files(pair: Pair, files: Iterable[Path]) -> None:
    """Remember files that a model was seen reading while it embedded.

    Those that are new change its fingerprint; so what was embedded is computed once more
    by the next run.
    """
    new = set(files)
    if not new or not pair.spec.reads_files:
        return
    before = pair.spec.fingerprint()
    _write(pair.spec, new)
    if pair.spec.fingerprint() != before:
        names = ", ".join(sorted(path.name for path in new)[:5])
        say(
            f"{pair.spec.label} reads files that it did not read at first ({names}); from now on "
            "they count for what it is, and the next run embeds anew"
        )


def _write(spec: RepresentationSpec, files: Iterable[Path]) -> None:
    source = spec.plugin.source
    folder = source.path.parent if source is not None else Path.cwd()
    write_record(_cache(spec), spec.own_fingerprint(), files, folder)


def _cache(spec: RepresentationSpec) -> CacheFolder:
    return CacheFolder.find(spec.cache)


def _is_here(clip: Clip) -> bool:
    return clip.path is not None and clip.path.is_file()
