"""Where rows and their predictions lie."""

from __future__ import annotations

import re
from pathlib import Path

from mirbench.benchmark.files.checksums import digest


def slug(name: str) -> str:
    """Folder name for a representation: safe characters only, distinct for distinct names."""
    safe = re.sub(r"[^A-Za-z0-9._=,+-]", "_", name.replace(":", "+", 1)).lstrip(".")[:100]
    return safe if safe.replace("+", ":", 1) == name else f"{safe}-{digest(name)[:8]}"


def result_path(
    folder: Path,
    representation: str,
    task: str,
    split: str,
    protocol: str,
    deformation: str | None = None,
    limit: int | None = None,
) -> Path:
    """Where a row lies; of a row that is at hand, `Result.place` says so.

    Parameters
    ----------
    folder : Path
        Folder of results.
    representation, task, split : str
        Their names, as in the row.
    protocol : str
        Its name; only that of the main protocol is left out of the path.
    deformation : str, optional
        Name of that of the test clips.
    limit : int, optional
        Of a row on the first clips only, how many per split: it lies a folder deeper, where
        `rows_below` does not find it.
    """
    suffix = "" if protocol == "castellon2021" else f".{protocol}"
    suffix += "" if deformation is None else f".{deformation}"
    place = folder / slug(representation)
    place = place if limit is None else place / f"limit-{limit}"
    return place / f"{task}.{split}{suffix}.json"


def predictions_path(path: Path) -> Path:
    """Where the predictions of the row at `path` lie."""
    return path.with_suffix(".predictions.safetensors")


def rows_below(folder: Path) -> list[Path]:
    """Files of the rows in a folder of results, sorted; none if there is no such folder."""
    return sorted(folder.glob("*/*.json"))


def limited_rows_below(folder: Path) -> list[Path]:
    """Files of the rows on the first clips only, sorted."""
    return sorted(folder.glob("*/limit-*/*.json"))
