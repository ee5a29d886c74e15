"""Whether pages are there that were rendered from the very same rows.

To render a table of tags takes seconds, since PyTorch is loaded for its sigmoids; a run that finds
all its rows needs nothing rendered. Beside the pages lies a note of what they were made from.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import mirbench.benchmark.result as result
import mirbench.benchmark.scoring as scoring
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.checksums import digest, file_sha256, path_digest
from mirbench.benchmark.files.foreign import DAMAGES
from mirbench.benchmark.files.strict_json import read_note
from mirbench.benchmark.result import predictions_path, rows_below, verification_path

#: Name of the note; hidden, since it is nobody's page.
NOTE = ".rendered.json"

#: Files of mirbench that decide what a page looks like.
_KINDS = (".py", ".css", ".js", ".html", ".json")

#: Libraries whose numbers stand on the pages.
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch")


def source_digest(results: Path) -> str:
    """Digest of all that pages are made from: rows and what lies beside them, code, libraries."""
    files = {os.path.relpath(path, results): path_digest(path) for path in _files(results)}
    code = {f"{path.parent.name}/{path.name}": file_sha256(path) for path in _code()}
    return digest([files, code, [version(name) for name in _LIBRARIES]])


def are_fresh(pages: list[Path], source: str, out: Path) -> bool:
    """Whether the note in `out` says that these pages and others are there, made from `source`."""
    try:
        note = read_note(out / NOTE)
        return bool(
            note["source"] == source
            and {_name(page, out) for page in pages} <= set(note["pages"])
            and all(file_sha256(out / name) == sum_ for name, sum_ in note["pages"].items())
        )
    except (OSError, *DAMAGES):
        return False


def note_pages(pages: Mapping[Path, str], source: str, out: Path) -> None:
    """Write the note of pages, with their texts as they were rendered from `source`.

    Another process may have written its own meanwhile, which the note then does not fit.
    """
    sums = {_name(page, out): sha256(text.encode()).hexdigest() for page, text in pages.items()}
    write_atomic(out / NOTE, json.dumps({"source": source, "pages": sums}, indent=1).encode())


def _name(page: Path, out: Path) -> str:
    return page.relative_to(out).as_posix()


def _files(results: Path) -> Iterator[Path]:
    for row in rows_below(results):
        yield row
        yield predictions_path(row)
        verification = verification_path(row)
        if verification is not None:
            yield verification


def _code() -> Iterator[Path]:
    here = Path(__file__).parent
    for folder in (here, here / "templates", here / "published", here / "known", *_packages()):
        yield from sorted(path for path in folder.iterdir() if path.suffix in _KINDS)
    # For the cards in them.
    yield from sorted((here.parent / "representations").rglob("*.py"))


def _packages() -> Iterator[Path]:
    for package in (result, scoring):
        yield Path(str(package.__file__)).parent
