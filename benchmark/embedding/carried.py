"""Shards that an older decoding made, kept where today's gives the same samples.

`AUDIO_VERSION` is raised when some files are decoded otherwise than before, and with it
every shard gets another name. But most files are ordinary, and a GPU day should not be
spent on them again: a shard of which every clip is decoded as before is carried over.
"""

from __future__ import annotations

from collections.abc import Sequence

from mirbench.benchmark.api import Clip
from mirbench.benchmark.datasets.audio import audio_info, decodes_as_version_1, quiet_decoders
from mirbench.benchmark.embedding.absent import is_readable
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.shard_spec import ShardSpec
from mirbench.benchmark.embedding.store import read_shard, task_fingerprint
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
            shard = read_shard(place, spec=spec)
            if shard is not None and not shard.missing and all(map(_is_ordinary, spec.clips)):
                write_atomic(spec.path, place.read_bytes())
            progress.update(len(spec.clips))


def _is_ordinary(clip: Clip) -> bool:
    if clip.path is None or not is_readable(clip.path):
        return False
    with quiet_decoders():
        if not decodes_as_version_1(clip.path):
            return False
        # Version 1 took an mp3 that ends before its clip does.
        return clip.duration is None or clip.start + clip.duration <= audio_info(clip.path).duration
