"""Arrays and facts about them in one safetensors file, under a digest of all of it.

The digest lies among the facts. It covers every fact, the names, types, shapes and bytes of
the arrays, and what the file is about, which is not in it: so a file that was changed anywhere,
or that lies in the place of another, is told from a whole one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.files.foreign import DAMAGES, Damaged, check_regular
from mirbench.benchmark.files.strict_json import parse_json

Arrays = Mapping[str, npt.NDArray[Any]]


def content_digest(facts: Mapping[str, Any], arrays: Arrays, about: str = "") -> str:
    """SHA-256 of facts and arrays, in hex.

    Parameters
    ----------
    facts : mapping
        JSON-like.
    arrays : mapping
        By name.
    about : str
        What they belong to, if that is to be part of it.
    """
    total = hashlib.sha256(json.dumps([about, facts], sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        total.update(f"\0{name} {array.dtype.str} {array.shape}\0".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


def seal(facts: Mapping[str, Any], arrays: Arrays, key: str, about: str = "") -> bytes:
    """Make the content of a safetensors file.

    Parameters
    ----------
    facts : mapping
        JSON-like, without a key ``digest``; they become JSON in the file's metadata.
    arrays : mapping
        By name.
    key : str
        Name of the facts in the metadata.
    about : str
        What the file belongs to; must be known to who reads it.
    """
    from safetensors.numpy import save

    whole = {**facts, "digest": content_digest(facts, arrays, about)}
    metadata = {key: json.dumps(whole, sort_keys=True, ensure_ascii=False)}
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata)


def unseal(
    path: Path, key: str, about: str = ""
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]], bool]:
    """Read facts and arrays, and check their digest.

    Parameters
    ----------
    path : Path
    key, about : str
        As given to `seal`.

    Returns
    -------
    dict, dict, bool
        Facts; arrays by name; and whether there was a digest: files that are older than it
        have none.

    Raises
    ------
    OSError
        If it cannot be opened.
    Damaged
        If it is not a whole file of this kind.
    """
    from safetensors import SafetensorError, safe_open

    check_regular(path)
    try:
        with safe_open(path, framework="numpy") as file:
            facts = parse_json(file.metadata()[key].encode(), "what it says of its arrays", False)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        sealed = facts.pop("digest", None)
        changed = sealed is not None and sealed != content_digest(facts, arrays, about)
    except (SafetensorError, *DAMAGES) as error:
        raise Damaged(str(error)[:300] or type(error).__name__) from error
    if changed:
        raise Damaged("its content has changed")
    return facts, arrays, sealed is not None
