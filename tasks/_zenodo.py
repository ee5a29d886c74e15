"""Files of Zenodo's records, as datasets are downloaded from there."""

from __future__ import annotations

from typing import Literal

from mirbench.benchmark.api import Download


def zenodo_file(
    record: int,
    filename: str,
    md5: str,
    unpack: Literal["zip", "tar.gz"] | None = None,
    size: int | None = None,
) -> Download:
    """Say where a file of a record is downloaded from.

    Parameters
    ----------
    record : int
        Number of the record.
    filename, md5 : str
        As the record lists them.
    unpack : {"zip", "tar.gz"} or None
        What kind of archive it is, if one.
    size : int or None
        Bytes, where they are known.
    """
    address = f"https://zenodo.org/records/{record}/files/{filename}?download=1"
    return Download(filename=filename, mirrors=(address,), md5=md5, bytes=size, unpack=unpack)
