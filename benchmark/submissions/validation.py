"""Check rows that are handed in, each as far as it can be read."""

from __future__ import annotations

import filecmp
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from mirbench.benchmark.api import DataError
from mirbench.benchmark.protocol import FewShot
from mirbench.benchmark.result import (
    Predictions,
    Result,
    TaskFacts,
    TaskRecord,
    predictions_path,
    read_predictions,
    read_result,
    rows_below,
)
from mirbench.benchmark.submissions.commitments import check_commitment
from mirbench.benchmark.submissions.content import (
    check_content,
    check_path,
    missing_trained_on,
    why_off_the_board,
)
from mirbench.benchmark.submissions.facts import check_facts
from mirbench.benchmark.submissions.files import (
    PREDICTIONS_BYTES,
    ROW_BYTES,
    check_place,
    find_rows,
    read_limited,
    stray_reason,
)
from mirbench.benchmark.submissions.ground import Ground, Splits, find_ground
from mirbench.benchmark.submissions.likeness import Likenesses
from mirbench.benchmark.submissions.names import confusable_notes
from mirbench.benchmark.submissions.neighbours import (
    Neighbours,
    annotated,
    check_name_taken,
    check_targets,
)
from mirbench.benchmark.submissions.plausible import odd_notes
from mirbench.benchmark.submissions.predictions import check_digest, read_submitted
from mirbench.benchmark.submissions.schema import check_canonical, check_schema
from mirbench.benchmark.submissions.scores import check_ids, check_scores, check_worst, scored_ids
from mirbench.benchmark.submissions.strict_json import parse_json
from mirbench.benchmark.submissions.texts import check_name, check_texts
from mirbench.benchmark.submissions.verdict import Verdict

#: Finds what the board knows of a task itself.
Known = Callable[[TaskRecord], TaskFacts | None]


def validate(
    paths: Sequence[Path],
    board: Path | None = None,
    changed: bool = False,
    data: Path | None = None,
    placed: bool = True,
    published: Collection[str] = (),
    known: Known = lambda task: None,
) -> Iterator[Verdict]:
    """Check rows; nothing of them is run, and nothing is written.

    Parameters
    ----------
    paths : sequence of Path
        Rows, their predictions, or folders with rows.
    board : Path, optional
        Folder of rows that these are compared with; default: the folder in
        which each row lies.
    changed : bool
        Leave out rows that are on the board, byte for byte.
    data : Path, optional
        Folder of the datasets, whose annotation is read if it is there.
    placed : bool
        Whether a row must lie where it would on the board.
    published : collection of str
        Models whose published figures stand on the board, with which names are compared.
    known : callable
        What the board knows of a row's task itself, with which its facts are compared.

    Yields
    ------
    Verdict
        One per row or stray file: stray files first, then rows in the order of the paths.

    Raises
    ------
    UsageError
        If there is nothing of a name.
    DataError
        If a row of the board itself cannot be read.
    """
    rows, strays = find_rows(paths)
    leaving = {_place(row) for row in rows} if board is not None else set()
    if changed and board is not None:
        rows = [row for row in rows if not _on_board(row, board)]
        gone = [place for folder in paths for place in withdrawn(folder, board)]
        leaving = {_place(row) for row in rows} | {place.parts for place in gone}
    for stray in strays:
        yield Verdict(stray, [stray_reason(stray)])
    judge = _Judge(data, published, known)
    judge.add_board(rows, board, leaving)
    for row in rows:
        yield judge.verdict(row, placed)


def withdrawn(folder: Path, board: Path) -> list[Path]:
    """Find the rows of the board that a folder lacks, sorted; paths are relative to the board."""
    places = {path.relative_to(board) for path in rows_below(board)}
    return sorted(place for place in places if not (folder / place).is_file())


def _place(row: Path) -> tuple[str, ...]:
    return row.absolute().parts[-2:]


def _on_board(row: Path, board: Path) -> bool:
    pairs = [(make(row), make(board.joinpath(*_place(row)))) for make in (Path, predictions_path)]
    try:
        return all(
            not file.is_symlink()
            and not file.parent.is_symlink()
            and filecmp.cmp(file, kept, shallow=False)
            for file, kept in pairs
        )
    except OSError:
        return False


