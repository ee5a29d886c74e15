"""Bad submissions, one by one: each is rejected, with a message of its own."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.submitted_rows import (
    predictions,
    put,
    read_row,
    replace_text,
    submit_row,
    write_row,
)

from mirbench.benchmark.result import predictions_path
from mirbench.benchmark.submissions.validation import validate
from mirbench.benchmark.submissions.verdict import Verdict, verdict_lines

Change = Callable[[Path], object]


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of rows in which nothing is wrong."""
    folder = tmp_path_factory.mktemp("sound") / "results"
    submit_row(folder, "mine", "rendered_key")
    submit_row(folder, "mine", "rendered_tempo")
    submit_row(folder, "mine", "rendered_instruments")
    submit_row(folder, "yours", "rendered_key", seed=1)
    return folder


def judge(*paths: Path, **options: Any) -> list[Verdict]:
    return list(validate(paths, **options))


def test_sound_rows_are_accepted(sound: Path) -> None:
    verdicts = judge(sound)
    assert len(verdicts) == 4
    assert [verdict.errors + verdict.notes for verdict in verdicts] == [[]] * 4
    assert all(verdict.compared for verdict in verdicts)


def rename(name: str) -> Change:
    return put("representation.name", name)


def nest(path: Path) -> None:
    path.write_text("[" * 100_000 + "]" * 100_000)


