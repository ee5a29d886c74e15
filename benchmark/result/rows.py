"""Read and write rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from mirbench.benchmark.api import DataError
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.foreign import Damaged, read_bounded
from mirbench.benchmark.files.strict_json import parse_json
from mirbench.benchmark.result.paths import rows_below
from mirbench.benchmark.result.predictions import (
    Predictions,
    read_predictions,
    write_predictions,
)
from mirbench.benchmark.result.records import Result, Score
from mirbench.benchmark.result.shown import in_a_line

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Row:
    """A result and its file.

    Attributes
    ----------
    path : Path
    result : Result
    found : bool
        Whether the file was there; if not, this run computed the result and wrote it.
    """

    path: Path
    result: Result
    found: bool = True

    @property
    def scores(self) -> dict[str, Score]:
        """Scores on the test set by name, as in the result."""
        return self.result.scores

    @property
    def predictions(self) -> Predictions:
        """Outputs on the test set, read from the file beside the row's; raises `DataError`."""
        return read_predictions(self.path)

    def to_frame(self) -> pd.DataFrame:
        """Return the scores as `Result.to_frame` does."""
        return self.result.to_frame()

    def __repr__(self) -> str:
        return f"Row({in_a_line(self.result.tidy())}; {self.path})"

    def _repr_html_(self) -> str:
        return self.result._repr_html_()


def write_result(folder: Path, result: Result, predictions: Predictions) -> Path:
    """Write a row and its predictions below a folder of results, the row last.

    Returns
    -------
    Path
        The row's file.

    Raises
    ------
    MirbenchError
        If a file cannot be written.
    """
    path = folder / result.place
    write_predictions(path, predictions)
    write_atomic(path, result.to_json().encode())
    return path


def read_result(path: Path) -> Result:
    """Read and check a row.

    Raises
    ------
    DataError
        If the file cannot be read or is not a row of this schema.
    """
    try:
        content = read_bounded(path)
        parse_json(content, "the file")  # which knows more of JSON than the schema does
        return Result.model_validate_json(content)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except Damaged as error:
        raise DataError(f"{path} is not a result row: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))[:100] or "the file"
        raise DataError(f"{path} is not a result row: {place}: {first['msg']}") from error


def read_results(folder: Path) -> list[Result]:
    """Read every row below a folder, sorted by path.

    Raises
    ------
    DataError
        If there is no such folder, or a file in it is not a row.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}")
    return [read_result(path) for path in rows_below(folder)]
