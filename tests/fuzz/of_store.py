"""What the store and the cache keep: shards, probes, notes on models, weights and downloads."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from helpers.toy_task import toy_task
from helpers.weights_plugin import write_plugin
from probe_data import SMALL, small_data

from fuzz.readers import Read, Reader, add, one_file, or_refused
from mirbench.benchmark.api import Clip
from mirbench.benchmark.embedding import batches, verdicts, window_counts
from mirbench.benchmark.embedding.embeddings import join_shards, pick_clips
from mirbench.benchmark.embedding.layers import leave_on_disk
from mirbench.benchmark.embedding.store import Shard, Store, read_shard, write_shard
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.partial import PartialFile
from mirbench.benchmark.files.sealed import content_digest
from mirbench.benchmark.probing.checkpoint import Checkpoint
from mirbench.benchmark.probing.data import ProbeRecord
from mirbench.benchmark.registry import made_from, parse_representation
from mirbench.benchmark.weights.first_seen import first_seen
from mirbench.benchmark.weights.sets import weight_sets

SHARD = Shard(
    clip_ids=("a", "b", "ç"),
    embedding=np.arange(8, dtype=np.float32).reshape(2, 2, 2),
    clip=np.array([0, 2]),
    missing={"b": "b.wav is empty (0 bytes)"},
    seconds=1.5,
    peak_bytes=1000,
    layers=("low", "high"),
    made_with={"numpy": "2.0"},
    notes={"short": 1},
)
FLAT = replace(SHARD, embedding=np.ones((2, 3), np.float32), layers=(), window=np.array([0, 1]))
SHARD_NAME = "00000-0123456789abcdef.safetensors"


def _shards(folder: Path) -> list[bytes]:
    made = []
    for shard in (SHARD, FLAT):
        write_shard(folder / SHARD_NAME, shard)
        made.append((folder / SHARD_NAME).read_bytes())
    return made


def resealed(content: bytes, key: str, about: str) -> bytes:
    """Write the digest that a damaged file would have, as somebody could who wants it read."""
    size = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + size])
        facts = json.loads(header["__metadata__"][key])
        facts.pop("digest", None)
        from safetensors.numpy import load

        digest = content_digest(facts, load(content), about)
        header["__metadata__"][key] = json.dumps(facts | {"digest": digest})
    except Exception:
        return content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def _sealed(
    name: str, key: str, about: str, read: Callable[[Path], object]
) -> Callable[[Path], Read]:
    """Make a reader of sealed files, of which every second one has the digest of its damage."""

    def opened(folder: Path) -> Read:
        folder.mkdir(parents=True)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        turn = [0]

        def reader(content: bytes) -> object:
            turn[0] += 1
            if turn[0] % 2:
                content = resealed(content, key, about)
            (folder / name).write_bytes(content)
            return read(folder / name)

        return reader

    return opened


def _read_shard(path: Path) -> object:
    shard = read_shard(path)
    or_refused(shard)
    assert shard is not None
    shard = replace(shard, embedding=leave_on_disk(path, shard.embedding))
    joined = join_shards([shard])
    if shard.window is not None:
        batches.merge_batches([shard])
    return pick_clips(joined, ["a", "x"]).sha256


add(Reader("shards", _shards, _sealed(SHARD_NAME, "mirbench", SHARD_NAME, _read_shard)))

_GRID = SMALL.grid()


def _probes(folder: Path) -> list[bytes]:
    outputs = np.arange(240, dtype=np.float32).reshape(60, 4)
    for valid in (0.967, float("-inf")):
        record = ProbeRecord(5, _GRID[5], 800, 400, valid, None, {"accuracy": 0.95}, outputs)
        Checkpoint(folder, small_data("multiclass"), SMALL, "cpu").save(record)
    return [path.read_bytes() for path in folder.rglob("*.safetensors")]


def _probe_reader(folder: Path) -> Read:
    store = Checkpoint(folder, small_data("multiclass"), SMALL, "cpu")
    place = store._path(5)
    opened = _sealed(
        str(place.relative_to(folder)),
        "record",
        place.parent.name,
        lambda path: or_refused(store.load(_GRID[5])),
    )
    return opened(folder)


add(Reader("finished probes", _probes, _probe_reader))


def _json(*documents: object) -> Callable[[Path], list[bytes]]:
    return lambda folder: [json.dumps(document).encode() for document in documents]


_MODEL = "0123456789abcdef"


def _batch_size(path: Path) -> object:
    return or_refused(batches.known_batch_size(_MODEL, Store(path.parents[2])))


def _window_counts(path: Path) -> object:
    counts = or_refused(window_counts._read(path))
    assert isinstance(counts, dict)
    task = toy_task(window=1.0)
    clips = [Clip(f"c{n}", None, "x", "g") for n in range(len(counts))]
    from helpers.pairs import Dataset, SplitTable

    data = Dataset(task, SplitTable("none", {}, ""), tuple(clips), tuple(clips))
    few = {c.id: min(n, 50) if isinstance(n, int) else n
           for c, n in zip(clips, counts.values(), strict=True)}  # fmt: skip
    return batches._order(data, few)


def _counts(folder: Path) -> list[bytes]:
    counts = {"0123456789abcdef": 3, "f123456789abcdef": "a.wav is empty"}
    return _json({"counts": counts, "digest": content_digest(counts, {})})(folder)


def _with_digest(
    key: str, digest: Callable[[object], str], opened: Callable[[Path], Read]
) -> Callable[[Path], Read]:
    """Make a reader whose every second input has the digest of its damage."""

    def made(folder: Path) -> Read:
        read, turn = opened(folder), [0]

        def reader(content: bytes) -> object:
            turn[0] += 1
            try:
                document = json.loads(content)
                if turn[0] % 2:
                    content = json.dumps(document | {"digest": digest(document[key])}).encode()
            except Exception:
                pass
            return read(content)

        return reader

    return made


add(
    Reader(
        "notes on models (model.json)",
        _json({"batch_size": 64}, {"batch_size": None}),
        one_file(f"embeddings/{_MODEL}/model.json", _batch_size),
    )
)
add(
    Reader(
        "notes on models (look-cpu.json)",
        _json(
            {
                "version": verdicts.LOOK_VERSION,
                "found": {"clips": "3 of toy", "twice": "equal"},
                "versions": [{"numpy": "2.4.6"}, {}],
            }
        ),
        one_file("look-cpu.json", lambda path: or_refused(verdicts.read_verdict(path))),
    )
)
add(
    Reader(
        "counts of windows",
        _counts,
        _with_digest("counts", lambda x: content_digest(x, {}), one_file("w.json", _window_counts)),  # type: ignore[arg-type]
    )
)


def _made_from(folder: Path) -> list[bytes]:
    (folder / "w.bin").write_bytes(b"x")
    cache = CacheFolder.find(folder)
    made_from.write_record(cache, _MODEL, [folder / "w.bin"], folder)
    return [cache.made_from(_MODEL).read_bytes()]


def _made_from_reader(folder: Path) -> Read:
    cache = CacheFolder.find(folder)
    name = str(cache.made_from(_MODEL).relative_to(folder))
    read = one_file(name, lambda path: or_refused(made_from.read_record(cache, _MODEL)))
    return _with_digest("files", made_from.digest, read)(folder)


add(Reader("notes on models (made_from)", _made_from, _made_from_reader))

_SHA = "0123456789abcdef" * 4
_NOTE = {
    "representation": "weighty",
    "set": "big",
    "licence": "CC0",
    "bytes": 3,
    "files": {"w.npy": {"source": "http://127.0.0.1:9/w.npy", "bytes": 192, "sha256": _SHA}},
}


def _notes_of_weights(folder: Path) -> Read:
    folder.mkdir()
    spec = parse_representation(write_plugin(folder), folder)

    def read(path: Path) -> object:
        weights = weight_sets(spec.plugin, folder)["big"]
        weights.path.write_bytes(b"abc")
        found = {name: file.sha256 for name, file in weights.originals().items()}
        spec.plugin.card()
        return or_refused(found if weights.ready else None)

    return one_file("weights/weighty/big.json", read)(folder)


def _first_seen(folder: Path) -> Read:
    folder.mkdir()
    spec = parse_representation(write_plugin(folder), folder)
    sets = weight_sets(spec.plugin, folder)
    return one_file("weights/first_seen.json", lambda path: first_seen(sets["big"]))(folder)


add(Reader("notes on weights", _json(_NOTE), _notes_of_weights))
add(
    Reader(
        "checksums seen first",
        _json({"http://127.0.0.1:9/w.npy": _SHA, "http://127.0.0.1:9/a.npy": _SHA}),
        _first_seen,
    )
)
add(
    Reader(
        "notes on downloads",
        _json({"url": "http://127.0.0.1:9/x", "validator": '"abc"'}),
        one_file(
            "x.part.json",
            lambda path: PartialFile(path.with_name("x")).validator("http://127.0.0.1:9/x"),
        ),
    )
)
