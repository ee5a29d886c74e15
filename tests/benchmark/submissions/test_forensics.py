"""Cheap cheats, one by one: each is refused, or told to the reviewer."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.submitted_rows import put, read_row, submit_row, write_row

from mirbench.benchmark import cli
from mirbench.benchmark.evaluation.select import test_scores as score
from mirbench.benchmark.registry import load_task
from mirbench.benchmark.result import Predictions, read_predictions, read_result
from mirbench.benchmark.result.predictions import write_predictions
from mirbench.benchmark.submissions.names import looks
from mirbench.benchmark.submissions.validation import validate
from mirbench.benchmark.submissions.verdict import Verdict, verdict_lines
from mirbench.leaderboard.references import published_names
from mirbench.leaderboard.rows import read_rows, read_test_set

Arrays = dict[str, np.ndarray]


def judge(path: Path, board: Path | None = None) -> Verdict:
    (verdict,) = validate([path], board, published=published_names())
    return verdict


def outputs(change: Callable[[Arrays], np.ndarray]) -> Callable[[Path], None]:
    """Give a change of the outputs; scores are made to follow."""

    def rewrite(path: Path) -> None:
        kept = read_predictions(path)
        changed = change({"outputs": kept.outputs, "targets": kept.targets}).astype(np.float32)
        write_predictions(path, replace(kept, outputs=changed))
        rescore(path)

    return rewrite


def rescore(path: Path) -> None:
    row = read_row(path)
    scores = score(load_task(row["task"]["name"]), read_predictions(path))
    row["scores"] = {name: value.model_dump() for name, value in scores.items()}
    write_row(path, row)


def truth(arrays: Arrays) -> np.ndarray:
    targets, n_outputs = arrays["targets"], arrays["outputs"].shape[1]
    return np.eye(n_outputs)[targets] if targets.ndim == 1 else targets


TASKS = ("rendered_chords", "rendered_instruments", "rendered_tempo", "gtzan")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("scale", [1, 7])
def test_the_truth_itself_is_refused(task: str, scale: int, tmp_path: Path) -> None:
    path = submit_row(tmp_path, task=task)
    outputs(lambda arrays: truth(arrays) if scale == 1 else 3 + scale * truth(arrays) + 1e-4)(path)
    verdict = judge(path)
    assert any(
        "its outputs are the targets themselves (correlation 1.000000)" in error
        for error in verdict.errors
    )
    perfect = scale == 1 or task != "rendered_tempo"  # R² is of the values, not of their order
    assert any(" perfect on " in note for note in verdict.notes) == perfect


def test_the_truth_with_noise_is_noted(tmp_path: Path) -> None:
    path = submit_row(tmp_path, task="rendered_instruments")
    noise = np.random.default_rng(1)
    outputs(lambda arrays: truth(arrays) + 0.05 * noise.standard_normal(arrays["outputs"].shape))(
        path
    )
    verdict = judge(path)
    assert verdict.accepted
    notes = "\n".join(verdict.notes)
    assert "with the targets; a probe that is right everywhere is less like them" in notes
    assert "scores: 'roc_auc', 'average_precision' perfect on 72 clips" in notes


def test_votes_may_be_the_truth(tmp_path: Path) -> None:
    """If every window of every clip is right, the shares of votes are the targets."""
    path = submit_row(tmp_path, task="rendered_key")
    outputs(truth)(path)
    verdict = judge(path)
    assert verdict.accepted, verdict.errors
    assert any("perfect on 72 clips" in note for note in verdict.notes)
    assert any("correlate 1.0000 with the targets" in note for note in verdict.notes)


def flip_a_bit(arrays: Arrays) -> np.ndarray:
    changed = arrays["outputs"].copy()
    changed.view(np.uint32)[3, 0] ^= 1
    return changed


def mend_some(arrays: Arrays) -> np.ndarray:
    """Copy, and put a third right."""
    changed = arrays["outputs"].copy()
    changed[::3] = 4 * truth(arrays)[::3]
    return changed


def shake(arrays: Arrays) -> np.ndarray:
    noise = np.random.default_rng(5).standard_normal(arrays["outputs"].shape)
    return arrays["outputs"] * (1 + 1e-4 * noise)


def another_scale(arrays: Arrays) -> np.ndarray:
    return 0.3 * arrays["outputs"] + 2


COPIES = {
    "one bit": flip_a_bit,
    "a little noise": shake,
    "another scale": another_scale,
    "a third mended": mend_some,
}


@pytest.mark.parametrize("task", ["rendered_instruments", "rendered_tempo", "gtzan"])
@pytest.mark.parametrize("change", COPIES)
def test_copies_of_another_row_are_refused(change: str, task: str, tmp_path: Path) -> None:
    submit_row(tmp_path / "board", "theirs", task)
    submit_row(tmp_path / "board", "others", task, seed=4)
    path = submit_row(tmp_path / "new", "mine", task)
    outputs(COPIES[change])(path)
    verdict = judge(path, tmp_path / "board")
    (error,) = verdict.errors
    assert error.startswith("predictions: its outputs are those of 'theirs' on ")
    assert error.endswith("a copy; hand in what this representation gives")
    assert "of 2 other rows, the nearest: " in verdict.likeness


def mostly_constant(seed: int, level: float) -> Callable[[Arrays], np.ndarray]:
    """Answer all clips alike but every fourth, as probes do that have learned little."""

    def change(arrays: Arrays) -> np.ndarray:
        drawn = np.random.default_rng(seed).standard_normal(arrays["outputs"].shape)
        drawn[np.arange(len(drawn)) % 4 != seed] = 0
        return level + drawn

    return change


@pytest.mark.parametrize("task", ["rendered_instruments", "rendered_tempo"])
def test_constant_answers_to_most_clips_are_no_copy(task: str, tmp_path: Path) -> None:
    theirs = submit_row(tmp_path / "board", "theirs", task)
    outputs(mostly_constant(1, 0.5))(theirs)
    path = submit_row(tmp_path / "new", "mine", task)
    outputs(mostly_constant(2, 3))(path)
    verdict = judge(path, tmp_path / "board")
    assert verdict.accepted, verdict.errors
    # A copy of such a row is one nevertheless.
    copied = 2 * read_predictions(theirs).outputs + 1
    outputs(lambda _: copied)(path)
    (error,) = judge(path, tmp_path / "board").errors
    assert "its outputs are those of 'theirs' on 100 % of the clips" in error


#: What rows of two tasks say of them: truly, and with one thing wrong.
TRUE_FACTS: dict[str, Any] = {
    "gtzan": {"group": "artist", "test": 290, "constants": {"accuracy": "classical"}},
    "rendered_tempo": {"group": "band", "test": 72, "constants": {"r2": [0.001045]}},
}
FALSE_FACTS: list[tuple[str, dict[str, Any], str]] = [
    ("gtzan", {"test": 1_000_000}, "facts.test: is 1,000,000, but the test split has 290 clips"),
    ("gtzan", {"group": "song"}, "facts.group: is 'song', but the groups of gtzan are 'artist'"),
    ("gtzan", {"faulty": ["blues.00001"]}, "facts.faulty: are not the clips that gtzan knows"),
    ("gtzan", {"constants": {}}, "facts.constants: must be of accuracy, not of ''"),
    ("gtzan", {"constants": {"accuracy": "polka"}}, "facts.constants.accuracy: 'polka' is no"),
    ("gtzan", {"constants": {"accuracy": [1.0]}}, "facts.constants.accuracy: (1.0,) is no answer"),
    ("rendered_tempo", {"constants": {"r2": [0.1, 0.2]}}, "facts.constants.r2: (0.1, 0.2) is no"),
    ("gtzan", {"constants": {"accuracy": "jazz"}}, "facts.constants.accuracy: is 'jazz', but"),
    ("rendered_tempo", {"constants": {"r2": [0.0013]}}, "facts.constants.r2: is (0.0013,), but"),
]


@pytest.mark.parametrize(("task", "change", "words"), FALSE_FACTS)
def test_what_a_row_says_of_its_task_is_checked(
    task: str, change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    true = {"faulty": [], **TRUE_FACTS[task]}
    put("facts", true)(submit_row(tmp_path / "board", "theirs", task))
    path = submit_row(tmp_path / "new", "mine", task, seed=1)
    put("facts", true | change)(path)
    (error,) = judge(path, tmp_path / "board").errors
    assert error.startswith(words)


def test_what_the_board_knows_itself_is_no_rows_to_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = submit_row(tmp_path / "results", "mine", "gtzan")
    put("facts", {"faulty": [], **TRUE_FACTS["gtzan"], "constants": {"accuracy": "jazz"}})(path)
    monkeypatch.setattr(sys, "argv", ["mirbench", "leaderboard", "validate", str(path)])
    with pytest.raises(SystemExit):
        cli.main()
    words = "is 'jazz', but 'classical' is known of the task: it follows from the labels of train"
    assert words in " ".join(capsys.readouterr().out.split())


def test_the_first_row_of_a_split_is_told_of(tmp_path: Path) -> None:
    path = submit_row(tmp_path / "new", "mine", "rendered_tempo")
    facts = {"faulty": [], **TRUE_FACTS["rendered_tempo"], "constants": {"r2": [0.001046]}}
    put("facts", facts)(path)
    verdict = judge(path)
    assert verdict.accepted, verdict.errors
    assert any(note.startswith("facts.constants: not compared") for note in verdict.notes)
    other = submit_row(tmp_path / "board", "theirs", "rendered_tempo", seed=1)
    put("facts", {"faulty": [], **TRUE_FACTS["rendered_tempo"]})(other)
    verdict = judge(path, tmp_path / "board")
    assert verdict.accepted, verdict.errors
    assert not any(note.startswith("facts") for note in verdict.notes)


def test_near_copies_are_noted(tmp_path: Path) -> None:
    submit_row(tmp_path / "board", "theirs", "rendered_instruments")
    path = submit_row(tmp_path / "new", "mine", "rendered_instruments")
    noise = np.random.default_rng(5).standard_normal((72, 20))
    outputs(lambda arrays: arrays["outputs"] + 0.2 * noise[:, : arrays["outputs"].shape[1]])(path)
    verdict = judge(path, tmp_path / "board")
    assert verdict.accepted
    (note,) = verdict.notes
    assert note.startswith("predictions: its outputs are those of 'theirs' on 0 % of the clips")
    assert note.endswith("ask which of the two was made from the other")


def test_likeness_is_always_reported(tmp_path: Path) -> None:
    for seed, name in enumerate(("theirs", "others")):
        submit_row(tmp_path / "board", name, "gtzan", seed=seed)
    verdict = judge(submit_row(tmp_path / "new", "mine", "gtzan", seed=7), tmp_path / "board")
    assert not verdict.errors + verdict.notes
    (line,) = [line for line in verdict_lines([verdict]) if line.startswith("  alike: ")]
    assert line.startswith("  alike: outputs correlate ")
    assert " with the truth; of 2 other rows, the nearest: " in line
    assert "('theirs')" in line
    assert "('others')" in line


def test_constant_outputs_are_like_nothing(tmp_path: Path) -> None:
    """What knows nothing says the same of every clip, and is no copy of its like."""
    for folder, name, value in (("board", "theirs", 1.0), ("new", "mine", 2.0)):
        path = submit_row(tmp_path / folder, name, "gtzan")
        outputs(lambda arrays, value=value: np.full_like(arrays["outputs"], value))(path)
    verdict = judge(path, tmp_path / "board")
    assert verdict.accepted, verdict.errors
    assert verdict.likeness == "outputs correlate 0.00 with the truth"


NAMES = {
    "mfcc_": "'mfcc_' is easily taken for the built-in 'mfcc', which it is not",
    "mfcc-v2": "'mfcc-v2' is easily taken for the built-in 'mfcc', which it is not",
    "MFCC.": "'MFCC.' is easily taken for the built-in 'mfcc', which it is not",
    "rnfcc": "'rnfcc' is easily taken for the built-in 'mfcc', which it is not",
    "chr0ma": "'chr0ma' is easily taken for the built-in 'chroma', which it is not",
    "MERT-v1-330M": "'MERT-v1-330M' is the name of a published model, 'MERT-v1-330M'",
    "mert_v1.330m": "'mert_v1.330m' is the name of a published model, 'MERT-v1-330M'",
    "Jukebox-5B": "'Jukebox-5B' is the name of a published model, 'Jukebox-5B'",
    "mfcc2": "'mfcc2' is easily taken for the built-in 'mfcc', which it is not",
    "chromatic": "'chromatic' is easily taken for the built-in 'chroma', which it is not",
    "our-clap": "'our-clap' is easily taken for the built-in 'clap', which it is not",
    "their_s": "'their_s' is easily taken for 'theirs' of another row",
    "theirs-v2": "'theirs-v2' is easily taken for 'theirs' of another row",
    "the1rs": "'the1rs' is easily taken for 'theirs' of another row",
}


@pytest.mark.parametrize("name", NAMES)
def test_confusable_names_are_noted(name: str, tmp_path: Path) -> None:
    submit_row(tmp_path / "board", "theirs", "gtzan")
    verdict = judge(submit_row(tmp_path / "new", name, "gtzan", seed=1), tmp_path / "board")
    assert not verdict.errors
    (note,) = verdict.notes
    assert note.startswith(f"representation.name: {NAMES[name]}")
    assert "a reviewer decides whether it may be called so" in note


@pytest.mark.parametrize("name", ["mfc\u0441", "\uff4dfcc", "m\u0192cc", "mfcc\u00b2"])
def test_look_alikes_of_other_alphabets_are_refused(name: str, tmp_path: Path) -> None:
    verdict = judge(submit_row(tmp_path, name, "gtzan"))
    assert any("use letters without accents, digits" in error for error in verdict.errors)


@pytest.mark.parametrize("name", ["mine", "broadcast", "wave2vec-mini", "clapton", "hearing"])
def test_ordinary_names_are_not(name: str, tmp_path: Path) -> None:
    submit_row(tmp_path / "board", "theirs", "gtzan")
    verdict = judge(submit_row(tmp_path / "new", name, "gtzan", seed=1), tmp_path / "board")
    assert not [note for note in verdict.notes if "representation.name" in note or name == "mine"]


def test_what_names_look_like() -> None:
    assert looks("MFCC_") == looks("mfcc") == looks("rn-fcc") == "mfcc"


ODD: dict[str, tuple[dict[str, Any], str]] = {
    "free embeddings": (
        {"cost.embedding_seconds": 0.0},
        "cost.embedding_seconds: 0 s for 930 clips: less than decoding them takes",
    ),
    "slow embeddings": (
        {"cost.embedding_seconds": 9e7},
        "cost.embedding_seconds: 9e+07 s for 930 clips: more than an hour per clip",
    ),
    "a free grid": (
        {"cost.probing_seconds": 0.0},
        "cost.probing_seconds: 0 s for 216 probes: less than training them takes",
    ),
    "no memory": (
        {"cost.peak_memory_bytes": 1000},
        "cost.peak_memory_bytes: 1,000 bytes: no process that trains probes is so small",
    ),
    "one dimension": (
        {"representation.dims": 1},
        "representation.dims: 1 dimension per embedding: fewer than any model is known to have",
    ),
    "many dimensions": (
        {"representation.dims": 60_000},
        "representation.dims: 60,000 dimensions per embedding: more than any model",
    ),
    "dimensions that are labels": (
        {"representation.dims": 10},
        "representation.dims: 10 dimensions, as many as the task has labels",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_dims_and_costs_are_noted(name: str, tmp_path: Path) -> None:
    changes, message = ODD[name]
    path = submit_row(tmp_path, task="gtzan")
    for place, value in changes.items():
        put(place, value)(path)
    verdict = judge(path)
    assert not verdict.errors
    (note,) = verdict.notes
    assert note.startswith(message)


def test_rows_of_one_representation_go_together(tmp_path: Path) -> None:
    submit_row(tmp_path, "mine", "gtzan")
    path = submit_row(tmp_path, "mine", "rendered_tempo", seed=1)
    put("representation.dims", 17)(path)
    put("cost.embedding_seconds", 500.0)(path)
    dims, cost = judge(path).notes
    assert dims.startswith("representation.dims: 17 here, 16 in ")
    assert cost.startswith("cost.embedding_seconds: 1.74 s per clip here, 0.00161 s in ")
    assert cost.endswith("out of proportion to the number of clips")


def test_features_from_a_file_cost_nothing(tmp_path: Path) -> None:
    path = submit_row(tmp_path, task="gtzan", origin="precomputed")
    put("cost.embedding_seconds", 0.0)(path)
    assert judge(path).notes == []


def test_clips_that_are_dropped_count_as_wrong(tmp_path: Path) -> None:
    """Three misclassified test clips are named as missing."""
    path = submit_row(tmp_path, task="gtzan")
    before = read_result(path).scores["accuracy"].value
    kept = read_predictions(path)
    misses = np.flatnonzero(kept.outputs.argmax(axis=1) != kept.targets)[:3]
    lost = [kept.clip_ids[place] for place in misses]

    left = [place for place in range(len(kept.clip_ids)) if place not in misses]
    names = [tuple(names[place] for place in left) for names in (kept.clip_ids, kept.groups)]
    write_predictions(path, Predictions(*names, kept.outputs[left], kept.targets[left]))
    rescore(path)
    row = read_row(path)
    row["task"]["missing"] = [{"clip_id": clip, "reason": "too loud"} for clip in sorted(lost)]
    row["task"]["counts"]["test"] -= 3
    row["task"]["rows"]["test"] -= 3
    write_row(path, row)
    assert read_result(path).scores["accuracy"].value > before
    errors = judge(path).errors
    assert errors[0] == (
        f"task.missing: {min(lost)!r} is a test clip that is not known to be faulty: it must "
        "count as wrong in every score; run the row again with this version of mirbench, which "
        "decides that itself"
    )
    # As mirbench writes it, nothing is gained.
    honest = submit_row(tmp_path / "honest", task="gtzan", missing=lost)
    assert judge(honest).accepted
    assert read_result(honest).scores["accuracy"].n == 290
    assert read_result(honest).scores["accuracy"].value <= before


def test_the_board_takes_rows_with_clips_that_count_as_wrong(tmp_path: Path) -> None:
    submit_row(tmp_path, "theirs", "gtzan")
    submit_row(tmp_path, "mine", "gtzan", missing=["country.00054", "jazz.00054"], seed=1)
    rows = read_rows(tmp_path)
    assert [row.result.task.tested for row in rows] == [290, 290]
    assert [len(each.clip_ids) for each in read_test_set(rows)] == [290, 290]


def test_outputs_of_missing_clips_are_the_worst(tmp_path: Path) -> None:
    path = submit_row(tmp_path, task="gtzan", missing=["country.00054"])
    place = read_predictions(path).clip_ids.index("country.00054")

    def better(arrays: Arrays) -> np.ndarray:
        changed = arrays["outputs"].copy()
        changed[place] = 9 * truth(arrays)[place]
        return changed

    outputs(better)(path)
    (error,) = judge(path).errors
    assert error.startswith(
        "predictions: 1 clip is missing and must be scored as wrong, but the outputs are not the "
        "worst"
    )


def test_a_clip_that_is_known_to_be_faulty_does_not_count(tmp_path: Path) -> None:
    path = submit_row(tmp_path, task="gtzan", missing=["jazz.00054"])
    assert judge(path).accepted
    put("task.missing", [{"clip_id": "jazz.00054", "reason": "x", "wrong": True}])(path)
    (error,) = judge(path).errors
    assert "'jazz.00054' must not count as wrong: it is no test clip, or is known" in error


COMMITMENTS: dict[str, tuple[Callable[[dict[str, str]], object], str]] = {
    "another clip": (
        lambda sketches: sketches.update({"blues.00000": sketches.popitem()[1]}),
        "commitment.sketches: must be of the 10 clips that the split names, which it is not for",
    ),
    "a clip less": (
        lambda sketches: sketches.popitem(),
        "commitment.sketches: must be of the 10 clips that the split names",
    ),
    "words": (
        lambda sketches: sketches.update({next(iter(sketches)): "1 2 three"}),
        "commitment.sketches: '1 2 three' is no sketch of an embedding: 16 numbers",
    ),
    "infinity": (
        lambda sketches: sketches.update({next(iter(sketches)): "inf" + " 1" * 15}),
        "is no sketch of an embedding: 16 numbers",
    ),
}


@pytest.mark.parametrize("name", COMMITMENTS)
def test_commitments_that_are_none(name: str, tmp_path: Path) -> None:
    change, message = COMMITMENTS[name]
    path = submit_row(tmp_path, task="gtzan")
    row = read_row(path)
    change(row["commitment"]["sketches"])
    write_row(path, row)
    assert any(message in error for error in judge(path).errors)


def test_odd_commitments_are_noted(tmp_path: Path) -> None:
    path = submit_row(tmp_path, task="gtzan")
    row = read_row(path)
    first = next(iter(row["commitment"]["sketches"].values()))
    row["commitment"]["sketches"] = dict.fromkeys(row["commitment"]["sketches"], first)
    write_row(path, row)
    assert judge(path).notes == [
        "commitment.sketches: the embeddings of 10 clips are one and the same"
    ]
    del row["commitment"]
    write_row(path, row)
    verdict = judge(path)
    assert verdict.accepted
    assert verdict.notes == [
        "commitment: there is none, as in rows of older versions, so the row cannot be verified; "
        "run it again with --force"
    ]


@pytest.mark.slow
def test_two_hundred_rows_are_compared_quickly(tmp_path: Path) -> None:
    """A row of MagnaTagATune's size against two hundred others: about a second of work."""
    from mirbench.benchmark.submissions.likeness import Likenesses

    result = read_result(submit_row(tmp_path, "mine", "rendered_instruments"))
    random = np.random.default_rng(2)
    ids = tuple(f"{n:05}" for n in range(5329))
    targets = random.integers(0, 2, (5329, 50))
    likenesses = Likenesses()
    for number in range(200):
        other = result.representation.model_copy(update={"name": f"other{number}"})
        noise = random.standard_normal((5329, 50), dtype=np.float32)
        predictions = Predictions(ids, ids, noise, targets)
        likenesses.add(result.model_copy(update={"representation": other}), predictions)
    started = time.process_time()
    copied = Predictions(ids, ids, noise + 1e-4, targets)
    found = likenesses.look(result, copied)
    assert time.process_time() - started < 20  # about one; a loop over entries takes minutes
    assert len(found.others) == 200
    assert found.others[0].name == "other199"
    assert found.problems()[0]
