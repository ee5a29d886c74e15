"""Rendered theory: labels, what is balanced, who sounds, notes, sound, files."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.theory_concepts import CONCEPTS, MODULES

from mirbench import splits
from mirbench.benchmark.api import SPLITS, TONICS
from mirbench.benchmark.datasets.targets import encode_targets
from mirbench.tasks import rendered_interval, rendered_triad
from mirbench.tasks._rendered.corpus import SAMPLE_RATE
from mirbench.tasks._theory import task as theory_task
from mirbench.tasks._theory.audio import N_SAMPLES, render
from mirbench.tasks._theory.concept import DURATION, LAST_ONSET, STRONG, Concept, Example
from mirbench.tasks._theory.hits import hit
from mirbench.tasks._theory.sounds import KINDS, TEST_FAMILIES, Drum, Kit, Voice, kits, voices
from mirbench.tasks._theory.tones import tone

SPLITS_FOLDER = Path(next(iter(splits.__path__)))
NOWHERE = Path("nowhere")
SIZES = {
    "interval": (288, 72, 120),
    "metre": (288, 72, 120),
    "mode": (294, 70, 119),
    "percussion_tempo": (288, 72, 120),
    "pitch_class": (288, 72, 120),
    "progression": (288, 72, 126),
    "triad": (288, 72, 120),
}
CLASSES = [name for name in CONCEPTS if name != "percussion_tempo"]
PITCHED = [name for name in CLASSES if name != "metre"]

#: SHA-256, first 16 digits, of labels, voices and notes; of the samples of every 160th clip.
LABELS = {
    "interval": "e10d8476c7035263",
    "metre": "474ed493f9bd4556",
    "mode": "a2890f01f802daa1",
    "percussion_tempo": "18fc0ae76bba4423",
    "pitch_class": "511d097816ba3b93",
    "progression": "c9c0252393153571",
    "triad": "c41d602b3109d736",
}
SAMPLES = {
    "interval": "2815d7bb37087bb4",
    "metre": "f11aae09d8069179",
    "mode": "88b46369ad12ebb0",
    "percussion_tempo": "df31ec3b6e4b9263",
    "pitch_class": "4dda08ed4f1e745a",
    "progression": "cfc2360782b93161",
    "triad": "b65224d7677f0138",
}

each = pytest.mark.parametrize("name", CONCEPTS)


def of_split(name: str, split: str) -> list[Example]:
    """Clips of a concept in a split."""
    return [example for example in CONCEPTS[name].examples if example.sound.split == split]


def by_label(examples: Sequence[Example]) -> dict[object, list[Example]]:
    """Clips by their labels."""
    found = defaultdict(list)
    for example in examples:
        found[example.label].append(example)
    return found


def pitches(example: Example) -> list[int]:
    """Pitches of a clip in the order of their onsets, the lowest first."""
    return [note.pitch for note in sorted(example.notes, key=lambda n: (n.onset, n.pitch))]


@each
def test_labels_and_notes_are_as_they_always_were(name: str) -> None:
    lines = []
    for e in CONCEPTS[name].examples:
        label = e.label if isinstance(e.label, str) else round(float(e.label[0]), 6)
        notes = [(round(n.onset, 6), n.duration, n.pitch, round(n.velocity, 6)) for n in e.notes]
        lines.append((e.id, e.sound.split, label, round(e.level, 6), notes))
    assert hashlib.sha256(repr(lines).encode()).hexdigest()[:16] == LABELS[name]


@each
def test_samples_are_as_they_always_were(name: str) -> None:
    digest = hashlib.sha256()
    for example in CONCEPTS[name].examples[::160]:
        audio = render(example)
        digest.update(np.rint(audio * 32767).astype("<i2").tobytes())
    assert digest.hexdigest()[:16] == SAMPLES[name]


@each
def test_sizes_and_split_files(name: str) -> None:
    assert tuple(len(of_split(name, split)) for split in SPLITS) == SIZES[name]
    table = CONCEPTS[name].split_table()
    for split in ("paper", "artist"):
        content = (SPLITS_FOLDER / f"rendered_{name}.{split}.csv").read_bytes()
        assert content.decode() == table
    ids = [row.split(",")[0] for row in table.splitlines()[1:]]
    assert ids == sorted(set(ids))


@each
def test_task_reads_every_clip_without_audio(name: str) -> None:
    task = MODULES[name].TASK
    clips = list(task.read_clips(NOWHERE))
    assert [clip.id for clip in clips] == [example.id for example in CONCEPTS[name].examples]
    assert clips[0].path == NOWHERE / "audio" / f"{clips[0].id}.flac"
    assert {(clip.start, clip.duration) for clip in clips} == {(0.0, 4.0)}
    assert {clip.group for clip in clips} == {e.sound.name for e in CONCEPTS[name].examples}
    assert encode_targets(task, clips).std() > 0
    assert (task.name, task.board, task.by_default) == (f"rendered_{name}", "theory", False)
    assert task.never_missing


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("split", SPLITS)
def test_labels_are_balanced_in_every_split(name: str, split: str) -> None:
    examples = of_split(name, split)
    labels = MODULES[name].TASK.labels
    counts = Counter(example.label for example in examples)
    assert counts == dict.fromkeys(labels, len(examples) // len(labels))


@each
def test_voices_are_in_one_split_and_equally_busy(name: str) -> None:
    split_of: dict[str, set[str]] = defaultdict(set)
    for example in CONCEPTS[name].examples:
        split_of[example.sound.name].add(example.sound.split)
    assert all(len(found) == 1 for found in split_of.values())
    counts = Counter(found.copy().pop() for found in split_of.values())
    test = 20 if name in PITCHED else 16
    assert counts == {"train": 24, "valid": 8, "test": test}
    for split in SPLITS:
        busy = Counter(example.sound.name for example in of_split(name, split)).values()
        assert max(busy) - min(busy) <= 1


@pytest.mark.parametrize("name", CLASSES)
def test_a_voice_says_nothing_of_the_label(name: str) -> None:
    """Voices differ in their labels as they would if these were dealt by chance."""
    for split in SPLITS:
        examples = of_split(name, split)
        cells = Counter((example.sound.name, example.label) for example in examples)
        sounds = Counter(example.sound.name for example in examples)
        labels = Counter(example.label for example in examples)
        expected = {
            (s, label): sounds[s] * labels[label] / len(examples)
            for s in sounds
            for label in labels
        }
        chi2 = sum((cells[cell] - e) ** 2 / e for cell, e in expected.items())
        freedom = (len(sounds) - 1) * (len(labels) - 1)
        assert abs(chi2 - freedom) < 3.5 * math.sqrt(2 * freedom)


def test_families_of_the_test_set_only() -> None:
    families = {split: {v.family for v in voices() if v.split == split} for split in SPLITS}
    assert len(families["train"]) == 8
    assert families["train"] == families["valid"]
    assert families["test"] - families["train"] == set(TEST_FAMILIES)
    assert len({voice.name for voice in voices()}) == 52
    assert len({kit.name for kit in kits()}) == 48
    assert all(kit.strong.kind != kit.weak.kind for kit in kits())


@each
@pytest.mark.parametrize("split", SPLITS)
def test_levels_are_independent_of_labels(name: str, split: str) -> None:
    examples = of_split(name, split)
    levels = np.log10([example.level for example in examples])
    assert -1 <= levels.min() < -0.9
    assert -0.15 < levels.max() < 0
    targets = (
        [MODULES[name].TASK.labels.index(e.label) for e in examples]
        if name in CLASSES
        else [e.label[0] for e in examples]
    )
    correlation = np.corrcoef(levels, np.array(targets, dtype=float))[0, 1]
    assert abs(correlation) < 3 / math.sqrt(len(examples))


def test_each_pitch_class_lacks_one_octave_but_in_the_test_set() -> None:
    for split in SPLITS:
        for name, examples in by_label(of_split("pitch_class", split)).items():
            assert all(len(set(pitches(example))) == 1 for example in examples)
            assert {pitches(e)[0] % 12 for e in examples} == {TONICS.index(str(name))}
            octaves = Counter(pitches(example)[0] // 12 - 1 for example in examples)
            held_out = 2 + TONICS.index(str(name)) % 5
            expected = {2, 3, 4, 5, 6} - ({held_out} if split != "test" else set())
            assert set(octaves) == expected
            assert max(octaves.values()) - min(octaves.values()) <= 1
            assert {2, 3, 4, 5} >= {len(example.notes) for example in examples}


def test_intervals_are_played_up_down_and_together() -> None:
    for split in SPLITS:
        for name, examples in by_label(of_split("interval", split)).items():
            semitones = rendered_interval.INTERVALS.index(str(name)) + 1
            ways = Counter[str]()
            for example in examples:
                lower, upper = sorted(set(pitches(example)))
                assert upper - lower == semitones
                assert 45 <= lower <= 69
                onsets = {note.onset for note in example.notes}
                first = pitches(example)[0]
                ways["together" if len(onsets) == 2 else "up" if first == lower else "down"] += 1
            assert max(ways.values()) - min(ways.values()) <= 1
            assert len(ways) == 3


def test_modes_share_their_sets_of_notes() -> None:
    expected = {
        "ionian": "C D E F G A B C",
        "dorian": "D E F G A B C D",
        "phrygian": "E F G A B C D E",
        "lydian": "F G A B C D E F",
        "mixolydian": "G A B C D E F G",
        "aeolian": "A B C D E F G A",
        "locrian": "B C D E F G A B",
    }
    for example in CONCEPTS["mode"].examples:
        played = pitches(example)
        upward = played if played[0] < played[-1] else played[::-1]
        assert 48 <= upward[0] <= 65
        names = str(expected[str(example.label)]).split()
        shift = upward[0] - TONICS.index(names[0])
        assert [TONICS[(pitch - shift) % 12] for pitch in upward] == names
        assert upward[-1] - upward[0] == 12
        assert upward == sorted(upward)
    for examples in by_label(CONCEPTS["mode"].examples).values():
        up = np.mean([pitches(e)[0] < pitches(e)[-1] for e in examples])
        assert 0.25 < up < 0.75


def test_triads_in_one_register() -> None:
    means: dict[object, list[float]] = defaultdict(list)
    for label, examples in by_label(CONCEPTS["triad"].examples).items():
        inversions = Counter[int]()
        for example in examples:
            tones = sorted(set(pitches(example)))
            assert len(tones) == 3
            assert len(example.notes) in (6, 9, 12)
            steps = rendered_triad.TRIADS[str(label)]
            roots = [t for t in tones if {(t + s) % 12 for s in steps} == {t % 12 for t in tones}]
            assert roots
            if label != "augmented":
                inversions[tones.index(roots[0])] += 1
            means[label].append(float(np.mean(tones)))
            assert 57.5 <= means[label][-1] <= 70.5
        assert len(inversions) in (0, 3)
    average = [np.mean(of_label) for of_label in means.values()]
    assert max(average) - min(average) < 0.5


def test_progressions_have_their_chords_in_order() -> None:
    major = {"I": "CEG", "ii": "DFA", "iii": "EGB", "IV": "FAC", "V": "GBD", "vi": "ACE"}
    tonics: dict[object, set[int]] = defaultdict(set)
    for example in CONCEPTS["progression"].examples:
        chords = defaultdict(set)
        for note in example.notes:
            chords[note.onset].add(note.pitch)
        played = [{p % 12 for p in chords[onset]} for onset in sorted(chords)]
        fits = [
            key
            for key in range(12)
            if [{(TONICS.index(t) + key) % 12 for t in major[n]} for n in _numerals(example)]
            == played
        ]
        assert len(fits) == 1
        tonics[example.label] |= set(fits)
        assert all(max(chord) - min(chord) < 12 for chord in chords.values())
    assert all(found == set(range(12)) for found in tonics.values())
    sets = Counter(frozenset(str(label).split("-")) for label in tonics)
    assert list(sets.values()) == [3, 3, 3]


def _numerals(example: Example) -> list[str]:
    return str(example.label).split("-")


def test_beats_are_at_the_tempo_whatever_divides_them() -> None:
    for split in SPLITS:
        tempi = defaultdict(list)
        for example in of_split("percussion_tempo", split):
            beats = [note.onset for note in example.notes if note.pitch == STRONG]
            bpm = 100 * 2 ** float(example.label[0])
            np.testing.assert_allclose(np.diff(beats), 60 / bpm)
            assert 60 <= bpm <= 180
            inside = [n.onset for n in example.notes if beats[0] < n.onset < beats[1]]
            parts = tuple(round((onset - beats[0]) * bpm / 60, 3) for onset in inside)
            tempi[parts].append(float(example.label[0]))
        assert len(tempi) == 6
        assert len({len(found) for found in tempi.values()}) == 1
        for found in tempi.values():
            assert np.mean(found) == pytest.approx(math.log2(math.sqrt(60 * 180) / 100), abs=0.06)


def test_every_bar_has_its_accent() -> None:
    for split in SPLITS:
        rates = {}
        for label, examples in by_label(of_split("metre", split)).items():
            distances = []
            for example in examples:
                accents = [i for i, note in enumerate(example.notes) if note.pitch == STRONG]
                assert set(np.diff(accents)) == {int(str(label))}
                assert accents[0] < int(str(label))
                distances.append(example.notes[1].onset - example.notes[0].onset)
                loud = {note.velocity for note in example.notes if note.pitch == STRONG}
                soft = {note.velocity for note in example.notes if note.pitch != STRONG}
                assert 3 <= 20 * math.log10(loud.pop() / soft.pop()) <= 9
                assert not loud
                assert not soft
            assert min(distances) >= 60 / 320
            assert max(distances) <= 60 / 180
            rates[label] = np.mean(np.log(distances))
        assert max(rates.values()) - min(rates.values()) < 0.02


@each
def test_notes_begin_and_sound_within_the_clip(name: str) -> None:
    for example in CONCEPTS[name].examples:
        onsets = [note.onset for note in example.notes]
        assert min(onsets) >= 0
        assert max(onsets) < LAST_ONSET
        if name in PITCHED:
            assert max(note.onset + note.duration for note in example.notes) < DURATION


@each
def test_audio_is_in_range_and_not_silent(name: str) -> None:
    for example in CONCEPTS[name].examples[::53]:
        audio = render(example)
        assert audio.shape == (N_SAMPLES,) == (88_200,)
        assert np.isfinite(audio).all()
        assert np.abs(audio).max() == pytest.approx(example.level)
        halves = np.sqrt(np.mean(audio.reshape(2, -1) ** 2, axis=1))
        assert halves.min() > 0.003 * example.level


@pytest.mark.parametrize("voice", voices()[::4], ids=lambda voice: voice.name)
@pytest.mark.parametrize("pitch", [36, 57, 95])
def test_a_tone_has_its_pitch(voice: Voice, pitch: int) -> None:
    sound = tone(voice, pitch, 1.0)
    assert len(sound) == round(1.06 * SAMPLE_RATE)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 2**18))
    frequencies = np.fft.rfftfreq(2**18, 1 / SAMPLE_RATE)
    f0 = 440 * 2 ** ((pitch - 69) / 12 + voice.tuning / 1200)

    def comb(f: float) -> float:
        """Magnitude at the first partials of a frequency."""
        numbers = np.arange(1, min(8, int(9000 / f)) + 1)
        near = [np.abs(frequencies - n * f) < 0.012 * n * f for n in numbers]
        return float(sum(spectrum[band].max() for band in near))

    assert comb(f0) > 2 * max(comb(f0 * 2 ** (1 / 24)), comb(f0 * 2 ** (-1 / 24)))


@pytest.mark.parametrize("kind", KINDS)
def test_hits_have_one_energy_and_end(kind: str) -> None:
    for factor in (0.66, 1.0, 1.5):
        sound = hit(Drum(kind, factor, factor))
        assert np.isfinite(sound).all()
        assert np.sum(sound**2) == pytest.approx(0.02 * SAMPLE_RATE)
        assert abs(sound[-1]) < 1e-2 * np.abs(sound).max()


def test_a_kit_has_two_sounds() -> None:
    for kit in kits()[::7]:
        assert isinstance(kit, Kit)
        strong, weak = hit(kit.strong), hit(kit.weak)
        assert abs(np.corrcoef(strong, weak)[0, 1]) < 0.7


def test_prepare_writes_flac_and_annotations(tmp_path: Path) -> None:
    metre = CONCEPTS["metre"]
    few = Concept("metre", metre.sounds, metre.compose)
    few.__dict__["examples"] = metre.examples[:3]
    theory_task.prepare(few, tmp_path / "new")
    names = sorted(path.name for path in (tmp_path / "new" / "audio").iterdir())
    assert names == [f"{example.id}.flac" for example in few.examples]
    audio, rate = soundfile.read(tmp_path / "new" / "audio" / names[1])
    assert rate == SAMPLE_RATE
    np.testing.assert_allclose(audio, render(few.examples[1]), atol=2**-15)
    rows = json.loads((tmp_path / "new" / "annotations.json").read_text("utf-8"))["clips"]
    assert [row["label"] for row in rows] == [example.label for example in few.examples]
    assert [len(row["notes"]) for row in rows] == [len(e.notes) for e in few.examples]


def test_import_and_labels_are_cheap() -> None:
    code = (
        "import sys; from pathlib import Path\n"
        f"from mirbench.tasks import {', '.join('rendered_' + name for name in CONCEPTS)}\n"
        "assert len(list(rendered_metre.TASK.read_clips(Path('x')))) == 480\n"
        "heavy = {'librosa', 'torch', 'soundfile', 'mir_eval', 'scipy', 'sklearn', 'pandas'}\n"
        "found = heavy & set(sys.modules)\n"
        "assert not found, found"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
