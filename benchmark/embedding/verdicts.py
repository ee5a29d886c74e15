"""What looks at models have found, remembered in the store by fingerprint and kind of device.

Beside each verdict lies the embedding of a synthetic clip. Since the fingerprint is that of
the model's source, files and parameters, and not of the libraries that run it, another
embedding of that clip means that a library has changed the model.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import FloatArray
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.foreign import DAMAGES
from mirbench.benchmark.files.sealed import seal, unseal
from mirbench.benchmark.files.strict_json import read_note
from mirbench.benchmark.registry import RepresentationSpec

#: Raised whenever more is looked at, or less is let pass.
LOOK_VERSION = 2

#: Raised whenever the synthetic clip is another.
SOUND_VERSION = 1

#: Versions of libraries by name.
Versions = dict[str, str]


@dataclass(frozen=True)
class Verdict:
    """What was found of a model.

    Attributes
    ----------
    found : dict
        What was looked at, and a word on it.
    versions : tuple of dict
        The versions of libraries with which that was found.
    """

    found: dict[str, str]
    versions: tuple[Versions, ...]


def verdict_file(store: Store, fingerprint: str, device: str) -> Path:
    """File of the verdict on a model; it need not exist."""
    return store.model_facts(fingerprint).with_name(f"look-{kind_of(device)}.json")


def kind_of(device: str) -> str:
    """Kind of a device: ``cpu`` or ``cuda``."""
    return device.partition(":")[0]


def read_verdict(path: Path) -> Verdict | None:
    """Read a verdict; None where there was no look, or the file is not what one wrote."""
    try:
        content = read_note(path)
        if content["version"] != LOOK_VERSION:
            return None
        return Verdict(_texts(content["found"]), tuple(map(_texts, content["versions"])))
    except (OSError, *DAMAGES):
        return None


def write_verdict(path: Path, verdict: Verdict) -> None:
    """Write a verdict."""
    content = {
        "version": LOOK_VERSION,
        "found": verdict.found,
        "versions": list(verdict.versions),
    }
    write_atomic(path, json.dumps(content).encode())


def what_was_found(store: Store, fingerprint: str, devices: Iterable[str]) -> dict[str, str]:
    """Read what the looks at a model have found; empty where there was none.

    Parameters
    ----------
    store : Store
    fingerprint : str
        Of the representation.
    devices : iterable of str
        On which it was embedded.
    """
    kinds = sorted({kind_of(device) for device in devices})
    found: dict[str, str] = {}
    for kind in kinds:
        verdict = read_verdict(verdict_file(store, fingerprint, kind))
        facts = {} if verdict is None else verdict.found
        found |= {key if len(kinds) == 1 else f"{key} ({kind})": facts[key] for key in facts}
    return found


def versions_of(spec: RepresentationSpec) -> Versions:
    """Versions of the libraries that a model runs on, by its card; nothing is imported."""
    found = {}
    for name in sorted({"numpy", *(need.partition(".")[0] for need in spec.requires)}):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            # A module may be of a distribution of another name.
            owners = importlib.metadata.packages_distributions().get(name, [])
            found |= {owner: importlib.metadata.version(owner) for owner in owners}
    return found


def read_vector(verdict: Path) -> tuple[FloatArray, Versions] | None:
    """Read the embedding of the synthetic clip that lies beside a verdict, and what made it.

    None where there is none, or the file is damaged, or the clip was another.
    """
    path = _vector_file(verdict)
    try:
        facts, arrays, _ = unseal(path, "look", path.parent.name)
        vector = arrays["vector"]
        if facts["sound"] != SOUND_VERSION or vector.dtype != np.float32:
            return None
        return vector, _texts(facts["versions"])
    except (OSError, *DAMAGES):
        return None


def write_vector(verdict: Path, vector: FloatArray, versions: Mapping[str, str]) -> None:
    """Keep the embedding of the synthetic clip beside a verdict."""
    path = _vector_file(verdict)
    facts = {"sound": SOUND_VERSION, "versions": dict(versions)}
    write_atomic(path, seal(facts, {"vector": vector}, "look", path.parent.name))


def _vector_file(verdict: Path) -> Path:
    return verdict.with_suffix(".vector")


def _texts(content: Mapping[str, object]) -> dict[str, str]:
    return {str(key): str(value) for key, value in content.items()}
