"""Which shards there should be: named by their clips and by the audio files as they are now."""

from __future__ import annotations

import functools
import stat
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import Clip
from mirbench.benchmark.embedding.absent import is_readable
from mirbench.benchmark.files.checksums import digest, file_sha256

#: Stands for the file of a clip that is not there or cannot be read.
ABSENT = "absent"

#: Folder, beside shards, of the parts of those that are not finished.
PARTS = "parts"


@dataclass(frozen=True, slots=True)
class Audio:
    """The audio of a clip as it was when it was looked at.

    Attributes
    ----------
    identity : list
        What decides it, as JSON-like content: clip id, excerpt, and size and time of
        modification of the file, or its checksum, or `ABSENT`.
    stamp : tuple of int, or None
        Size and time of modification in any case; None where there is no file.
    """

    identity: list[Any]
    stamp: tuple[int, int] | None

    @property
    def absent(self) -> bool:
        """Whether the clip should have a file, and that cannot be read."""
        return self.identity[-1:] == [ABSENT]


def look_at(clip: Clip, full_hash: bool = False) -> Audio:
    """Look at the audio file of a clip, without decoding it.

    Parameters
    ----------
    clip : Clip
    full_hash : bool
        Know the file by its whole content instead of size and time of modification.
    """
    excerpt: list[Any] = [clip.id, clip.start, clip.duration]
    if clip.deformed is not None:
        excerpt.append(clip.deformed)
    if clip.path is None:
        return Audio(excerpt, None)
    try:
        status = clip.path.stat()
        if not stat.S_ISREG(status.st_mode):
            return Audio([*excerpt, ABSENT], None)
        stamp = status.st_size, status.st_mtime_ns
        known_by = [file_sha256(clip.path)] if full_hash else stamp
    except OSError:
        return Audio([*excerpt, ABSENT], None)
    return Audio([*excerpt, *known_by], stamp)


@dataclass(frozen=True)
class ShardSpec:
    """A shard that should be in the store.

    Attributes
    ----------
    folder : Path
        Where it lies.
    number : int
        Its place among the shards of a representation and a task, from 0.
    clips : tuple of Clip
        Each once.
    audio : tuple of Audio
        What was seen of each clip's file.
    rows : tuple of (int, int), or None
        The rows of a batch in their order: place of the clip, and window.
        None: every window of every clip, in order.
    missing : dict
        Clip id to the reason why it has no row, for clips of which it is known beforehand.
    """

    folder: Path
    number: int
    clips: tuple[Clip, ...]
    audio: tuple[Audio, ...]
    rows: tuple[tuple[int, int], ...] | None = None
    missing: dict[str, str] = field(default_factory=dict)

    @functools.cached_property
    def path(self) -> Path:
        """Its file, named by a digest of the clips and their audio."""
        content: list[Any] = [audio.identity for audio in self.audio]
        if self.rows is not None:
            content = [[[*content[place], window] for place, window in self.rows], self.missing]
        return self.folder / f"{self.number:05d}-{digest(content)}.safetensors"

    @property
    def clip_ids(self) -> tuple[str, ...]:
        """Clips that it holds, in order, those without a row included."""
        return (*(clip.id for clip in self.clips), *self.missing)

    @property
    def absent(self) -> list[Clip]:
        """Clips whose files were not there."""
        return [clip for clip, audio in zip(self.clips, self.audio, strict=True) if audio.absent]

    def parts(self, clips: int) -> list[ShardSpec]:
        """Cut it into parts of so many clips, which runs can share; a batch stays whole."""
        if self.rows is not None or clips >= len(self.clips):
            return [self]
        return [
            replace(
                self,
                folder=self.folder / PARTS,
                clips=self.clips[first : first + clips],
                audio=self.audio[first : first + clips],
            )
            for first in range(0, len(self.clips), clips)
        ]

    def without(self, clip_ids: Collection[str]) -> ShardSpec:
        """Name it as it is if the files of some clips cannot be read."""
        return self._with(
            Audio([clip.id, clip.start, clip.duration, ABSENT], None)
            if clip.id in clip_ids
            else audio
            for clip, audio in zip(self.clips, self.audio, strict=True)
        )

    def without_unreadable(self) -> ShardSpec:
        """Open every file, and name it by those that can be opened."""
        return self.without({clip.id for clip in self.clips if not is_readable(clip.path)})

    def look_again(self, full_hash: bool) -> ShardSpec:
        """Name it by the files as they are now."""
        return self._with(look_at(clip, full_hash) for clip in self.clips)

    def changed(self) -> list[Clip]:
        """Clips whose files are not as they were when they were looked at."""
        return [
            clip
            for clip, audio in zip(self.clips, self.audio, strict=True)
            if look_at(clip).stamp != audio.stamp
        ]

    def _with(self, audio: Iterable[Audio]) -> ShardSpec:
        return replace(self, audio=tuple(audio))
