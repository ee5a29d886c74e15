"""What tests of several folders share: the real annotation files, where they are at hand."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

ARCHIVE = Path(__file__).parents[2] / "shared" / "datasets" / "annotations.tar.xz"

#: Thousands of small files that no reader opens.
_UNUSED = ("/md5/", "/jams/", "/genre/", "/giantsteps/")


@pytest.fixture(scope="session")
def annotation_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the annotation files of the four datasets as their publishers lay them out."""
    if not ARCHIVE.is_file():
        pytest.skip(f"the datasets' annotation files are not at hand ({ARCHIVE.name})")
    folder = tmp_path_factory.mktemp("annotations")
    with tarfile.open(ARCHIVE) as archive:
        wanted = [m for m in archive if not any(part in m.name for part in _UNUSED)]
        archive.extractall(folder, members=wanted, filter="data")
    return folder
