"""The store of embeddings: content-addressed shards in one folder.

A shard is a safetensors file
``embeddings/<representation>/<task>/<number>-<clips>.safetensors``: the first
two parts are the fingerprints of what makes embeddings differ, the last one
is a digest of the clips in the shard and of their audio files, so that a
changed file costs one shard and a changed model all of them. Files are
written under a temporary name and renamed, so that a run that is killed
leaves whole shards only and two runs at once never harm each other. A digest
of all that a shard holds lies in it.

A model whose embeddings depend on their batch has one shard a batch, in a
folder ``batches-<partition>`` named by a digest of all batches: see
`mirbench.benchmark.embedding.batches`.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import Clip, FloatArray, IntArray, Task
from mirbench.benchmark.datasets.audio import AUDIO_VERSION
from mirbench.benchmark.embedding.layers import StoredLayers
from mirbench.benchmark.embedding.shard_spec import ShardSpec, look_at
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.checksums import digest
from mirbench.benchmark.files.foreign import DAMAGES
from mirbench.benchmark.files.sealed import seal, unseal
from mirbench.benchmark.machine.collector import without_collecting

#: Clips a shard; part of the shards' names, so a change embeds everything anew.
SHARD_CLIPS = 64

#: What a shard says of its rows, beside the arrays.
_FACTS = ("clip_ids", "missing", "seconds", "peak_bytes", "layers", "made_with", "notes")


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


def join_made_with(each: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Say what several lots of rows were made with: every version, and every device, of each."""
    values = defaultdict[str, set[str]](set)
    for facts in each:
        for key, value in facts.items():
            values[key].add(value)
    return {key: ", ".join(sorted(values[key])) for key in sorted(values)}


class Store:
    """Embeddings on disk, below one cache folder."""

    def __init__(self, root: Path | None = None) -> None:
        self.cache = CacheFolder.find(root)

    def folder(self, representation: str, task: Task) -> Path:
        """Folder of the shards of a representation's fingerprint on a task's audio."""
        return self.cache.embeddings / representation / task_fingerprint(task)

    @without_collecting()
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
            audio = tuple(look_at(clip, full_hash) for clip in members)
            specs.append(ShardSpec(folder, number, members, audio))
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


def write_shard(path: Path, shard: Shard, durable: bool = True) -> None:
    """Write a shard atomically.

    Parameters
    ----------
    path : Path
    shard : Shard
    durable : bool
        See `write_atomic`.
    """
    facts = {name: getattr(shard, name) for name in _FACTS}
    arrays: dict[str, npt.NDArray[Any]] = {
        "embedding": np.asarray(shard.embedding),
        "clip": shard.clip.astype(np.int64),
    }
    if shard.window is not None:
        arrays["window"] = shard.window.astype(np.int64)
    write_atomic(path, seal(facts, arrays, "mirbench", path.name), durable)


def read_shard(
    path: Path, warn: Callable[[str], None] = lambda _: None, spec: ShardSpec | None = None
) -> Shard | None:
    """Read a shard; None if there is none, or if it is damaged (and that is said).

    Parameters
    ----------
    path : Path
    warn : callable
        Called with a sentence about a damaged shard.
    spec : ShardSpec, optional
        What it should hold; one with other clips or rows is damaged.
    """
    if not path.exists():
        return None
    try:
        facts, arrays, sealed = unseal(path, "mirbench", path.name)
        if not sealed and facts.pop("sha256") != _old_sha256(arrays):
            raise ValueError("its content has changed")
        content: dict[str, Any] = {**facts, **arrays}
        content |= {name: tuple(facts[name]) for name in ("clip_ids", "layers")}
        shard = Shard(**content)
        _check(shard)
        if spec is not None:
            _compare(shard, spec)
    except (OSError, *DAMAGES) as error:
        warn(f"{path} is damaged ({error}); it is computed again")
        return None
    return shard


def _check(shard: Shard) -> None:
    """Check that a shard agrees with itself.

    Older versions wrote shards with a digest of no more than their arrays, and a digest of
    everything can be made by anybody.
    """
    ids, places = shard.clip_ids, shard.clip
    assert isinstance(shard.embedding, np.ndarray)
    _check_facts(shard)
    if places.ndim != 1 or places.dtype != np.int64 or shard.embedding.ndim not in (2, 3):
        raise ValueError("its arrays have other forms")
    if shard.embedding.dtype != np.float32 or len(shard.embedding) != len(places):
        raise ValueError("its rows are not those of its clips")
    if not np.isfinite(shard.embedding).all():
        raise ValueError("its rows are not finite")
    if len(set(ids)) != len(ids):
        raise ValueError("its clip ids are not different names")
    if len(places) and (np.any(np.diff(places) < 0) or places[0] < 0 or places[-1] >= len(ids)):
        raise ValueError("its rows are of clips that it has not")
    filled = {ids[place] for place in np.unique(places)}
    if filled & set(shard.missing) or filled | set(shard.missing) != set(ids):
        raise ValueError("its clips are not those that have rows or are missing")
    if shard.embedding.ndim == 3 and shard.embedding.shape[1] != len(shard.layers):
        raise ValueError("its layers have not as many names")
    window = shard.window
    if window is not None and (window.shape != places.shape or window.dtype != np.int64):
        raise ValueError("its rows are not those of its windows")


def _check_facts(shard: Shard) -> None:
    """Check the types of what a shard says of its rows."""
    texts = [*shard.clip_ids, *shard.layers]
    for pairs in (shard.missing, shard.made_with):
        texts += [*pairs.keys(), *pairs.values()]
    numbers = [shard.seconds, shard.peak_bytes, *shard.notes.values()]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("its names are not texts")
    if not all(type(number) in (int, float) and 0 <= number < 1e18 for number in numbers):
        raise ValueError("its costs are not numbers")


def _compare(shard: Shard, spec: ShardSpec) -> None:
    if shard.clip_ids != spec.clip_ids or (shard.window is None) != (spec.rows is None):
        raise ValueError("it holds other clips than it should")
    if shard.window is None or spec.rows is None:
        return
    has = {int(place) for place in shard.clip}
    wanted = sorted(row for row in spec.rows if row[0] in has)
    if wanted != list(zip(shard.clip.tolist(), shard.window.tolist(), strict=True)):
        raise ValueError("it holds other windows than it should")


def _old_sha256(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Digest that shards had before `mirbench.benchmark.files.sealed`."""
    total = hashlib.sha256(np.ascontiguousarray(arrays["embedding"]).data)
    for name in ("clip", "window"):
        if name in arrays:
            total.update(np.ascontiguousarray(arrays[name], dtype=np.int64).data)
    return total.hexdigest()
