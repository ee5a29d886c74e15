"""The store of embeddings: content-addressed shards in one folder.

A shard is a safetensors file
``embeddings/<representation>/<task>/<number>-<clips>.safetensors``: the first
two parts are the fingerprints of what makes embeddings differ, the last one
is a digest of the clips in the shard and of their audio files, so that a
changed file costs one shard and a changed model all of them. Files are
written under a temporary name and renamed, so that a run that is killed
leaves whole shards only and two runs at once never harm each other.

A model whose embeddings depend on their batch has one shard a batch, in a
folder ``batches-<partition>`` named by a digest of all batches: see
`mirbench.benchmark.embedding.batches`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mirbench.benchmark.api import Clip, FloatArray, IntArray, Task
from mirbench.benchmark.datasets.audio import AUDIO_VERSION
from mirbench.benchmark.embedding.layers import StoredLayers
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.checksums import digest, file_sha256

#: Clips a shard; part of the shards' names, so a change embeds everything anew.
SHARD_CLIPS = 64


@dataclass(frozen=True, eq=False)
class Shard:
    """Embeddings of some clips.

    Attributes
    ----------
    clip_ids : tuple of str
        The clips of the shard, the missing ones included.
    embedding : ndarray of float32, shape [n_rows, dims] or [n_rows, n_layers, dims]
        A row is a clip, or one window of a clip.
    clip : ndarray of int, shape [n_rows]
        Place of a row's clip in `clip_ids`; ascending.
    missing : dict
        Clip id to the reason why it has no row.
    seconds : float
        Time spent on computing it, summed over workers.
    peak_bytes : int
        Largest memory of a worker meanwhile.
    layers : tuple of str
        Names of the layers, if there are any.
    made_with : dict
        Versions of the packages that computed it, and the device.
    window : ndarray of int, shape [n_rows], or None
        Which window of its clip a row is, where a shard is a batch and need
        not have all of them.
    notes : dict
        What the representation remarks on rows, and on how many of them.
    """

    clip_ids: tuple[str, ...]
    embedding: FloatArray | StoredLayers
    clip: IntArray
    missing: dict[str, str]
    seconds: float
    peak_bytes: int
    layers: tuple[str, ...] = ()
    made_with: dict[str, str] = field(default_factory=dict)
    window: IntArray | None = None
    notes: dict[str, int] = field(default_factory=dict)


def add_notes(each: Iterable[dict[str, int]]) -> dict[str, int]:
    """Add up the notes on several lots of rows."""
    total: Counter[str] = Counter()
    for notes in each:
        total.update(notes)
    return dict(sorted(total.items()))


@dataclass(frozen=True, slots=True)
class ShardSpec:
    """A shard that should be in the store.

    Attributes
    ----------
    path : Path
        Its file.
    clips : tuple of Clip
        Each once.
    rows : tuple of (int, int), or None
        The rows of a batch in their order: place of the clip, and window.
        None: every window of every clip, in order.
    missing : dict
        Clip id to the reason why it has no row, for clips of which it is known beforehand.
    """

    path: Path
    clips: tuple[Clip, ...]
    rows: tuple[tuple[int, int], ...] | None = None
    missing: dict[str, str] = field(default_factory=dict)


class Store:
    """Embeddings on disk, below one cache folder."""

    def __init__(self, root: Path | None = None) -> None:
        self.cache = CacheFolder.find(root)

    def folder(self, representation: str, task: Task) -> Path:
        """Folder of the shards of a representation's fingerprint on a task's audio."""
        return self.cache.embeddings / representation / task_fingerprint(task)

    def shards_for(
        self, representation: str, task: Task, clips: Sequence[Clip], full_hash: bool = False
    ) -> list[ShardSpec]:
        """Say which shards hold the clips, in the order of clip ids.

        Parameters
        ----------
        representation : str
            Its fingerprint.
        task : Task
        clips : sequence of Clip
            In any order.
        full_hash : bool
            Know audio files by their whole content instead of size and time
            of modification.
        """
        folder = self.folder(representation, task)
        ordered = sorted(clips, key=lambda clip: clip.id)
        specs = []
        for number, first in enumerate(range(0, len(ordered), SHARD_CLIPS)):
            members = tuple(ordered[first : first + SHARD_CLIPS])
            key = digest([clip_identity(clip, full_hash) for clip in members])
            specs.append(ShardSpec(folder / f"{number:05d}-{key}.safetensors", members))
        return specs

    def known_layers(self, representation: str) -> tuple[str, ...] | None:
        """Names of the layers of a representation's fingerprint; None if it has no shard here."""
        for path in sorted((self.cache.embeddings / representation).rglob("*.safetensors")):
            shard = read_shard(path)
            if shard is not None and len(shard.embedding):
                return shard.layers
        return None

    def batches(self, representation: str, task: Task, partition: str) -> Path:
        """Folder of the shards of one division of a task's audio into batches."""
        return self.folder(representation, task) / f"batches-{partition}"

    def model_facts(self, representation: str) -> Path:
        """File of what is known of a representation's model without loading it."""
        return self.cache.embeddings / representation / "model.json"

    def window_counts(self, task: Task) -> Path:
        """File of how many windows the clips of a task's audio have."""
        return self.cache.windows / f"{task_fingerprint(task)}.json"

    def all_shards(self, representation: str, task: Task) -> list[Path]:
        """Every shard that there is, oldest first, whatever the audio files are now."""
        return _oldest_first(self.folder(representation, task).glob("*.safetensors"))

    def newest_batches(self, representation: str, task: Task) -> list[Path]:
        """Newest shard of every batch, in the division into batches that was used last."""
        shards = _oldest_first(self.folder(representation, task).glob("batches-*/*.safetensors"))
        last = [path for path in shards if path.parent == shards[-1].parent]
        newest = {path.name.partition("-")[0]: path for path in last}
        return [path for _, path in sorted(newest.items())]


