"""The reader of TensorFlow's checkpoints reads what is whole and refuses what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.weight_files import write_bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbench.benchmark.api import DataError
from mirbench.representations._crc32c import crc32c
from mirbench.representations._tensorflow_bundle import read_bundle


def bit_by_bit(data: bytes) -> int:
    """CRC-32C by its definition."""
    state = 0xFFFFFFFF
    for octet in data:
        state ^= octet
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


def test_the_checksum_is_crc_32c() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720 and the catalogue of CRCs
    assert crc32c(bytes(32)) == 0x8A9136AA
    rng = np.random.default_rng(0)
    for length in (0, 1, 3, 16_383, 16_384, 16_385, 50_001):
        data = rng.bytes(length)
        assert crc32c(data) == bit_by_bit(data)


@pytest.fixture
def variables() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    shapes = [(), (1,), (3, 2), (7, 5, 1, 4), (0,), (5_000,)]
    values = {f"layer_{n}/kernel": rng.normal(size=s).astype(np.float32) for n, s in
              enumerate(shapes)}  # fmt: skip
    return values | {f"layer_{n}/bias": np.full(2, n, np.float32) for n in range(70)}


@pytest.mark.parametrize("block_entries", [1, 7, 1_000])
def test_reads_what_was_written(
    variables: dict[str, Any], tmp_path: Path, block_entries: int
) -> None:
    files = write_bundle(tmp_path, variables, block_entries)
    found = read_bundle(files[".index"], files[".data-00000-of-00001"], variables)
    assert set(found) == set(variables)
    for name, value in variables.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].dtype == np.float32


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damage_is_refused_in_a_sentence(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bundle")
    variables = {f"v{n}": np.arange(n + 1, dtype=np.float32) for n in range(20)}
    files = write_bundle(folder, variables, 6)
    path = files[data.draw(st.sampled_from(sorted(files)))]
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        found = read_bundle(files[".index"], files[".data-00000-of-00001"], variables)
    except DataError:
        return
    # What nothing refers to, such as the footer's padding, may be anything.
    for name, value in variables.items():
        np.testing.assert_array_equal(found[name], value)


def test_other_files_are_refused(variables: dict[str, Any], tmp_path: Path) -> None:
    files = write_bundle(tmp_path / "bundle", variables)
    other = tmp_path / "other"
    other.write_bytes(b"GIF89a")
    with pytest.raises(DataError, match="other is not the index of a TensorFlow checkpoint"):
        read_bundle(other, files[".data-00000-of-00001"], variables)
    with pytest.raises(DataError, match="other is cut off"):
        read_bundle(files[".index"], other, variables)
    with pytest.raises(DataError, match="lists no variable 'absent'"):
        read_bundle(files[".index"], files[".data-00000-of-00001"], ["absent"])
