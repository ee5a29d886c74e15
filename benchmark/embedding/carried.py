"""Shards that an older decoding made, kept where today's gives the same samples.

`AUDIO_VERSION` is raised when some files are decoded otherwise than before, and with it
every shard gets another name. But most files are ordinary, and a GPU day should not be
spent on them again: a shard of which every clip is decoded as before is carried over.
"""

from __future__ import annotations

from collections.abc import Sequence

from mirbench.benchmark.api import Clip
from mirbench.benchmark.datasets.audio import decodes_as_version_1, quiet_decoders
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.store import ShardSpec, read_shard, task_fingerprint
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.progress import bar


def carry_over(pair: Pair, settings: EmbeddingSettings, specs: Sequence[ShardSpec]) -> None:
    """Copy older shards to their new names, where they hold what would be computed now."""
    here = settings.store.folder(pair.fingerprint, pair.task)
    older = here.with_name(task_fingerprint(pair.task, audio_version=1))
    if not older.is_dir():
        return
    places = [
        (spec, place)
        for spec in specs
        if not spec.path.exists() and (place := older / spec.path.relative_to(here)).exists()
    ]
    if not places:
        return
    count = sum(len(spec.clips) for spec, _ in places)
    with bar(f"looking at the audio of {pair.task.folder}", count, "clip") as progress:
        for spec, place in places:
            shard = read_shard(place)
            if shard is not None and not shard.missing and all(map(_is_ordinary, spec.clips)):
                write_atomic(spec.path, place.read_bytes())
            progress.update(len(spec.clips))


def _is_ordinary(clip: Clip) -> bool:
    with quiet_decoders():
        return clip.path is not None and decodes_as_version_1(clip.path)
