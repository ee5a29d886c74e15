"""Copy the rows of a run to where a checkout keeps them."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mirbench.benchmark.api import DataError, MirbenchError, UsageError
from mirbench.benchmark.evaluation.places import default_out
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.plugins.naming import base_name
from mirbench.benchmark.progress import count
from mirbench.benchmark.protocol import CASTELLON2021, PROTOCOLS
from mirbench.benchmark.result import (
    Result,
    limited_rows_below,
    predictions_path,
    read_result,
    rows_below,
)
from mirbench.benchmark.submissions.content import missing_trained_on
from mirbench.benchmark.submissions.files import PREDICTIONS_BYTES, ROW_BYTES, read_limited
from mirbench.benchmark.submissions.validation import Known, validate
from mirbench.benchmark.submissions.verdict import Verdict


@dataclass(eq=False)
class Packed:
    """What became of the rows of a run.

    Attributes
    ----------
    verdicts : list of Verdict
    written, there : list of Path
        Rows in the checkout that are new or replaced; that were there already.
    left_out : int
        Rows of protocols that stay off the board.
    """

    verdicts: list[Verdict]
    written: list[Path] = field(default_factory=list)
    there: list[Path] = field(default_factory=list)
    left_out: int = 0

    @property
    def names(self) -> list[str]:
        """Representations, sorted."""
        rows = [verdict.result for verdict in self.verdicts]
        return sorted({row.representation.name for row in rows if row is not None})

    @property
    def accepted(self) -> bool:
        """Whether every row was."""
        return all(verdict.accepted for verdict in self.verdicts)


def find_checkout(folder: Path | None = None) -> Path:
    """Find the checkout of mirbench that is named, or the one around the current folder.

    Raises
    ------
    UsageError
        If there is none.
    """
    here = (folder or Path.cwd()).expanduser().absolute()
    for place in [here] if folder is not None else [here, *here.parents]:
        if default_out(CASTELLON2021, place) == place / "leaderboard" / "results":
            return place
    raise UsageError(
        f"{here} is no checkout of mirbench; clone the repository (your fork of it) and name its "
        "folder with --to"
    )


def pack(
    results: Path,
    checkout: Path,
    names: Sequence[str] = (),
    replace: bool = False,
    data: Path | None = None,
    published: Collection[str] = (),
    known: Known = lambda task: None,
) -> Packed:
    """Check the rows below a folder that the board has tables of, and copy them into a checkout.

    Either every row is accepted and copied, or nothing is.

    Parameters
    ----------
    results : Path
        Folder of the rows.
    checkout : Path
        Checkout of mirbench, as `find_checkout` finds it.
    names : sequence of str
        Representations; none: all.
    replace : bool
        Replace rows that are there and differ.
    data : Path, optional
        Folder of the datasets.
    published, known
        As for `validate`.

    Raises
    ------
    UsageError
        If there is no row to copy, or one that differs is there and
        `replace` was not said.
    """
    rows, left_out = _choose(results.resolve(), names)
    board = checkout / "leaderboard" / "results"
    verdicts = list(
        validate(rows, board, data=data, placed=False, published=published, known=known)
    )
    for verdict in verdicts:
        _ask_trained_on(verdict)
    packed = Packed(verdicts, left_out=left_out)
    if not packed.accepted:
        return packed
    contents: dict[Path, tuple[bytes, bytes]] = {}
    for verdict in verdicts:
        assert verdict.result is not None
        contents[board / verdict.result.place] = _read(verdict.path)
    differing = [path for path in contents if path.exists() and _read(path) != contents[path]]
    if differing and not replace:
        listed = "\n".join(f"  {path}" for path in differing)
        raise UsageError(
            f"{count(len(differing), 'row', 'is')} on the board with other content:\n{listed}\n"
            "say --replace to put yours there"
        )
    for path, (row, predictions) in contents.items():
        if path.exists() and path not in differing:
            packed.there.append(path)
            continue
        write_atomic(predictions_path(path), predictions)
        write_atomic(path, row)
        packed.written.append(path)
    return packed


def _ask_trained_on(verdict: Verdict) -> None:
    """Refuse a row that does not say what its model was trained on; on the board it is a note."""
    unstated = verdict.result and missing_trained_on(verdict.result.representation)
    if unstated:
        verdict.notes = [note for note in verdict.notes if note != unstated]
        verdict.errors.append(unstated)


def _choose(results: Path, names: Sequence[str]) -> tuple[list[Path], int]:
    """Find the rows of protocols that the board has tables of, and count the others."""
    if not results.is_dir():
        raise UsageError(f"there is no folder {results}")
    rows, readable = [], list[Result]()
    left_out = len(limited_rows_below(results))
    for path in rows_below(results):
        try:
            row = read_result(path)
        except DataError:
            rows.append(path)  # validation says what is wrong with it
            continue
        readable.append(row)
        if names and not _is_named(row, names):
            continue
        protocol = PROTOCOLS.get(row.protocol.name)
        if protocol is not None and not protocol.on_board:
            left_out += 1
        else:
            rows.append(path)
    for name in names:
        if not any(_is_named(row, [name]) for row in readable):
            there = ", ".join(sorted({row.representation.name for row in readable})) or "none"
            raise UsageError(f"{results} has no row of {name!r}; there are rows of: {there}")
    if not rows:
        raise UsageError(
            f"{results} has no row of a protocol of the board ({left_out} of others); "
            "run without --protocol and --limit first"
        )
    return rows, left_out


def _is_named(row: Result, names: Sequence[str]) -> bool:
    """Whether a row is of one of the names; without parameters, a name stands for them all."""
    name = row.representation.name
    return name in names or base_name(name) in names


def _read(path: Path) -> tuple[bytes, bytes]:
    try:
        return (
            read_limited(path, ROW_BYTES, "a row"),
            read_limited(predictions_path(path), PREDICTIONS_BYTES, "the file of predictions"),
        )
    except DataError as error:
        raise MirbenchError(f"{path}: {error}") from error


def next_steps(checkout: Path, packed: Packed, pages: Sequence[Path]) -> str:
    """Say what was written and how it becomes a pull request."""
    lines = [f"wrote {path}" for path in packed.written]
    lines += [f"already there: {path}" for path in packed.there]
    lines += [f"wrote {path}" for path in pages]
    if not packed.written:
        return "\n".join([*lines, "nothing is new"])
    folders = sorted({path.parent.name for path in packed.written})
    added = [f"leaderboard/results/{name}" for name in folders]
    added += [str(page.relative_to(checkout)) for page in pages]
    places = " ".join(map(shlex.quote, added))
    title = shlex.quote(f"Rows of {', '.join(packed.names)}")
    return "\n".join(
        [
            *lines,
            "",
            "Now hand them in:",
            f"  cd {shlex.quote(str(checkout))}",
            "  git switch -c my-rows",
            f"  git add {places}",
            f"  git commit -m {title}",
            "  git push -u origin my-rows",
            "and open a pull request; CONTRIBUTING.md says what happens then.",
        ]
    )