def be_huge(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(2 * 1000**3)


def link(path: Path) -> None:
    elsewhere = path.parent.parent.parent / "elsewhere.json"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def link_predictions(path: Path) -> None:
    elsewhere = path.parent.parent.parent / "elsewhere.safetensors"
    predictions_path(path).rename(elsewhere)
    predictions_path(path).symlink_to(elsewhere)


def link_folder(path: Path) -> None:
    elsewhere = path.parent.parent.parent / "mine"
    path.parent.rename(elsewhere)
    path.parent.symlink_to(elsewhere)


def link_results(path: Path) -> None:
    results = path.parent.parent
    elsewhere = results.parent / "real"
    results.rename(elsewhere)
    results.symlink_to(elsewhere)


def be_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def spoil_predictions(path: Path) -> None:
    place = predictions_path(path)
    place.write_bytes(place.read_bytes()[:-100])


def long_header(path: Path) -> None:
    place = predictions_path(path)
    place.write_bytes((2**60).to_bytes(8, "little") + place.read_bytes()[8:])


def swap_two(names: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    ids = names["clip_ids"]
    ids[0], ids[1] = ids[1], ids[0]


def reorder(names: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    for key in names:
        names[key] = names[key][::-1]
    for key in arrays:
        arrays[key] = arrays[key][::-1]


def set_nan(names: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    arrays["outputs"][3, 1] = np.nan


def better_targets(names: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    arrays["targets"] = arrays["outputs"].argmax(axis=1)


def move_another(path: Path) -> Path:
    other = path.parent.parent / "another" / path.name
    other.parent.mkdir()
    path.rename(other)
    predictions_path(path).rename(predictions_path(other))
    return other


def steal(path: Path) -> None:
    """Hand in the predictions and scores of another row under one's own name."""
    yours = path.parent.parent / "yours" / path.name
    row = read_row(yours)
    row["representation"] = read_row(path)["representation"]
    write_row(path, row)
    shutil.copy(predictions_path(yours), predictions_path(path))


def miss_many(path: Path) -> None:
    row = read_row(path)
    row["task"]["missing"] = [
        {"clip_id": f"band01-{n}", "reason": "too loud"} for n in range(6)
    ] + [{"clip_id": f"band03-{n % 6}", "reason": "x"} for n in range(30)]
    write_row(path, row)


def miss_foreign(path: Path) -> None:
    put("task.missing", [{"clip_id": "nobody-1", "reason": "gone"}])(path)


def add_file(name: str) -> Change:
    def change(path: Path) -> Path:
        path.with_name(name).write_text("import os\n")
        return path.parent

    return change


BAD: dict[str, tuple[Change, str]] = {
    # Files and folders.
    "a 2 GB file": (
        be_huge,
        "too large: 2,000.0 MB, where at most 1 MB belong; put a row there",
    ),
    "2 GB of predictions": (
        lambda path: be_huge(predictions_path(path)),
        "too large: 2,000.0 MB, where at most 16 MB belong; put the file of predictions",
    ),
    "a link to a row": (link, "rendered_key.paper.json is a symbolic link; put the file"),
    "a link to predictions": (
        link_predictions,
        "rendered_key.paper.predictions.safetensors is a symbolic link; put the file",
    ),
    "a link to a folder": (link_folder, "mine is a symbolic link; put the folder"),
    "a link to all results": (link_results, "results is a symbolic link"),
    "a pipe": (be_a_pipe, "rendered_key.paper.json was not read: it is a pipe, not a file"),
    "an executable row": (lambda path: path.chmod(0o755), "is executable; rows are data"),
    "a program": (add_file("setup.py"), "setup.py is no file of a row"),
    "no predictions": (
        lambda path: predictions_path(path).unlink(),
        "there is no rendered_key.paper.predictions.safetensors",
    ),
    "no row": (lambda path: path.unlink() or path.parent, "there is no rendered_key.paper.json"),
    "another's folder": (move_another, "lies at mine/rendered_key.paper.json, not at another/"),
    "another file name": (
        put("task.split", "artist"),
        "lies at mine/rendered_key.artist.json, not at mine/rendered_key.paper.json",
    ),
    # JSON.
    "deep nesting": (nest, "the file is nested 100000 deep"),
    "a key twice": (
        replace_text('"cost": {', '"cost": 1, "cost": {'),
        "the key 'cost' stands there twice",
    ),
    "NaN": (replace_text('"valid": 0.25', '"valid": NaN'), "NaN is no number in JSON"),
    "infinity": (
        replace_text('"valid": 0.25', '"valid": 1e999'),
        "the number '1e999' is too large",
    ),
    "a long number": (
        replace_text('"dims": 16', f'"dims": {"9" * 5000}'),
        "is absurdly long",
    ),
    "cut off": (truncate, "the file is not JSON: line"),
    "Latin-1": (
        lambda path: path.write_bytes(path.read_bytes().replace(b'"none"', b'"Dvo\xe9"')),
        "the file is not UTF-8 text (byte",
    ),
    "a byte order mark": (
        lambda path: path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes()),
        "begins with a byte order mark",
    ),
    "a list": (lambda path: path.write_text("[]"), "it must hold one JSON object"),
    "another form": (
        lambda path: path.write_text(json.dumps(read_row(path))),
        "the file is not in mirbench's own form",
    ),
    # Schema.
    "a field more": (put("task.note", 1), "task.note: there is no such field in a row; remove it"),
    "a field less": (
        replace_text('  "dims": 16,\n', ""),
        "representation.dims: the field is missing",
    ),
    "text for a number": (
        put("representation.dims", "16"),
        "representation.dims: '16' is wrong: it should be a valid integer",
    ),
    "a later schema": (put("schema_version", 2), "schema_version: 2 is of a newer mirbench"),
    "a published row": (put("status", "published"), "status: 'published' is wrong: it should be"),
    # Names and texts.
    "HTML in a name": (rename("<script>alert(1)</script>"), "(path, HTML, Markdown would take"),
    "HTML entities in a name": (rename("a&lt;b"), "holds '&' ';' (HTML would take"),
    "Markdown in a name": (rename("**mine**"), "holds '*' (Markdown would take"),
    "LaTeX in a name": (rename("mine$^2$"), "holds '$' '^' (LaTeX would take"),
    "a path in a name": (rename("../../etc/passwd"), "holds '/' (path would take"),
    "a parent folder in a name": (rename("mine.."), "holds '..' (a path would take"),
    "a hidden name": (rename(".mine"), "must begin with a letter or digit"),
    "a long name": (rename("m" * 101), "the name has 101 characters"),
    "an invisible name": (
        rename("mine\u200b"),
        "characters that are not seen (control characters, or those that turn the direction of "
        "writing): U+200B",
    ),
    "text from right to left": (
        put("representation.trained_on", "abc\u202egpj.exe"),
        "representation.trained_on: 'abc\\u202egpj.exe' holds characters that are not seen",
    ),
    "a command to the log": (
        put("environment.platform", "x\n::set-env name=PATH::evil"),
        "environment.platform: 'x\\n::set-env name=PATH::evil' holds characters",
    ),
    "a novel": (put("representation.trained_on", "x" * 1001), "a text of 1,001 characters"),
    "a name that is taken": (rename("mfcc"), "'mfcc' is the name of a built-in representation"),
    "a built-in that there is not": (
        put("representation.origin", "built-in"),
        "mirbench has no built-in 'mine'",
    ),
    "a name but for case": (rename("YOURS"), "'YOURS' differs from 'yours'"),
    # Task, split and protocol.
    "another split": (
        put("task.split_sha256", "0" * 64),
        "task.split_sha256: is '0000000000000000000000…, but splits/rendered_key.paper.csv",
    ),
    "a split that there is not": (
        put("task.split", "mine"),
        "task: task 'rendered_key' has no split 'mine'; it offers: paper, artist",
    ),
    "a task that there is not": (put("task.name", "my_task"), "task: there is no task 'my_task'"),
    "another version of the task": (put("task.version", 2), "task.version: is 2, but task"),
    "other labels": (put("task.labels", ["C", "D"]), "task.labels: is ('C', 'D'), but task"),
    "another board": (put("task.board", "paper"), "task.board: is 'paper', but task"),
    "another protocol": (
        put("protocol.hash", "0" * 16),
        "protocol.hash: is '0000000000000000', but castellon2021 of this version is",
    ),
    "a protocol that there is not": (
        put("protocol.name", "mine"),
        "protocol.name: there is no protocol 'mine'; the board has rows of: castellon2021",
    ),
    "the quick protocol": (
        put("protocol.name", "quick"),
        "protocol.name: quick is for trying things out and stays off the board",
    ),
    "a grid cut short": (
        put("protocol.probes_run", 10),
        "protocol.probes_run: is 10, but castellon2021 has 216 probes",
    ),
    # The probe.
    "a probe outside the grid": (
        put("probe.index", 216),
        "probe.index: 216 is outside the grid of 216 probes",
    ),
    "another learning rate": (
        put("probe.learning_rate", 0.01),
        "probe.learning_rate: is 0.01, but probe 2 of castellon2021 has 1e-05",
    ),
    "a probe that went on": (
        put("probe.updates", 10_000),
        "probe.updates: 10000 with the best at 800 cannot be",
    ),
    "a layer of no layers": (put("probe.layer", "7"), "probe.layer: is '7' for a representation"),
    "a way without windows": (put("probe.way", None), "probe.way: is None, but task rendered_key"),
    "a way that there is not": (put("probe.way", "best"), "probe.way: there is no way 'best'"),
    "validation above 1": (put("probe.valid", 1.5), "probe.valid: 1.5 is no weighted_key_score"),
    # Clips.
    "clips that do not add up": (
        put("task.counts.train", 160),
        "task.counts.train: is 160, but the split has 168 clips",
    ),
    "rows that do not add up": (
        put("task.rows.test", 71),
        "task.rows.test: is 71, must be at least",
    ),
    "too many missing": (miss_many, "36 of 288 clips have no embedding; on the board at most 5 %"),
    "missing what is not there": (miss_foreign, "task.missing: 'nobody-1' is no clip of the split"),
    "a foreign clip": (
        predictions(lambda names, _: names["clip_ids"].__setitem__(0, "band00-0")),
        "1 clip is either not of the test split of rendered_key.paper or named as missing, the "
        "first 'band00-0'",
    ),
    "a clip not predicted": (
        predictions(lambda names, _: names["clip_ids"].__setitem__(0, names["clip_ids"][1])),
        "of the test split of rendered_key.paper, 1 clip has none, the first 'band01-0'",
    ),
    "a clip twice": (
        predictions(lambda names, _: names["clip_ids"].__setitem__(0, names["clip_ids"][1])),
        "a clip id stands there twice",
    ),
    "another order": (predictions(reorder), "the clips are not sorted by id"),
    "ids that do not go with the rows": (
        predictions(swap_two),
        "predictions: the clips are not sorted by id",
    ),
    # Predictions.
    "fewer predictions": (
        predictions(lambda _, arrays: arrays.update(outputs=arrays["outputs"][1:])),
        "outputs is 'F32' of shape [71, 24], must be F32 of shape [72, 24]",
    ),
    "predictions in another type": (
        predictions(lambda _, arrays: arrays.update(outputs=arrays["outputs"].astype(np.float64))),
        "outputs is 'F64' of shape [72, 24], must be F32",
    ),
    "an array more": (
        predictions(lambda _, arrays: arrays.update(weights=np.zeros(3))),
        "holds an array 'weights' that no row has",
    ),
    "an array less": (
        predictions(lambda _, arrays: arrays.pop("targets")),
        "has no array 'targets'",
    ),
    "NaN in predictions": (predictions(set_nan), "outputs holds NaN or infinity"),
    "a class outside": (
        predictions(lambda _, arrays: arrays["targets"].__setitem__(0, 24)),
        "targets must be 0 to 23",
    ),
    "names more": (
        predictions(lambda names, _: names.update(more=1)),
        "lacks mirbench's clip ids and groups, or holds more",
    ),
    "groups less": (
        predictions(lambda names, _: names["groups"].pop()),
        "clip_ids and groups must be 72 names each",
    ),
    "predictions cut off": (spoil_predictions, "predictions.safetensors is damaged"),
    "a header without end": (long_header, "its header should have 1,152,921,504,606,846,976 bytes"),
    "no safetensors": (
        lambda path: predictions_path(path).write_bytes(b"x"),
        "is no safetensors file",
    ),
    # Scores.
    "an edited score": (
        put("scores.accuracy.value", 0.9),
        "scores.accuracy.value: the row says 0.900000, its predictions give the score",
    ),
    "an edited interval": (
        put("scores.accuracy.low", 0.001),
        "scores.accuracy.low: the row says 0.001000, its predictions give the lower end",
    ),
    "a score above 1": (
        put("scores.accuracy.value", 1.01),
        "scores.accuracy.value: 1.01 is wrong: it should be less than or equal to 1",
    ),
    "a score below 0": (
        put("scores.accuracy.value", -0.5),
        "scores.accuracy.value: -0.5 is outside its range, 0 to 1",
    ),
    "a score that is none": (
        put("scores.roc_auc", {"value": 1, "low": 1, "high": 1, "n": 72, "groups": 12}),
        "scores.roc_auc: is no score of task rendered_key",
    ),
    "a score less": (
        lambda path: (row := read_row(path))["scores"].pop("accuracy") and write_row(path, row),
        "scores.accuracy: is not there",
    ),
    "another n": (put("scores.accuracy.n", 71), "scores.accuracy.n: is 71, but the predictions"),
    "other groups": (
        put("scores.accuracy.groups", 72),
        "scores.accuracy.groups: is 72, but the predictions have 12 groups",
    ),
    # What others say.
    "better targets": (
        predictions(better_targets),
        "clips are not those of the annotation, the first 'band01-0'",
    ),
    "groups of one": (
        predictions(lambda names, _: names.update(groups=names["clip_ids"])),
        "predictions: the groups of 72 of 72 clips are not those of the annotation",
    ),
    "another's row": (steal, "its outputs are to the last bit those of 'yours'"),
    "another version of a model": (
        put("representation.fingerprint", "f" * 16),
        "is of another version of 'mine' ('0123456789abcdef', here 'ffffffffffffffff')",
    ),
    "another model of a name": (
        put("representation.origin", "my-package"),
        "'mine' is taken: ",
    ),
    # Plausibility.
    "a negative cost": (
        put("cost.embedding_seconds", -1.0),
        "cost.embedding_seconds: -1.0 cannot be: a cost is not negative",
    ),
    "an unknown device": (put("cost.device", "abacus"), "cost.device: 'abacus' is none"),
    "too many dims": (
        put("representation.dims", 10**9),
        "1,000,000,000 dimensions in 0 layers are too many",
    ),
    "nested parameters": (
        put("representation.params", {"a": {"b": 1}}),
        "representation.params: values must be text, numbers, true, false or null",
    ),
    "parameters that the name has not": (
        put("representation.params", {"layer": 5}),
        "representation.params: are {'layer': 5}, but the name says 'mine'",
    ),
    "no fingerprint": (put("representation.fingerprint", "mine"), "fingerprint: 'mine' is none"),
    "no commit": (put("environment.commit", "main; rm -rf ~"), "'main; rm -rf ~' is no commit"),
    "an origin of markup": (put("representation.origin", "<b>"), "origin: '<b>' must be built-in"),
    "no digest of embeddings": (put("task.embeddings_sha256", "x"), "'x' is no SHA-256"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_submissions(name: str, sound: Path, tmp_path: Path) -> None:
    change, message = BAD[name]
    folder = tmp_path / "results"
    shutil.copytree(sound, folder)
    row = folder / "mine" / "rendered_key.paper.json"
    changed = change(row)
    verdicts = judge(changed if isinstance(changed, Path) else row)
    errors = [error for verdict in verdicts for error in verdict.errors]
    assert any(message in error for error in errors), errors
    assert all(line.isprintable() for line in verdict_lines(verdicts))


def test_messages_are_distinct() -> None:
    messages = [message for _, message in BAD.values()]
    same = {message for message in messages if messages.count(message) > 1}
    assert not same
    assert len(BAD) >= 30
