"""A short run of every reader of foreign bytes, and what the long ones have found."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from fuzz.readers import every_reader
from fuzz.run import MEMORY, in_a_child, silent_decoders
from fuzz.trial import Tally, try_reader

READERS = {reader.name: reader for reader in every_reader()}

#: Bytes by which the memory of a process may grow while it reads inputs of some kilobytes.
MOST = 300 * 2**20


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_end_in_a_value_or_a_sentence(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    with silent_decoders(), mock.patch("os.fsync"):
        tally = try_reader(reader, tmp_path, reader.many)
    assert not tally.faults
    assert tally.values + tally.refusals == reader.many
    assert tally.refusals or name == "notes on downloads"
    assert tally.peak < MOST


@pytest.mark.parametrize("name", READERS)
def test_whole_files_are_read(name: str, tmp_path: Path) -> None:
    """Or nothing would be tried but the first check."""
    reader, tally = READERS[name], Tally(name)
    (tmp_path / "seeds").mkdir()
    read = reader.open(tmp_path / "work")
    with silent_decoders(), mock.patch("os.fsync"):
        for content in reader.seeds(tmp_path / "seeds"):
            tally.try_out(read, content)
    assert tally.values > 0
    assert not tally.faults


def test_a_child_that_dies_is_told(tmp_path: Path) -> None:
    assert in_a_child(lambda: {"x": 1}) == {"x": 1}
    assert in_a_child(lambda: bytes(2 * MEMORY) and {}) == 1
