"""Rows and predictions: read for the board, and as somebody hands them in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest import mock

from helpers.submitted_rows import submit_row

from fuzz.of_store import resealed
from fuzz.readers import Read, Reader, Refused, add, one_file
from mirbench.benchmark.result import predictions_path, read_predictions, read_result
from mirbench.benchmark.submissions.validation import validate
from mirbench.benchmark.submissions.verdict import verdict_lines
from mirbench.leaderboard.board import make_board
from mirbench.leaderboard.markdown import board_markdown
from mirbench.leaderboard.rows import read_rows, read_test_set


def _write(folder: Path) -> list[Path]:
    with mock.patch("os.fsync"):
        return [
            submit_row(folder / "results", task="rendered_chords", layers=4),
            submit_row(folder / "results", rep="other:x=1", task="rendered_tempo", params={"x": 1}),
        ]


def _rows(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in _write(folder)]


def _predictions(folder: Path) -> list[bytes]:
    return [predictions_path(path).read_bytes() for path in _write(folder)]


def _with_row(read: Callable[[Path, bytes], object]) -> Callable[[Path], Read]:
    """Make a reader that has a folder with a whole row, which is written anew each time."""

    def opened(folder: Path) -> Read:
        row, other = _write(folder)
        predictions_path(other).unlink()
        other.unlink()
        parts = [(path, path.read_bytes()) for path in (row, predictions_path(row))]

        def reader(content: bytes) -> object:
            for path, whole in parts:
                path.write_bytes(whole)
            return read(row, content)

        return reader

    return opened


def _board(row: Path, content: bytes) -> object:
    row.write_bytes(content)
    rows = read_rows(row.parents[1])
    list(read_test_set(rows))
    return board_markdown(make_board(rows))


def _board_predictions(row: Path, content: bytes) -> object:
    predictions_path(row).write_bytes(resealed(content, "mirbench", ""))
    return list(read_test_set(read_rows(row.parents[1])))


def _validate(row: Path) -> object:
    verdicts = list(validate([row]))
    text = verdict_lines(verdicts)
    if not all(verdict.accepted for verdict in verdicts):
        raise Refused(text[0] + "\n".join(text[1:])[:1000])
    return text


def _submitted(row: Path, content: bytes) -> object:
    row.write_bytes(content)
    return _validate(row)


def _submitted_predictions(row: Path, content: bytes) -> object:
    predictions_path(row).write_bytes(content)
    return _validate(row)


def _read_predictions(path: Path) -> object:
    return read_predictions(path.with_name("x.json"))


add(Reader("rows", _rows, one_file("row.json", read_result)))
add(Reader("rows of a board", _rows, _with_row(_board), many=25))
add(Reader("rows that are handed in", _rows, _with_row(_submitted), many=25))
add(
    Reader(
        "predictions",
        _predictions,
        one_file("x.predictions.safetensors", _read_predictions),
    )
)
add(Reader("predictions of a board", _predictions, _with_row(_board_predictions), many=25))
add(
    Reader(
        "predictions that are handed in", _predictions, _with_row(_submitted_predictions), many=25
    )
)
