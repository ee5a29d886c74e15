"""Files of the store as versions before the digest over everything wrote them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file


def read_parts(path: Path, key: str = "mirbench") -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read facts and arrays without any check."""
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return json.loads(file.metadata()[key]), arrays


def make_shard_old(path: Path) -> None:
    """Write a shard again with a digest over its arrays only."""
    facts, arrays = read_parts(path)
    del facts["digest"]
    total = hashlib.sha256(arrays["embedding"].tobytes())
    for name in ("clip", "window"):
        if name in arrays:
            total.update(arrays[name].tobytes())
    facts["sha256"] = total.hexdigest()
    save_file(arrays, path, metadata={"mirbench": json.dumps(facts, sort_keys=True)})
