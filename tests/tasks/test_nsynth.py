"""The NSynth reader and the splits that are computed from it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest
from helpers.nsynth_tables import FAMILIES, make_notes, write_nsynth

from mirbench.benchmark.api import DataError, UsageError
from mirbench.benchmark.embedding.store import task_fingerprint
from mirbench.benchmark.registry import load_split, load_task
from mirbench.tasks import _nsynth

SMALL = ("nsynth_pitch", "nsynth_family")
WHOLE = ("nsynth_pitch_full", "nsynth_family_full")
NOTE = "bass_acoustic_000-040-100"


@pytest.mark.parametrize("folder", [".", "NSynth"])
def test_notes(tmp_path: Path, folder: str) -> None:
    write_nsynth(tmp_path / folder)
    clips = {name: list(load_task(name).read_clips(tmp_path)) for name in (*SMALL, *WHOLE)}
    first = clips["nsynth_pitch"][0]
    assert (first.id, first.label, first.group) == (NOTE, "40", "bass_acoustic_000")
    assert first.path == tmp_path / folder / "nsynth-train" / "audio" / f"{NOTE}.wav"
    assert clips["nsynth_family"][0].label == "bass"
    # Pitch 110 is on no piano.
    assert [len(clips[name]) for name in (*SMALL, *WHOLE)] == [252, 252, 336, 336]
    for name, members in clips.items():
        task = load_task(name)
        assert {clip.label for clip in members} <= set(task.labels)
        for split in task.splits:
            assert load_split(task, split, tmp_path).of.keys() <= {clip.id for clip in members}
    assert len({task_fingerprint(load_task(name)) for name in clips}) == 1


def test_the_order_of_notes_is_that_of_the_hashes_of_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_nsynth, "N_TRAIN", 20)
    monkeypatch.setattr(_nsynth, "N_VALID", 5)
    write_nsynth(tmp_path)
    split = load_split(load_task("nsynth_pitch"), "paper", tmp_path)
    for part, size in (("train", 20), ("valid", 5), ("test", 60)):
        names = [name for name, note in make_notes(part).items() if note["pitch"] != 110]
        names.sort(key=lambda name: hashlib.sha1(name.encode()).hexdigest())
        assert split.ids(part) == sorted(names[:size])  # type: ignore[arg-type]
    lines = ["clip_id,split", *(f"{clip},{part}" for clip, part in sorted(split.of.items()))]
    assert split.sha256 == hashlib.sha256("\n".join([*lines, ""]).encode()).hexdigest()


@pytest.mark.parametrize("name", SMALL)
def test_no_instrument_is_on_two_sides_of_artist(tmp_path: Path, name: str) -> None:
    write_nsynth(tmp_path)
    task = load_task(name)
    groups = {clip.id: clip.group for clip in task.read_clips(tmp_path)}
    shared = Counter[str]()
    for split in ("paper", "artist"):
        table = load_split(task, split, tmp_path)
        train, valid, test = ({groups[i] for i in table.ids(p)} for p in ("train", "valid", "test"))
        assert not train & (valid | test)
        shared[split] = len(valid & test)
    assert shared == {"paper": len(FAMILIES) - 1, "artist": 0}


def test_the_whole_set_is_the_published_parts(tmp_path: Path) -> None:
    write_nsynth(tmp_path)
    table = load_split(load_task("nsynth_pitch_full"), "full", tmp_path)
    assert {part: len(table.ids(part)) for part in ("train", "valid", "test")} == {  # type: ignore[arg-type]
        part: len(make_notes(part)) for part in ("train", "valid", "test")
    }


def test_without_a_folder_there_is_no_split() -> None:
    with pytest.raises(UsageError, match="the splits of 'nsynth_pitch' are computed from its data"):
        load_split(load_task("nsynth_pitch"), "paper")
    with pytest.raises(UsageError, match="has no split 'full'; it offers: paper, artist"):
        load_split(load_task("nsynth_pitch"), "full", Path())


def _changed(**changes: object) -> str:
    notes = make_notes("test")
    name = next(iter(notes))
    return json.dumps({name: {**notes[name], **changes}})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not readable as JSON"),
        ("[" * 100_000, "not readable as JSON"),
        ("[]", "expected an object of notes"),
        ("{}", "expected an object of notes"),
        ('{"pitch": 3}', "expected an object of notes"),
        ('{"kazoo_acoustic_000-040-100": {"pitch": 40}}', "found 'kazoo_acoustic"),
        (f'{{"{NOTE}": 3}}', "its pitch, family or instrument is not in its name"),
        (_changed(pitch=41), "is not in its name"),
        (_changed(instrument_family_str="reed"), "is not in its name"),
        (_changed(instrument_str="bass_acoustic_001"), "is not in its name"),
        (json.dumps(make_notes("train")), f"the note {NOTE} is also in train"),
    ],
)
def test_a_malformed_table_is_explained(tmp_path: Path, content: str, message: str) -> None:
    write_nsynth(tmp_path)
    (tmp_path / "nsynth-test" / "examples.json").write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        list(load_task("nsynth_pitch").read_clips(tmp_path))
    assert "nsynth-test" in str(caught.value)


def test_absent_tables_are_explained(tmp_path: Path) -> None:
    for what in (
        lambda: list(load_task("nsynth_pitch").read_clips(tmp_path)),
        lambda: load_split(load_task("nsynth_pitch"), "paper", tmp_path),
    ):
        with pytest.raises(DataError, match=r"examples\.json: cannot be read: .*magenta"):
            what()
