"""The rendered corpus: labels, splits, sound, and the files it leaves on disk."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mirbench import splits
from mirbench.benchmark.api import KEYS, SPLITS, Task
from mirbench.benchmark.datasets.targets import encode_targets
from mirbench.tasks import rendered_chords, rendered_instruments, rendered_key, rendered_tempo
from mirbench.tasks._rendered import audio as rendered_audio
from mirbench.tasks._rendered import files as rendered_files
from mirbench.tasks._rendered.bands import INSTRUMENTS
from mirbench.tasks._rendered.corpus import (
    DURATION,
    PROGRESSIONS,
    SAMPLE_RATE,
    Piece,
    pieces,
    split_table,
)
from mirbench.tasks._rendered.score import chords, score

TASKS = [
    rendered_key.TASK,
    rendered_tempo.TASK,
    rendered_instruments.TASK,
    rendered_chords.TASK,
]
SPLITS_FOLDER = Path(next(iter(splits.__path__)))
NOWHERE = Path("nowhere")

#: Labels must be the same on every machine and in every version of Python.
FIRST = ("band00-0", "valid", "D minor", 150.4, "i-v-VI-iv", ("bass", "flute"))

each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
some_pieces = pytest.mark.parametrize("piece", pieces()[::61], ids=lambda piece: piece.id)
# A snare has a pitch of its own.
undrummed_pieces = pytest.mark.parametrize(
    "piece",
    [piece for piece in pieces() if "drums" not in piece.instruments][::19],
    ids=lambda piece: piece.id,
)


def spectrum_at(audio: np.ndarray, frequency: float) -> float:
    """Largest magnitude within 20 cents of a frequency."""
    magnitudes = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 2**18))
    frequencies = np.fft.rfftfreq(2**18, 1 / SAMPLE_RATE)
    near = np.abs(np.log2(np.maximum(frequencies, 1) / frequency)) < 20 / 1200
    return float(magnitudes[near].max())


def onset_strength(audio: np.ndarray, hop: int = 256) -> np.ndarray:
    """Rise of log energy from frame to frame, half-wave rectified."""
    frames = audio[: len(audio) // hop * hop].reshape(-1, hop)
    energy = np.log10(np.mean(frames**2, axis=1) + 1e-4)
    return np.maximum(np.diff(energy), 0)


def test_first_pieces_are_as_they_always_were() -> None:
    first = pieces()[0]
    assert (first.id, first.band.split) == FIRST[:2]
    assert (first.key, first.bpm, first.progression, first.instruments) == FIRST[2:]


def test_splits_are_band_disjoint() -> None:
    split_of: dict[str, set[str]] = {}
    for piece in pieces():
        split_of.setdefault(piece.band.name, set()).add(piece.band.split)
    assert all(len(found) == 1 for found in split_of.values())
    assert Counter(piece.band.split for piece in pieces()) == {
        "train": 168,
        "valid": 48,
        "test": 72,
    }


@pytest.mark.parametrize(("split", "times"), [("train", 7), ("valid", 2), ("test", 3)])
def test_every_label_is_in_every_split_and_balanced(split: str, times: int) -> None:
    mine = [piece for piece in pieces() if piece.band.split == split]
    assert Counter(piece.key for piece in mine) == dict.fromkeys(KEYS, times)
    names = [name for mode in PROGRESSIONS.values() for name in mode]
    assert Counter(piece.progression for piece in mine) == dict.fromkeys(names, 3 * times)
    for instrument in INSTRUMENTS:
        share = np.mean([instrument in piece.instruments for piece in mine])
        assert 0.1 < share < 0.6, instrument
    tempi = sorted(piece.bpm for piece in mine)
    assert tempi[0] < 62
    assert tempi[-1] > 174
    assert np.max(np.diff(np.log2(tempi))) < 0.1


@pytest.mark.parametrize(
    ("key", "progression", "expected"),
    [
        ("C major", "I-V-vi-IV", "C:maj G:maj A:min F:maj"),
        ("C major", "I-vi-ii-V", "C:maj A:min D:min G:maj"),
        ("C major", "I-iii-IV-V", "C:maj E:min F:maj G:maj"),
        ("A minor", "i-iv-i-V", "A:min D:min A:min E:maj"),
        ("A minor", "i-VII-VI-V", "A:min G:maj F:maj E:maj"),
        ("A minor", "i-v-VI-iv", "A:min E:min F:maj D:min"),
    ],
)
def test_numerals_are_spelled(key: str, progression: str, expected: str) -> None:
    piece = replace(pieces()[0], key=key, progression=progression)
    assert " ".join(chord.label for chord in chords(piece)[:4]) == expected
    tonic = {"C major": (0, 4, 7), "A minor": (9, 0, 4)}[key]
    assert chords(piece)[0].tones == tonic


def test_progressions_tell_keys_apart() -> None:
    sets: dict[frozenset[str], str] = {}
    for piece in {(p.key, p.progression): p for p in pieces()}.values():
        harmony = frozenset(chord.label for chord in chords(piece)[:4])
        assert sets.setdefault(harmony, piece.key) == piece.key
    assert len(sets) > 24


@each_task
def test_task_reads_every_piece_without_audio(task: Task) -> None:
    clips = list(task.read_clips(NOWHERE))
    assert [clip.id for clip in clips] == sorted(piece.id for piece in pieces())
    assert clips[0].path == NOWHERE / "audio" / f"{clips[0].id}.flac"
    assert {(clip.start, clip.duration) for clip in clips} == {(0.0, DURATION)}
    targets = encode_targets(task, clips)
    assert targets.reshape(len(clips), -1).std(axis=0).min() > 0
    if task.kind == "multiclass":
        assert set(targets.tolist()) == set(range(len(task.labels)))


def test_labels_are_those_of_the_metrics_and_the_corpus() -> None:
    assert rendered_key.TASK.labels == KEYS
    assert rendered_instruments.TASK.labels == INSTRUMENTS
    assert rendered_chords.TASK.labels == tuple(itertools.chain(*PROGRESSIONS.values()))


@each_task
@pytest.mark.parametrize("split", ["paper", "artist"])
def test_split_files_are_those_of_the_corpus(task: Task, split: str) -> None:
    content = (SPLITS_FOLDER / f"{task.name}.{split}.csv").read_bytes()
    assert content.decode() == split_table()
    assert {row.split(",")[1] for row in split_table().splitlines()[1:]} == set(SPLITS)


@some_pieces
def test_audio_is_repeatable_and_in_range(piece: Piece) -> None:
    audio = rendered_audio.render(piece)
    assert np.array_equal(audio, rendered_audio.render(piece))
    assert audio.shape == (round(DURATION * SAMPLE_RATE),)
    assert np.isfinite(audio).all()
    assert np.abs(audio).max() == pytest.approx(piece.band.level)
    assert 0.1 < piece.band.level <= 1
    halves = np.sqrt(np.mean(audio.reshape(2, -1) ** 2, axis=1))
    assert halves.min() > 0.01


@undrummed_pieces
def test_tones_of_the_first_chord_sound(piece: Piece) -> None:
    first = chords(piece)[0]
    assert first.root == piece.tonic
    audio = rendered_audio.render(piece)[: int(first.beats * 60 / piece.bpm * SAMPLE_RATE)]
    strength = [
        max(
            spectrum_at(audio, 440 * 2 ** ((pitch - 69) / 12 + piece.band.tuning / 1200))
            for pitch in range(48 + tone, 90, 12)
        )
        for tone in range(12)
    ]
    silent = (piece.tonic + 1) % 12
    assert min(strength[tone] for tone in first.tones) > 3 * strength[silent]


def test_notes_agree_with_the_labels() -> None:
    for piece in pieces():
        notes = score(piece)
        assert {note.instrument for note in notes} == set(piece.instruments)
        assert min(note.onset for note in notes) >= 0
        assert max(note.onset for note in notes) < DURATION


def test_pulse_is_at_the_tempo() -> None:
    drummed = [piece for piece in pieces() if "drums" in piece.instruments][::20]
    for piece in drummed:
        strength = onset_strength(rendered_audio.render(piece))
        strength = strength - strength.mean()
        beat = 60 / piece.bpm * SAMPLE_RATE / 256

        def likeness(lag: float, strength: np.ndarray = strength) -> float:
            lags = (int(lag), int(lag) + 1)
            return max(float(strength[n:] @ strength[:-n]) for n in lags)

        assert likeness(2 * beat) > 2 * max(likeness(2 * beat * 0.87), likeness(2 * beat * 1.15))


@pytest.fixture
def small_corpus(monkeypatch: pytest.MonkeyPatch) -> tuple[Piece, ...]:
    few = pieces()[:3]
    monkeypatch.setattr(rendered_files, "pieces", lambda: few)
    return few


def test_prepare_writes_flac_and_annotations(
    tmp_path: Path, small_corpus: tuple[Piece, ...]
) -> None:
    root = tmp_path / "not" / "there"
    rendered_files.prepare(root)
    assert sorted(path.name for path in root.iterdir()) == ["annotations.json", "audio"]
    names = sorted(path.name for path in (root / "audio").iterdir())
    assert names == [f"{piece.id}.flac" for piece in small_corpus]
    audio, rate = soundfile.read(root / "audio" / names[0])
    assert rate == SAMPLE_RATE
    np.testing.assert_allclose(audio, rendered_audio.render(small_corpus[0]), atol=2**-15)
    rows = json.loads((root / "annotations.json").read_text("utf-8"))["pieces"]
    assert [row["key"] for row in rows] == [piece.key for piece in small_corpus]


def test_prepare_resumes_and_then_does_nothing(
    tmp_path: Path, small_corpus: tuple[Piece, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[str] = []
    render = rendered_files.render

    def interrupted(piece: Piece) -> np.ndarray:
        if len(rendered) == 2:
            raise KeyboardInterrupt
        rendered.append(piece.id)
        return render(piece)

    monkeypatch.setattr(rendered_files, "render", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rendered_files.prepare(tmp_path)
    assert not (tmp_path / "annotations.json").exists()
    assert len(list((tmp_path / "audio").iterdir())) == 2

    rendered.clear()
    kept, broken = (tmp_path / "audio" / f"{piece.id}.flac" for piece in small_corpus[:2])
    kept_bytes, broken_bytes = kept.read_bytes(), broken.read_bytes()
    broken.write_bytes(b"not audio")
    rendered_files.prepare(tmp_path)
    assert rendered == [piece.id for piece in small_corpus[1:]]
    assert (kept.read_bytes(), broken.read_bytes()) == (kept_bytes, broken_bytes)

    rendered.clear()
    rendered_files.prepare(tmp_path)
    assert rendered == []
    kept.unlink()
    rendered_files.prepare(tmp_path)
    assert rendered == [small_corpus[0].id]


def test_prepare_twice_at_once_does_no_harm(
    tmp_path: Path, small_corpus: tuple[Piece, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    render = rendered_files.render

    def overtaken(piece: Piece) -> np.ndarray:
        monkeypatch.setattr(rendered_files, "render", render)
        rendered_files.prepare(tmp_path)
        return render(piece)

    monkeypatch.setattr(rendered_files, "render", overtaken)
    rendered_files.prepare(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["annotations.json", "audio"]
    for piece in small_corpus:
        audio, _ = soundfile.read(tmp_path / "audio" / f"{piece.id}.flac")
        assert len(audio) == rendered_audio.N_SAMPLES


def test_prepare_replaces_audio_of_another_version(
    tmp_path: Path, small_corpus: tuple[Piece, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(rendered_files, "_COMMENT", "another version")
        older.setattr(rendered_files, "render", lambda piece: np.zeros(rendered_audio.N_SAMPLES))
        rendered_files.prepare(tmp_path)
    rendered_files.prepare(tmp_path)
    audio, _ = soundfile.read(tmp_path / "audio" / f"{small_corpus[2].id}.flac")
    assert np.abs(audio).max() > 0.1


def test_import_and_labels_are_cheap() -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from mirbench.tasks import rendered_key, rendered_tempo, rendered_chords\n"
        "from mirbench.tasks import rendered_instruments\n"
        "assert len(list(rendered_key.read_clips(Path('x')))) == 288\n"
        "heavy = {'librosa', 'torch', 'soundfile', 'mir_eval', 'scipy', 'sklearn', 'pandas'}\n"
        "found = heavy & set(sys.modules)\n"
        "assert not found, found"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
