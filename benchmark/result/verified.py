"""Whether somebody else has seen a row's embeddings come out of its plugin.

A verification is a file of its own, ``leaderboard/verified/<representation>/<row>.json``, written
by ``mirbench leaderboard verify --by NAME`` and committed by a maintainer. It names the row by the
SHA-256 of its file, so that it says nothing of a row that was changed since.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError

from mirbench.benchmark.api import DataError
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.foreign import Damaged, read_bounded
from mirbench.benchmark.files.strict_json import parse_json
from mirbench.benchmark.result.record import Record

#: What a name that is shown on pages may consist of.
NAME = r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,59}"


class Verification(Record):
    """Who has recomputed the commitment of a row, when, and how near it came."""

    row_sha256: str = Field(description="Of the row's file", pattern="^[0-9a-f]{64}$")
    by: str = Field(description="Who did it", pattern=f"^{NAME}$")
    date: datetime.date = Field(description="When, as YYYY-MM-DD")
    mirbench: str = Field(description="Version of mirbench that did it", max_length=50)
    device: str = Field(description="cpu or cuda", max_length=50)
    fingerprint: str = Field(description="Of the representation that was run", max_length=50)
    clips: int = Field(description="Clips whose embeddings were recomputed", gt=0)
    difference: float = Field(
        description="Largest difference between stated and recomputed sketch, by its length", ge=0
    )

    def to_json(self) -> str:
        """Canonical JSON, with a final newline."""
        return json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"


@dataclass(frozen=True)
class Standing:
    """What is known of where a row's numbers come from.

    Attributes
    ----------
    verified : Verification or None
        None: the row is what its author reports.
    """

    verified: Verification | None = None

    @property
    def words(self) -> str:
        """``self-reported``, or ``verified by NAME (date)``."""
        if self.verified is None:
            return "self-reported"
        return f"verified by {self.verified.by} ({self.verified.date.isoformat()})"


def verification_path(row: Path) -> Path | None:
    """Where the verification of the row at `row` lies: in ``verified`` beside ``results``.

    None if the row lies in no folder of that name, as those of a run elsewhere do.
    """
    results = row.absolute().parent.parent
    if results.name != "results":
        return None
    return results.with_name("verified") / row.parent.name / row.name


def row_sha256(row: Path) -> str:
    """SHA-256 of a row's file, in hex."""
    return hashlib.sha256(read_bounded(row)).hexdigest()


def standing_of(row: Path) -> Standing:
    """Say whether the row at `row` is verified: as it is now, byte for byte.

    Raises
    ------
    DataError
        If there is a verification that cannot be read.
    """
    path = verification_path(row)
    if path is None or not path.exists():
        return Standing()
    verification = read_verification(path)
    return Standing(verification if verification.row_sha256 == row_sha256(row) else None)


def read_verification(path: Path) -> Verification:
    """Read a verification.

    Raises
    ------
    DataError
        If the file cannot be read or is none.
    """
    try:
        content = read_bounded(path)
        parse_json(content, "the file")
        return Verification.model_validate_json(content)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except (Damaged, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"{path} is no verification of a row: {first}") from error


def write_verification(row: Path, verification: Verification) -> Path:
    """Write the verification of the row at `row`, and return where it lies.

    Raises
    ------
    DataError
        If the row lies in no folder ``results``.
    """
    path = verification_path(row)
    if path is None:
        raise DataError(
            f"{row} lies in no folder of a board (leaderboard/results), beside which its "
            "verification could be kept; without --by it is only checked"
        )
    write_atomic(path, verification.to_json().encode())
    return path
