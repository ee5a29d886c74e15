"""Sound submissions, what is said about them, and how rows get into a checkout."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.submitted_rows import predictions, put, read_row, submit_row, write_row
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from mirbench.benchmark.api import DataError, MirbenchError, UsageError
from mirbench.benchmark.registry import parse_representation
from mirbench.benchmark.result import predictions_path, slug
from mirbench.benchmark.submissions.commitments import changed_verifications
from mirbench.benchmark.submissions.packing import find_checkout, next_steps, pack
from mirbench.benchmark.submissions.strict_json import parse_json
from mirbench.benchmark.submissions.texts import check_name
from mirbench.benchmark.submissions.validation import validate, withdrawn
from mirbench.benchmark.submissions.verdict import Verdict, printable, verdict_lines
from mirbench.leaderboard import refresh_pages

ROOT = Path(__file__).resolve().parents[3]


def errors(*paths: Path, **options) -> list[str]:
    return [error for verdict in validate(paths, **options) for error in verdict.errors]


def mirbench(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mirbench.benchmark.cli", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give what looks like a checkout of mirbench, with one row."""
    folder = tmp_path / "checkout"
    submit_row(folder / "leaderboard" / "results", "first")
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.mark.slow
def test_the_rows_of_this_repository() -> None:
    verdicts = list(validate([ROOT / "leaderboard" / "results"]))
    assert verdicts
    assert [verdict.errors for verdict in verdicts if verdict.errors] == []


@pytest.mark.parametrize("task", ["rendered_key", "rendered_tempo", "rendered_instruments"])
def test_rows_of_every_kind(tmp_path: Path, task: str) -> None:
    paths = [
        submit_row(tmp_path, "mine", task),
        submit_row(tmp_path, "mine", task, split="artist"),
        submit_row(tmp_path, "layered:size=big", task, layers=4, seed=1, params={"size": "big"}),
        submit_row(tmp_path, "lacking", "gtzan", missing=["jazz.00054", "pop.00050"], seed=2),
        submit_row(tmp_path, "features", task, origin="precomputed", seed=3, fingerprint="0" * 16),
    ]
    assert errors(*paths) == []


@pytest.mark.parametrize("lost", [["band00-0"], ["band01-3"], ["band01-3", "band02-0"]])
@pytest.mark.parametrize("task", ["rendered_key", "rendered_tempo", "rendered_instruments"])
def test_no_clip_that_mirbench_renders_can_be_missing(
    tmp_path: Path, task: str, lost: list[str]
) -> None:
    found = errors(submit_row(tmp_path, "lacking", task, missing=lost))
    assert found == [
        f"task.missing: {len(lost)} of 288 clips, the first {lost[0]!r}, but mirbench makes the "
        f"audio of {task} itself, so none can be missing; run the row again with this version of "
        "mirbench"
    ]


def test_a_row_over_other_groups_is_refused(tmp_path: Path) -> None:
    """GTZAN's groups are known without any file of it."""
    path = submit_row(tmp_path, task="gtzan")
    assert errors(path) == []
    predictions(lambda names, _: names.update(groups=names["clip_ids"]))(path)
    found = errors(path)
    assert any("scores.accuracy.groups: is 123, but the predictions have 290" in e for e in found)
    assert any("the groups of 253 of 290 clips are not those of the annotation" in e for e in found)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("curve", [], "curve: has 0 layers, the representation 4"),
        ("probe.layer", None, "probe.layer: is None for a representation of 4 layers"),
        ("probe.layer", "2", "curve: its best is probe 2 of layer '3' (0.25), but the selected"),
        ("probe.valid", 0.5, "curve: its best is probe 2 of layer '3' (0.25), but the selected"),
        ("protocol.probes", 216, "protocol.probes: is 216, but castellon2021 has 864 probes"),
    ],
)
def test_layers_that_do_not_go_together(
    tmp_path: Path, place: str, value: object, message: str
) -> None:
    path = submit_row(tmp_path, layers=4)
    assert errors(path) == []
    put(place, value)(path)
    assert any(error.startswith(message) for error in errors(path))


