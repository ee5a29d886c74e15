"""What a node of a Ray cluster must have in common with the machine of the command.

The numbers of a row must not depend on where they were computed, so all nodes run the
same code under the same versions, and see the same files.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.progress import count

#: What decides the numbers, besides mirbench and Python.
PACKAGES = (
    *("ray", "mirbench", "librosa", "numba", "numpy", "scikit-learn", "scipy"),
    *("soundfile", "soxr", "torch"),
)


@dataclass(frozen=True)
class Common:
    """What the nodes are to see.

    Attributes
    ----------
    folder : str
        The working folder.
    token : str
        A file in the cache folder.
    content : str
        What is in it.
    audio : tuple of str
        A few audio files.
    sizes : tuple of int
        Their bytes.
    """

    folder: str
    token: str
    content: str
    audio: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What there is on a node.

    Attributes
    ----------
    host : str
        Name of the machine.
    versions : dict
        Of Python and of `PACKAGES`, and a digest of mirbench's source.
    folder : bool
        Whether the working folder is there.
    content : str or None
        What is in the file of the cache folder; None if it is not there.
    sizes : tuple of int or None
        Bytes of the audio files, or None for one that is not there.
    """

    host: str
    versions: dict[str, str]
    folder: bool
    content: str | None
    sizes: tuple[int | None, ...]


def look_around(common: Common) -> Facts:
    """Say what there is on this node."""
    try:
        content: str | None = Path(common.token).read_text(encoding="utf-8")
    except (OSError, ValueError):
        content = None
    return Facts(
        host=platform.node(),
        versions=_versions(),
        folder=os.path.isdir(common.folder),
        content=content,
        sizes=tuple(file_size(path) for path in common.audio),
    )


def file_size(path: str) -> int | None:
    """Bytes of a file; None if it is not there."""
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found | {"mirbench's source": _source_digest()[:12]}


def _source_digest() -> str:
    """Digest of the modules of the harness, of representations and of tasks."""
    total = hashlib.sha256()
    root = Path(__file__).resolve().parents[2]
    for folder in ("benchmark", "representations", "tasks"):
        for path in sorted((root / folder).rglob("*.py")):
            total.update(path.relative_to(root).as_posix().encode())
            total.update(path.read_bytes())
    return total.hexdigest()


def check_facts(each: Sequence[Facts], here: Facts, common: Common) -> list[str]:
    """Check that the nodes have in common what they must; says so, a sentence each.

    Parameters
    ----------
    each : sequence of Facts
        Of the nodes.
    here : Facts
        Of the machine of the command.
    common : Common

    Raises
    ------
    MirbenchError
        With the first node that differs, and in what.
    """
    for facts in each:
        for name, wanted in here.versions.items():
            found = facts.versions.get(name, "none")
            if found != wanted:
                raise MirbenchError(
                    f"node {facts.host} has {name} {found}, and this machine {wanted}: install "
                    "the same Python, Ray, mirbench and packages everywhere (constraints.txt), "
                    "since a row must not depend on where it was computed"
                )
        if facts.content != common.content:
            raise MirbenchError(
                f"node {facts.host} does not see the cache folder {Path(common.token).parent}: "
                "choose one that all nodes share, with --cache"
            )
        for path, found_size, wanted_size in zip(
            common.audio, facts.sizes, common.sizes, strict=True
        ):
            if found_size != wanted_size:
                what = "is not there" if found_size is None else f"has {count(found_size, 'byte')}"
                raise MirbenchError(
                    f"node {facts.host} does not see the same audio: {path} {what}, and has "
                    f"{count(wanted_size, 'byte')} here; choose a folder that all nodes share, "
                    "with --data"
                )
        if not facts.folder:
            raise MirbenchError(
                f"node {facts.host} has no folder {common.folder}: run the command in one that "
                "all nodes share"
            )
    versions = here.versions
    return [
        f"{count(len(each), 'Ray node')}, all with Python {versions['Python']}, Ray "
        f"{versions['ray']} and mirbench {versions['mirbench']}",
        "all nodes see the same cache folder" + (" and audio" if common.audio else ""),
    ]