def _oldest_first(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.stat().st_mtime_ns)


def task_fingerprint(task: Task, audio_version: int = AUDIO_VERSION) -> str:
    """Fingerprint of what a task asks to be embedded: reader, windows, decoding.

    Tasks that share their folder, audio's version and windows share their embeddings.
    """
    version = task.version if task.audio_version is None else task.audio_version
    return digest([task.folder, version, task.window, audio_version])


def clip_identity(clip: Clip, full_hash: bool) -> list[Any]:
    """Say what decides a clip's audio, as JSON-like content: its id, excerpt and file."""
    identity: list[Any] = [clip.id, clip.start, clip.duration]
    if clip.path is None:
        return identity
    try:
        status = clip.path.stat()
    except OSError:
        return [*identity, "absent"]
    if full_hash:
        return [*identity, file_sha256(clip.path)]
    return [*identity, status.st_size, status.st_mtime_ns]


def write_shard(path: Path, shard: Shard) -> None:
    """Write a shard atomically."""
    from safetensors.numpy import save

    facts = {
        "clip_ids": shard.clip_ids,
        "missing": shard.missing,
        "seconds": shard.seconds,
        "peak_bytes": shard.peak_bytes,
        "layers": shard.layers,
        "made_with": shard.made_with,
        "notes": shard.notes,
        "sha256": _content_sha256(shard.embedding, shard.clip, shard.window),
    }
    arrays: dict[str, Any] = {
        "embedding": np.ascontiguousarray(shard.embedding),
        "clip": shard.clip.astype(np.int64),
    }
    if shard.window is not None:
        arrays["window"] = shard.window.astype(np.int64)
    write_atomic(path, save(arrays, metadata={"mirbench": json.dumps(facts, sort_keys=True)}))


def read_shard(path: Path, warn: Callable[[str], None] = lambda _: None) -> Shard | None:
    """Read a shard; None if there is none, or if it is damaged (and that is said)."""
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads(file.metadata()["mirbench"])
            facts["clip_ids"], facts["layers"] = tuple(facts["clip_ids"]), tuple(facts["layers"])
            embedding, clip = file.get_tensor("embedding"), file.get_tensor("clip")
            window = file.get_tensor("window") if "window" in set(file.keys()) else None
        if facts.pop("sha256") != _content_sha256(embedding, clip, window):
            raise ValueError("its content has changed")
        return Shard(embedding=embedding, clip=clip, window=window, **facts)
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        warn(f"{path} is damaged ({error}); it is computed again")
        return None


def _content_sha256(
    embedding: FloatArray | StoredLayers, clip: IntArray, window: IntArray | None
) -> str:
    total = hashlib.sha256(np.ascontiguousarray(embedding).data)
    for numbers in (clip, window):
        if numbers is not None:
            total.update(np.ascontiguousarray(numbers, dtype=np.int64).data)
    return total.hexdigest()


def read_facts(path: Path) -> dict[str, Any]:
    """Read what is remembered in a JSON file; an absent or damaged one is as good as empty."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