class _Judge:
    """Checks rows one after another; knows the board and the rows before."""

    def __init__(self, data: Path | None, published: Collection[str], known: Known) -> None:
        self.data = data
        self.known = known
        self.published = published
        self.neighbours = Neighbours()
        self.likenesses = Likenesses()
        self._splits = Splits(data)
        self._truth: dict[tuple[str, str], Predictions | None] = {}

    def add_board(
        self, rows: Sequence[Path], board: Path | None, leaving: set[tuple[str, ...]]
    ) -> None:
        """Read the rows that are compared with.

        Of those that leave the board, replaced or withdrawn, only the targets count.
        """
        folders = [board] if board is not None else [row.absolute().parent.parent for row in rows]
        submitted = {row.absolute() for row in rows}
        for folder in dict.fromkeys(folders):
            for path in rows_below(folder):
                if path.absolute() in submitted:
                    continue
                leaves = _place(path) in leaving
                try:
                    read_limited(path, ROW_BYTES, "a row")
                    read_limited(
                        predictions_path(path), PREDICTIONS_BYTES, "the file of predictions"
                    )
                    result, predictions = read_result(path), read_predictions(path)
                except DataError as error:
                    if board is not None and not leaves:
                        raise DataError(f"{path}, on the board: {error}") from error
                    continue
                self.neighbours.add_targets(result, predictions)
                if not leaves:
                    self.neighbours.add(path, result, predictions)
                    self.likenesses.add(result, predictions)

    def verdict(self, path: Path, placed: bool = True) -> Verdict:
        """Check one row, from the cheapest question to the most expensive."""
        verdict = Verdict(path, check_place(path))
        if verdict.errors:
            return verdict
        try:
            content = read_limited(path, ROW_BYTES, "a row")
            document = parse_json(content, "the file")
        except DataError as error:
            verdict.errors.append(str(error))
            return verdict
        verdict.errors += check_texts(document)
        result, errors = check_schema(document, content)
        verdict.errors += errors
        if result is None:
            return verdict
        verdict.result = result
        off = why_off_the_board(result)
        if off is not None:
            verdict.errors.append(off)
            return verdict
        verdict.errors += check_name(result.representation.name)
        if placed:
            verdict.errors += check_path(path, result)
        errors, notes = check_name_taken(result.representation)
        verdict.errors += errors
        verdict.notes += notes
        verdict.notes += self._notes(result)
        ground, errors = find_ground(result, self._splits)
        verdict.errors += errors
        if ground is not None:
            verdict.errors += check_content(result, ground)
            told = self.neighbours.facts(result)
            for errors, notes in (
                check_facts(result, ground, self.known(result.task), told),
                check_commitment(result, ground),
            ):
                verdict.errors += errors
                verdict.notes += notes
            self._check_predictions(verdict, ground)
        if not verdict.errors:
            verdict.errors += check_canonical(result, content)
        return verdict

    def _notes(self, result: Result) -> Iterator[str]:
        record = result.representation
        unstated = missing_trained_on(record)
        if unstated is not None:
            yield unstated
        if result.environment.dirty:
            yield "environment.dirty: mirbench had changes that are not committed"
        yield from confusable_notes(record, self.published, self.neighbours.names)
        yield from odd_notes(result)
        yield from self.neighbours.notes(result)

    def _check_predictions(self, verdict: Verdict, ground: Ground) -> None:
        result = verdict.result
        assert result is not None
        expected = len(scored_ids(result, ground))
        rules = ground.protocol
        draws = rules.draws if isinstance(rules, FewShot) else None
        try:
            deformed = result.deformation is not None
            predictions = read_submitted(verdict.path, ground.task, expected, draws, deformed)
        except DataError as error:
            verdict.errors.append(str(error))
            return
        verdict.predictions = predictions
        verdict.errors += check_ids(predictions.clip_ids, result, ground)
        verdict.errors += check_texts(sorted(set(predictions.groups)))
        verdict.errors += check_worst(result, predictions, ground)
        verdict.errors += check_scores(result, predictions, ground)
        truth = self._annotation(ground)
        if truth is not None:
            verdict.compared = True
            verdict.errors += check_targets(predictions, truth, "the annotation")
        verdict.errors += self.neighbours.check(verdict.path, result, predictions)
        found = self.likenesses.look(result, predictions)
        verdict.likeness = found.line()
        errors, notes = found.problems()
        verdict.errors += errors
        verdict.notes += notes
        if not verdict.errors:
            verdict.errors += check_digest(verdict.path)
        if not verdict.errors:
            self.neighbours.add_targets(result, predictions)
            self.neighbours.add(verdict.path, result, predictions)
            self.likenesses.add(result, predictions)

    def _annotation(self, ground: Ground) -> Predictions | None:
        key = ground.task.name, ground.split.name
        if key not in self._truth:
            self._truth[key] = annotated(ground, self.data)
        return self._truth[key]
