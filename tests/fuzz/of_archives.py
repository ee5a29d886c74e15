"""Archives and what lies in them: embeddings, features, datasets, weights and checkpoints."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from helpers.feature_archives import write_archive
from helpers.toy_task import toy_task
from helpers.weight_files import write_bundle
from helpers.weights_plugin import A, B, W, write_plugin, zip_of
from safetensors.numpy import save

from fuzz.readers import Read, Reader, add, one_file
from mirbench.benchmark.embedding.npz import read_embeddings
from mirbench.benchmark.files.unpack import unpack
from mirbench.benchmark.registry import parse_representation
from mirbench.benchmark.reproduction.published_features import read_archive, read_checksums
from mirbench.benchmark.weights.add import add_weights
from mirbench.benchmark.weights.conversion import _copy, _guarded
from mirbench.benchmark.weights.sets import weight_sets
from mirbench.representations._tensorflow_bundle import read_bundle
from mirbench.representations._torch_checkpoint import read_state_dict
from mirbench.representations.choi import _Checkpoint

_IDS = [f"clip{n:03d}" for n in range(20)]


def _npz(folder: Path) -> list[bytes]:
    made = []
    rng = np.random.default_rng(0)
    for save_as, shape in ((np.savez, (20, 4)), (np.savez_compressed, (20, 2, 3))):
        buffer = io.BytesIO()
        save_as(buffer, clip_id=np.array(_IDS), embedding=rng.normal(size=shape).astype("f4"))
        made.append(buffer.getvalue())
    return made


add(
    Reader(
        "embeddings in npz",
        _npz,
        one_file("e.npz", lambda path: read_embeddings(path, toy_task(), _IDS).sha256),
        (b"'descr': '|O'", b"(1000000000000, 24)", b"'<U0'", b"True", b"((", b",f4", b"(0,)"),
    )
)


def _features(folder: Path) -> list[bytes]:
    vectors = {f"clip{n:03d}": np.full(4, n, np.float32) for n in range(4)}
    write_archive(folder, "f", vectors)
    return [(folder / "f.tar.gz").read_bytes(), _tar(dict.fromkeys(("a.npy",), W))]


def _tar(files: dict[str, bytes], kind: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=kind, compresslevel=1) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.pax_headers = {"comment": "é"} if kind == tarfile.PAX_FORMAT else {}
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _inside_gzip(opened: Callable[[Path], Read]) -> Callable[[Path], Read]:
    """Make a reader that packs what it is given, as a stranger would; seeds are not packed."""
    import gzip

    def made(folder: Path) -> Read:
        read = opened(folder)
        return lambda content: read(gzip.compress(content, 1, mtime=0))

    return made


def _unpacked(seeds: Callable[[Path], list[bytes]]) -> Callable[[Path], list[bytes]]:
    import gzip

    return lambda folder: [gzip.decompress(content) for content in seeds(folder)]


def _read_features(path: Path) -> object:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return read_archive(path, toy_task(), _IDS, sha256).sha256


add(Reader("published features", _features, one_file("f.tar.gz", _read_features)))
add(
    Reader(
        "published features, packed anew",
        _unpacked(_features),
        _inside_gzip(one_file("f.tar.gz", _read_features)),
        (b"x", b"g", b"L", b"S", b"\x80" + bytes(10), b"20 size=99999999\n"),
    )
)
add(
    Reader(
        "checksums of published features",
        lambda folder: [f"{'ab' * 32}  gtzan_ff-mfcc.tar.gz\n".encode() * 3],
        one_file("x.sha256", read_checksums),
    )
)

_MEMBERS = {"a/b.txt": b"hello" * 30, "a/c.bin": bytes(300), "d.wav": b"x" * 20}


def _unpack(kind: Literal["zip", "tar.gz"]) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        target = path.with_name("target")
        try:
            return unpack([path], kind, target)
        finally:
            shutil.rmtree(target, ignore_errors=True)
            outside = {place.name for place in path.parent.parent.iterdir()}
            assert outside <= {"seeds", "work"}, outside

    return read


def _tars(folder: Path) -> list[bytes]:
    long = {"x" * 150 + "/y": b"1", **_MEMBERS}
    return [_tar(_MEMBERS), _tar(long, tarfile.GNU_FORMAT), _tar(long)]


add(
    Reader(
        "datasets in zip",
        lambda folder: [zip_of(_MEMBERS), zip_of({"é.txt": b"x" * 40})],
        one_file("x.zip", _unpack("zip")),
        (b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"../x"),
    )
)
add(Reader("datasets in tar.gz", _tars, one_file("x.tar.gz", _unpack("tar.gz"))))
add(
    Reader(
        "datasets in tar.gz, packed anew",
        _unpacked(_tars),
        _inside_gzip(one_file("x.tar.gz", _unpack("tar.gz"))),
        (b"../../x", b"K", b"L", b"x", b"g", b"1", b"2", b"\x80" + bytes(10), b"\xff" * 12),
    )
)


def _weights(name: str) -> Callable[[Path], Read]:
    def opened(folder: Path) -> Read:
        folder.mkdir()
        spec = parse_representation(write_plugin(folder), folder / "cache")

        def read(path: Path) -> object:
            shutil.rmtree(folder / "cache", ignore_errors=True)
            return add_weights(weight_sets(spec.plugin, folder / "cache"), [path])

        return one_file(name, read)(folder)

    return opened


add(
    Reader(
        "weights in zip",
        lambda folder: [zip_of({"w.npy": W}), zip_of({"a.npy": A, "b.npy": B})],
        _weights("w.zip"),
        (b"PK\1\2", b"PK\6\6", b"PK\6\7", b"(1000000000000, 24)", b"'|O'"),
        20,
    )
)
add(Reader("weights in a file", lambda folder: [W, A], _weights("w.npy"), many=20))
add(
    Reader(
        "weights in safetensors",
        lambda folder: [save({"a": np.ones((3, 4), np.float32), "b": np.zeros(2, np.int64)})],
        one_file("w.safetensors", lambda path: _copy(path, io.BytesIO())),
    )
)


def _converted(name: str, read: Callable[[Path], object]) -> Callable[[Path], Read]:
    """Read as the conversion of weights does, which explains and shortens what libraries raise."""

    def opened(folder: Path) -> Read:
        folder.mkdir()
        weights = weight_sets(parse_representation(write_plugin(folder)).plugin)["big"]
        return one_file(name, lambda path: _guarded(weights, lambda: read(path)))(folder)

    return opened


def _checkpoints(folder: Path) -> list[bytes]:
    state = {"a.weight": torch.ones(3, 2), "b": torch.zeros(2, dtype=torch.int64)}
    for name, content, new in (("1", state, True), ("2", {"state_dict": state, "x": 3}, True),
                               ("3", state, False)):  # fmt: skip
        torch.save(content, folder / name, _use_new_zipfile_serialization=new)
    return [(folder / name).read_bytes() for name in "123"]


add(Reader("checkpoints of PyTorch", _checkpoints, _converted("c.pt", read_state_dict)))

_VARIABLES = {"a/kernel": np.ones((3, 2), np.float32), "b/bias": np.zeros(4, np.float32)}


def _bundle(folder: Path) -> Read:
    folder.mkdir()
    files = write_bundle(folder, _VARIABLES, 2)

    def read(path: Path) -> object:
        return read_bundle(path, files[".data-00000-of-00001"], _VARIABLES)

    return one_file(files[".index"].name, read)(folder)


def _index(folder: Path) -> list[bytes]:
    return [write_bundle(folder, _VARIABLES, 2)[".index"].read_bytes()]


add(Reader("checkpoints of TensorFlow", _index, _bundle))


def _read_hdf5(path: Path) -> object:
    with _Checkpoint(path) as checkpoint:
        checkpoint.check_depth(2)
        return [checkpoint.block(number) for number in range(2)]


def _hdf5(folder: Path) -> list[bytes]:
    import h5py

    rng = np.random.default_rng(0)
    with h5py.File(folder / "x.hdf5", "w") as file:
        group = file.require_group("ConvBNEluDr")
        for block in (1, 2):
            group[f"convolution2d_{block}_W"] = rng.normal(size=(32, 1 if block == 1 else 32, 3, 3))
            group[f"convolution2d_{block}_b"] = rng.normal(size=32)
            for part in ("gamma", "beta"):
                group[f"batchnormalization_{block}_{part}"] = rng.normal(size=32)
    return [(folder / "x.hdf5").read_bytes()]


add(Reader("checkpoints in HDF5", _hdf5, _converted("x.hdf5", _read_hdf5)))
