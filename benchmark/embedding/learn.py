"""Learn which files a model reads, before anything is kept under its fingerprint."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mirbench.benchmark.api import Clip
from mirbench.benchmark.embedding.first_use import announce
from mirbench.benchmark.embedding.model import ModelInfo
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.reading import CLOCKS_APART, Reads, watched_folder, written_since
from mirbench.benchmark.embedding.worker import (
    Chunk,
    Outcome,
    decode_chunk,
    embed_chunk,
    loaded_model,
    read_while_loading,
    spec_of,
    stand_in,
)
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.claims import in_turn
from mirbench.benchmark.progress import say
from mirbench.benchmark.registry import RepresentationSpec
from mirbench.benchmark.registry.made_from import read_record, write_record

#: Clips that are tried until one can be embedded.
CANDIDATES = 8


def learn_files(pair: Pair, settings: EmbeddingSettings) -> None:
    """Let a model that is new here embed a clip, and remember which files it reads.

    It takes part in the fingerprint of `pair`, which must not have been asked for.
    """
    spec = pair.spec
    own = spec.own_fingerprint()
    if not spec.reads_files or read_record(_cache(spec), own) is not None:
        return
    waiting = f"{{}} is finding out which files {spec.label} reads; waiting for it"
    known = functools.partial(read_record, _cache(spec), own)
    with in_turn(_cache(spec).made_from(own), lambda: known() is not None, waiting) as mine:
        if mine:
            _learn(pair, settings)
    pair.forget_fingerprint()


def _learn(pair: Pair, settings: EmbeddingSettings) -> None:
    spec = pair.spec
    announce(spec)
    clips = tuple(clip for clip in pair.data.clips if _is_here(clip))[:CANDIDATES]
    model = pair.model(settings.device)
    chunk = Chunk(model, pair.task.window, clips, shard=0, clip_timeout=settings.clip_timeout)
    with settings.model_workers() as workers:
        (files,) = workers.unordered(files_of_new, [chunk])
    _write(spec, files)


def files_of_new(chunk: Chunk) -> frozenset[Path]:
    """Load a model that is new here and let it embed, watching what it reads; in a worker.

    A second time where it read what had just been written, as weights are that it
    downloads at first.

    Parameters
    ----------
    chunk : Chunk
        Clips of which the first that can be embedded is, and the first two as a batch.
    """
    stand_in(chunk.folder)
    began = time.time_ns()
    files, fresh = _files_read(chunk)
    if fresh:
        time.sleep(2 * CLOCKS_APART)  # or what was written a moment ago would look new again
        began = time.time_ns()
        files |= _files_read(chunk)[0]
    # A log that somebody reads may have been opened before the model wrote to it.
    return frozenset(path for path in files if not written_since(path, began))


def _files_read(chunk: Chunk) -> tuple[set[Path], bool]:
    """Say which files were read, and whether others were that had just been written."""
    loaded_model.cache_clear()  # what was read when it was loaded before is not known
    with watched_folder(spec_of(chunk.model)) as opened:
        model, info = loaded_model(chunk.model)
    seen: list[Reads | Outcome] = [opened, read_while_loading(chunk.model)]
    in_batches = callable(getattr(model, "embed_batch", None))
    for place, clip in enumerate(chunk.clips):
        outcome = _embed(replace(chunk, clips=(clip,)), info, seen)
        if outcome.rows:
            if in_batches and place + 1 < len(chunk.clips):
                _embed(replace(chunk, clips=chunk.clips[place : place + 2]), info, seen)
            break
    return set[Path]().union(*(one.files for one in seen)), any(one.fresh for one in seen)


def _embed(chunk: Chunk, info: ModelInfo, seen: list[Reads | Outcome]) -> Outcome:
    audio = decode_chunk((chunk, info))  # whose files are no part of the model
    with watched_folder(spec_of(chunk.model)) as opened:
        outcome = embed_chunk(chunk, audio)
    seen += [opened, outcome]
    return outcome


def remember_files(pair: Pair, files: Iterable[Path]) -> None:
    """Remember files that a model was seen reading while it embedded.

    Those that are new change its fingerprint; so what was embedded is computed once more
    by the next run.
    """
    new = set(files)
    if not new or not pair.spec.reads_files:
        return
    before = pair.spec.fingerprint()
    record = _cache(pair.spec).made_from(pair.spec.own_fingerprint())
    waiting = f"{{}} is noting which files {pair.spec.label} reads; waiting for it"
    with in_turn(record, lambda: False, waiting):  # what others have noted must not be lost
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
    try:
        return clip.path is not None and clip.path.is_file()
    except OSError:  # no permission on its folder
        return False
