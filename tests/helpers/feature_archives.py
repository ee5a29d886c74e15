"""Archives of features in the form in which Castellon et al. published theirs."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def write_archive(
    folder: Path,
    name: str,
    features: Mapping[str, npt.NDArray[Any]],
    extra: Mapping[str, bytes] | None = None,
) -> str:
    """Write ``<name>.tar.gz`` with one ``.npy`` a stem; give its SHA-256."""
    members = dict(extra or {})
    for stem, vector in features.items():
        buffer = io.BytesIO()
        np.save(buffer, vector)
        members[f"{name}/{stem}.npy"] = buffer.getvalue()
    path = folder / f"{name}.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        top = tarfile.TarInfo(name)
        top.type = tarfile.DIRTYPE
        archive.addfile(top)
        for member, content in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return hashlib.sha256(path.read_bytes()).hexdigest()