@pytest.mark.parametrize(("field", "value"), [("index", 216), ("valid", -0.5), ("layer", "3")])
def test_points_of_a_curve_that_cannot_be(tmp_path: Path, field: str, value: object) -> None:
    path = submit_row(tmp_path, layers=4)
    row = read_row(path)
    row["curve"][0][field] = value
    write_row(path, row)
    assert any(error.startswith("curve: ") for error in errors(path))


def test_a_built_in_of_another_version_is_noted(tmp_path: Path) -> None:
    own = parse_representation("mfcc").fingerprint()
    for fingerprint, notes in ((own, 0), ("0" * 16, 1)):
        path = submit_row(tmp_path, "mfcc", origin="built-in", fingerprint=fingerprint)
        (verdict,) = validate([path])
        assert (verdict.errors, len(verdict.notes)) == ([], notes)


def test_a_fingerprint_is_not_compared_without_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRBENCH_CACHE", str(tmp_path / "cache"))
    path = submit_row(tmp_path, "choi", origin="built-in")
    (verdict,) = validate([path])
    (note,) = verdict.notes
    assert "the weights of choi are not on this machine" in note
    assert "another version" not in note


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("hear:antigravity", {"target": "antigravity"}),
        ("hf:m-a-p:MERT-v1-95M,layer=7", {"target": "m-a-p/MERT-v1-95M", "layer": 7}),
        ("hf:encoder-01234567", {"target": "encoder-01234567"}),
    ],
)
def test_rows_of_adapters(
    tmp_path: Path, name: str, params: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They can be handed in, and nothing is looked for by the name that they bear."""
    for adapter in ("hear", "hf"):
        monkeypatch.delattr(f"mirbench.representations.{adapter}.target_files")
    path = submit_row(tmp_path, name, origin="built-in", params=params)
    (verdict,) = validate([path])
    assert verdict.errors == []
    assert [note.partition(": ")[2][:12] for note in verdict.notes] == ["not compared"]
    put("representation.params", params | {"target": "another"})(path)
    (verdict,) = validate([path])
    assert any(error.startswith("representation.params: ") for error in verdict.errors)


@pytest.mark.parametrize("origin", ["file", "built-in"])
def test_names_of_built_ins_are_reserved_in_any_case(tmp_path: Path, origin: str) -> None:
    (verdict,) = validate([submit_row(tmp_path, "Choi", origin=origin)])
    assert [error.partition(";")[0] for error in verdict.errors] == [
        "representation.name: 'Choi' differs from the built-in 'choi' in upper and lower case only"
    ]


def test_weights_and_remarks_that_cannot_be(tmp_path: Path) -> None:
    path = submit_row(tmp_path, weights={"model.pt": "abc"})
    put("task.notes", {"repeated": -1})(path)
    (verdict,) = validate([path])
    assert sorted(error.partition(":")[0] for error in verdict.errors) == [
        "representation.weights.model.pt",
        "task.notes",
    ]


def test_a_neighbour_that_nobody_asked_about_exhausts_nothing(tmp_path: Path) -> None:
    own, huge, deep = (
        submit_row(tmp_path, name, seed=seed) for seed, name in enumerate(("own", "huge", "deep"))
    )
    with predictions_path(huge).open("r+b") as file:
        file.truncate(2 * 1000**3)
    facts = "[" * 100_000 + "]" * 100_000
    save_file({"outputs": np.zeros(1)}, predictions_path(deep), metadata={"mirbench": facts})
    (verdict,) = validate([own])
    assert verdict.accepted


def test_no_file_is_read_that_a_name_speaks_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name, params = "choi:norm=.", {"norm": "."}
    path = submit_row(tmp_path, name, origin="built-in", params=params)
    (verdict,) = validate([path])
    assert any("names a file or folder of this machine" in note for note in verdict.notes)


def test_changes_that_were_not_committed_are_noted(tmp_path: Path) -> None:
    path = submit_row(tmp_path)
    put("environment.dirty", True)(path)
    (verdict,) = validate([path])
    assert verdict.accepted
    assert verdict.notes == ["environment.dirty: mirbench had changes that are not committed"]


def test_a_file_of_predictions_stands_for_its_row(tmp_path: Path) -> None:
    path = submit_row(tmp_path)
    (verdict,) = validate([predictions_path(path), path])
    assert (verdict.path, verdict.accepted) == (path, True)


def test_all_problems_of_a_row_at_once(tmp_path: Path) -> None:
    path = submit_row(tmp_path)
    for place, value in {
        "representation.name": "a b",
        "task.version": 7,
        "protocol.hash": "0" * 16,
        "probe.hidden": 3,
        "scores.accuracy.value": 1.0,
        "cost.device": "tpu",
    }.items():
        put(place, value)(path)
    found = "\n".join(errors(path))
    places = ("the name 'a b'", "task.version", "protocol.hash", "probe.hidden", "cost.device")
    for place in (*places, "scores.accuracy.value", "lies at a_b-"):
        assert place in found


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        errors(tmp_path / "absent")
    with pytest.raises(UsageError, match="there are no rows below"):
        errors(tmp_path)


def test_the_pages_of_a_run_are_no_strays_but_those_of_a_board_are(tmp_path: Path) -> None:
    for folder, count in (("out", 0), ("leaderboard/results", 1)):
        submit_row(tmp_path / folder)
        (tmp_path / folder / "README.md").write_text("page")
        assert len(errors(tmp_path / folder)) == count


def test_rows_are_compared_with_the_board(tmp_path: Path) -> None:
    board, new = tmp_path / "board", tmp_path / "new"
    submit_row(board, "theirs")
    path = submit_row(new, "mine")
    assert "its outputs are to the last bit those of 'theirs'" in errors(path, board=board)[0]
    assert errors(submit_row(new, "theirs"), board=board) == []  # it takes the other's place


def test_the_same_row_twice(tmp_path: Path) -> None:
    one, two = submit_row(tmp_path / "1"), submit_row(tmp_path / "2", seed=1)
    first, second = validate([one, two], tmp_path)
    assert first.accepted
    assert second.errors == [
        f"duplicate: {one} is a row of the same representation, task, split and protocol; "
        "keep one of them"
    ]


def test_a_lie_about_targets_is_caught_without_the_annotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mirbench.benchmark.submissions import validation

    board, new = tmp_path / "board", tmp_path / "new"
    submit_row(board, "theirs", missing=["band01-0"])
    path = submit_row(new, "mine", seed=1)
    monkeypatch.setattr(validation, "annotated", lambda ground, data: None)
    assert errors(path, board=board) == []
    predictions(lambda _, arrays: arrays["targets"].__setitem__(slice(0, 2), 5))(path)
    found = errors(path, board=board)
    lie = "the targets of 2 of 72 clips are not those of the row of 'theirs'"
    assert any(lie in error for error in found)
    # Nor if the row that knows better is replaced.
    path.parent.rename(new / "theirs")
    path = new / "theirs" / path.name
    put("representation.name", "theirs")(path)
    assert any(lie in error for error in errors(path, board=board))


def test_only_what_changed(tmp_path: Path) -> None:
    board, new = tmp_path / "base" / "results", tmp_path / "pull" / "results"
    submit_row(board, "theirs")
    submit_row(board, "old", seed=1)
    shutil.copytree(board, new)
    assert list(validate([new], board, changed=True)) == []
    mine = submit_row(new, "mine", seed=2)
    shutil.rmtree(new / "old")
    (verdict,) = validate([new], board, changed=True)
    assert (verdict.path, verdict.errors) == (mine, [])
    assert withdrawn(new, board) == [Path("old/rendered_key.paper.json")]
    theirs = predictions_path(new / "theirs" / mine.name)
    theirs.write_bytes(predictions_path(mine).read_bytes())
    rejected = [verdict.path for verdict in validate([new], board, changed=True) if verdict.errors]
    assert new / "theirs" / mine.name in rejected
    theirs.unlink()
    theirs.symlink_to(predictions_path(board / "theirs" / mine.name))
    assert any("is a symbolic link" in error for error in errors(new, board=board, changed=True))


def test_verifications_are_found_from_wherever_rows_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, new = tmp_path / "base" / "results", tmp_path / "pull" / "results"
    submit_row(board, "theirs")
    shutil.copytree(board, new)
    for folder in (new, tmp_path / "pull"):
        (folder.parent / "verified" / "theirs").mkdir(parents=True)
        (folder.parent / "verified" / "theirs" / "x.json").write_text("{}")
    for here, results in ((new, "."), (new / "theirs", ".."), (new.parent, "results")):
        monkeypatch.chdir(here)
        with pytest.raises(DataError, match="is no verification of a row"):
            changed_verifications(Path(results), board)
    # Beside a folder of another name lies nobody's verification.
    assert changed_verifications(tmp_path / "pull", board) == {}
    assert changed_verifications(new, tmp_path / "base") == {}


def test_what_a_run_writes_beside_its_rows_is_no_stray(tmp_path: Path) -> None:
    submit_row(tmp_path / "mine")
    refresh_pages(tmp_path / "mine", tmp_path / "mine")
    assert (tmp_path / "mine" / ".rendered.json").exists()
    assert errors(tmp_path / "mine") == []


def test_a_row_may_be_renamed(tmp_path: Path) -> None:
    board, new = tmp_path / "base" / "results", tmp_path / "pull" / "results"
    submit_row(board, "old")
    submit_row(board, "theirs", seed=1)
    shutil.copytree(board, new)
    submit_row(new, "renamed")
    assert "those of 'old'" in errors(new, board=board, changed=True)[0]
    shutil.rmtree(new / "old")
    assert errors(new, board=board, changed=True) == []


def test_a_board_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = submit_row(tmp_path / "new")
    broken = tmp_path / "board" / "x" / "rendered_key.paper.json"
    broken.parent.mkdir(parents=True)
    broken.write_text("{}")
    with pytest.raises(DataError, match=str(broken)):
        errors(path, board=tmp_path / "board")


def test_validation_loads_no_torch(tmp_path: Path) -> None:
    path = submit_row(tmp_path)
    code = (
        "import sys; from pathlib import Path\n"
        "from mirbench.benchmark.submissions.validation import validate\n"
        f"(verdict,) = validate([Path({str(path)!r})])\n"
        "assert verdict.accepted, verdict.errors\n"
        "assert not {'torch', 'librosa'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    good = submit_row(tmp_path / "out", "good")
    done = mirbench("leaderboard", "validate", good, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"accepted  {good}\n  alike: outputs correlate 0.01 with the truth\n"
        "1 file, 1 accepted; targets compared with the annotation in 1\n"
    )
    bad = submit_row(tmp_path / "out", "bad", seed=1)
    put("environment.platform", "\x1b[31m\n::error::x ##[group]y")(bad)
    done = mirbench("leaderboard", "validate", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "mirbench: not every row was accepted\n"
    assert f"REJECTED  {bad}\n  error: environment.platform: " in done.stdout
    assert "2 files, 1 accepted" in done.stdout
    assert "\x1b" not in done.stdout
    assert "##[" not in done.stdout
    assert not any(line.startswith("::") for line in done.stdout.splitlines())
    done = mirbench("leaderboard", "validate", "--changed", good, cwd=tmp_path)
    assert done.returncode == 2
    assert "--changed compares one folder" in done.stderr


@given(st.text())
def test_nothing_that_is_printed_acts_on_a_terminal(text: str) -> None:
    (line, _) = verdict_lines([Verdict(Path("x"), [text])])[1:]
    assert line.isprintable()
    assert printable(line) == line


@given(st.text(min_size=1, max_size=120))
def test_a_name_that_is_accepted_is_safe_everywhere(name: str) -> None:
    accepted = not check_name(name)
    if accepted:
        assert set(name) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._=,+:-"
        )
        assert ".." not in name
        assert name[0].isalnum()


@pytest.mark.parametrize("name", ["mfcc", "musicnn:model=MSD_musicnn,layer=2", "CLMR-v2.1+x"])
def test_ordinary_names_are_accepted(name: str) -> None:
    assert check_name(name) == []
    assert name[:4] in slug(name)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**15), 10**15)
        | st.text()
        | st.floats(allow_nan=False, allow_infinity=False, width=32),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)
def test_json_is_read_as_the_standard_library_reads_it(value: object) -> None:
    content = json.dumps(value).encode()
    with contextlib.suppress(DataError):  # nested too deep
        assert parse_json(content, "it") == value


@given(
    st.binary(max_size=200)
    | st.text(alphabet='{}[]",:\\0eE+-. ntf\u202e', max_size=60).map(str.encode)
)
def test_json_of_any_bytes_is_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(DataError):
        parse_json(content, "it")


def test_brackets_in_texts_are_not_nesting() -> None:
    assert parse_json(json.dumps({"a\\": "[" * 50 + '"'}).encode(), "it")


def test_packing(tmp_path: Path, checkout: Path) -> None:
    out = tmp_path / "out"
    paths = [
        submit_row(out, "mine:layer=3", seed=1, params={"layer": 3}),
        submit_row(out, "mine:layer=3", "rendered_tempo", seed=2, params={"layer": 3}),
    ]
    submit_row(out, "mine:layer=3", protocol="quick", seed=3)
    packed = pack(out, checkout)
    board = checkout / "leaderboard" / "results"
    assert packed.accepted
    assert packed.left_out == 1
    assert packed.written == [board / path.relative_to(out) for path in paths]
    for path in paths:
        for file in (path, predictions_path(path)):
            assert (board / file.relative_to(out)).read_bytes() == file.read_bytes()
    assert errors(board) == []
    steps = next_steps(checkout, packed, [checkout / "leaderboard" / "README.md"])
    assert "git add leaderboard/results/mine+layer=3 leaderboard/README.md\n" in steps
    assert "git commit -m 'Rows of mine:layer=3'" in steps
    again = pack(out, checkout, ["mine"])
    assert (again.written, again.there) == ([], packed.written)
    assert next_steps(checkout, again, []).endswith("nothing is new")


def test_packing_replaces_only_when_told(tmp_path: Path, checkout: Path) -> None:
    out = tmp_path / "out"
    path = submit_row(out, "first", seed=5)
    target = checkout / "leaderboard" / "results" / "first" / path.name
    before = target.read_bytes()
    with pytest.raises(
        UsageError, match=r"1 row is on the board with other content:(.|\n)*--replace"
    ):
        pack(out, checkout)
    assert target.read_bytes() == before
    assert pack(out, checkout, replace=True).written == [target]
    assert target.read_bytes() == path.read_bytes()


def test_packing_copies_all_rows_or_none(tmp_path: Path, checkout: Path) -> None:
    out = tmp_path / "out"
    submit_row(out, "good", seed=1)
    put("scores.accuracy.value", 1.0)(submit_row(out, "bad", seed=2))
    (out / "odd").mkdir()
    (out / "odd" / "rendered_key.paper.json").write_text("{")
    packed = pack(out, checkout)
    assert [verdict.accepted for verdict in packed.verdicts] == [False, True, False]
    assert [path.name for path in (checkout / "leaderboard" / "results").iterdir()] == ["first"]
    assert pack(out, checkout, ["good"]).accepted is False  # the odd one may be anybody's
    shutil.rmtree(out / "odd")
    assert pack(out, checkout, ["good"]).accepted


def test_what_cannot_be_packed(tmp_path: Path, checkout: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="there is no folder"):
        pack(out, checkout)
    submit_row(out, "mine", protocol="quick")
    with pytest.raises(UsageError, match=r"no row of a protocol of the board \(1 of others\)"):
        pack(out, checkout)
    with pytest.raises(UsageError, match="has no row of 'hers'; there are rows of: mine"):
        pack(out, checkout, ["hers"])


def test_checkouts_are_found(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout / "leaderboard")
    assert find_checkout() == checkout
    assert find_checkout(checkout) == checkout
    with pytest.raises(UsageError, match="is no checkout of mirbench; clone the repository"):
        find_checkout(checkout / "leaderboard")
    monkeypatch.chdir(checkout.parent)
    with pytest.raises(MirbenchError, match="name its folder with --to"):
        find_checkout()


@pytest.mark.slow
def test_the_submit_command(tmp_path: Path, checkout: Path) -> None:
    os.rename(submit_row(tmp_path / "made", seed=1).parent.parent, tmp_path / "out")
    done = mirbench("leaderboard", "submit", "out", "--to", checkout, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "git switch -c my-rows" in done.stdout
    assert "mine" in (checkout / "leaderboard" / "README.md").read_text()
    done = mirbench("leaderboard", "validate", "leaderboard/results", cwd=checkout)
    assert done.returncode == 0, done.stdout
    put("task.version", 9)(tmp_path / "out" / "mine" / "rendered_key.paper.json")
    done = mirbench("leaderboard", "submit", "out", "--to", checkout, "--replace", cwd=tmp_path)
    assert done.returncode == 1
    assert "nothing was copied, because not every row was accepted" in done.stderr
    assert (
        read_row(checkout / "leaderboard/results/mine/rendered_key.paper.json")["task"]["version"]
        == 1
    )


def _places(row: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    if isinstance(row, dict | list):
        for key in row if isinstance(row, dict) else range(len(row)):
            yield from _places(row[key], (*place, key))


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 1, 10**17, -0.5, 1e-300, 1e300, "", "0", "../x", "mfcc", "a" * 2000]),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.just({"value": {"value": [1]}}),
)


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, bytes]:
    folder = tmp_path_factory.mktemp("spoilt")
    path = submit_row(folder, task="gtzan", missing=["jazz.00054"])
    return path, path.read_bytes(), predictions_path(path).read_bytes()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_value_at_any_place_gives_a_verdict(
    spoilt: tuple[Path, bytes, bytes], data: st.DataObject
) -> None:
    path, content, sound = spoilt
    row = json.loads(content)
    *parents, last = data.draw(st.sampled_from(list(_places(row))))
    inside = row
    for part in parents:
        inside = inside[part]
    value = data.draw(VALUES)
    same = inside[last] == value and type(inside[last]) is type(value)
    inside[last] = value
    write_row(path, row)
    predictions_path(path).write_bytes(sound)
    (verdict,) = validate([path])
    assert all(line.isprintable() for line in verdict_lines([verdict]))
    harmless = parents[:1] in (["cost"], ["environment"]) or last in HARMLESS
    assert same or harmless or verdict.errors


#: Fields whose value nothing else of a row depends on.
HARMLESS = {"trained_on", "reason", "valid", "dims", "rows", "test", "train", "origin"}


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_any_byte_of_the_predictions_gives_a_verdict(
    spoilt: tuple[Path, bytes, bytes], place: float, value: int
) -> None:
    path, content, sound = spoilt
    path.write_bytes(content)
    changed = bytearray(sound)
    changed[int(place**3 * len(sound))] = value
    predictions_path(path).write_bytes(changed)
    (verdict,) = validate([path])
    assert all(line.isprintable() for line in verdict_lines([verdict]))


@pytest.mark.parametrize("name", ["./evil.py", "evil.py"])
def test_a_row_names_no_file_that_is_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a pull request may bring it, too."""
    monkeypatch.chdir(tmp_path)
    Path("evil.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    path = submit_row(tmp_path / "results")
    put("task.name", name)(path)
    put("task.origin", "file")(path)
    (verdict,) = validate([path])
    assert any("propose the task first, with its splits" in error for error in verdict.errors)
    assert any(f"task: there is no task '{name}'" in error for error in verdict.errors)
    assert not Path("ran").exists()
