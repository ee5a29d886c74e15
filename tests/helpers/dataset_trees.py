"""Datasets on disk as their publishers lay them out, with audio for a few clips.

The annotation tables are the real ones; the audio is noise and tones, short
(GiantSteps: just over one window), and the same few files over and over.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
from helpers.fma_tables import write_fma
from helpers.nsynth_tables import write_nsynth
from helpers.openmic_tables import real_tables, write_openmic
from helpers.vocalset_tree import touch_vocalset

from mirbench.benchmark.api import SPLITS, Clip, Split, Task
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.registry import load_split, load_task

#: Seconds and rate of the audio of each task.
AUDIO = {
    "magnatagatune": (0.5, 16_000),
    "gtzan": (30.0, 8_000),
    "giantsteps": (30.5, 8_000),
    "emomusic": (0.5, 16_000),
    "gtzan_tempo": (30.0, 8_000),
    "giantsteps_tempo": (30.5, 8_000),
    "medley_solos": (2.98, 8_000),
    "tinysol_pitch": (0.5, 16_000),
    "jamendo_mood": (240.0, 8_000),
    "openmic": (10.0, 8_000),
    "nsynth_pitch": (4.0, 16_000),
    "vocalset_technique": (0.5, 16_000),
    "fma_keys": (30.5, 8_000),
}

#: Clips of each split, beside those that are there for the sake of a label.
SIZES: dict[Split, int] = {"train": 16, "valid": 8, "test": 8}


@dataclass
class Tree:
    """One dataset below a folder of datasets.

    Attributes
    ----------
    sound : dict
        Split to the ids of clips with sound audio.
    broken : dict
        What is wrong (``corrupt``, ``absent``, ``empty``, ``short``) to the id of the clip.
    """

    task: Task
    sound: dict[Split, list[str]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def make_tree(name: str, annotations: Path, data: Path) -> Tree:
    """Lay a dataset out below `data`, and break some of its files."""
    task = load_task(name)
    root = data / task.folder
    _copy_annotations(name, annotations, root)
    split = load_split(task, "paper", root)
    clips = {clip.id: clip for clip in read_clips(task, root, split)}
    suffix = next(clip.path.suffix for clip in clips.values() if clip.path is not None)
    sources = _make_sources(name, suffix, data / "sources")
    tree = Tree(task)
    for part in SPLITS:
        members = [clips[clip_id] for clip_id in split.ids(part)]
        members = [c for c in members if c.start + (c.duration or 0.0) < AUDIO[name][0]]
        chosen = _choose(task, members, SIZES[part])
        tree.sound[part] = [clip.id for clip in chosen]
        for number, clip in enumerate(chosen):
            _link(sources[number % len(sources)], clip)
    spare = [clips[i] for i in split.ids("train") if i not in set(tree.sound["train"])]
    _break(tree, spare, sources)
    return tree


def _copy_annotations(name: str, annotations: Path, root: Path) -> None:
    if name == "giantsteps":
        root.mkdir(parents=True)
        for folder in ("giantsteps-key-dataset", "giantsteps-mtg-key-dataset"):
            shutil.copytree(annotations / folder, root / folder)
    elif name == "emomusic":
        shutil.copytree(annotations / name, root / "annotations")
    elif name == "gtzan":
        root.mkdir(parents=True)
    elif name == "gtzan_tempo":
        shutil.copytree(annotations / name / "tempo", root / "gtzan_tempo_beat-main" / "tempo")
    elif name == "medley_solos":
        shutil.copytree(annotations / "medley_solos_db", root / "annotation")
    elif name == "jamendo_mood":
        source = annotations / "mtg_jamendo"
        shutil.copytree(source / "split-0", root / "data" / "splits" / "split-0")
        (root / "data" / "download").mkdir()
        for path in source.glob("*_sha256_tracks.txt"):
            shutil.copy(path, root / "data" / "download")
    elif name == "openmic":
        write_openmic(root, *real_tables(annotations / "openmic2018"))
    elif name == "tinysol_pitch":
        shutil.copytree(annotations / "tinysol", root)
    elif name.startswith("nsynth"):
        write_nsynth(root)
    elif name == "fma_keys":
        write_fma(root)
    elif name == "vocalset_technique":
        touch_vocalset(root / "FULL")
    elif name == "giantsteps_tempo":
        _copy_giantsteps_tempo(annotations, root)
    else:
        shutil.copytree(annotations / name, root)


def _copy_giantsteps_tempo(annotations: Path, root: Path) -> None:
    shutil.copytree(annotations / "giantsteps-mtg-key-dataset", root / "giantsteps-mtg-key-dataset")
    shutil.copytree(annotations / "giantsteps_tempo", root / "giantsteps-tempo-dataset-master")
    for table in (root / "giantsteps-tempo-dataset-master").glob("*.tsv"):
        table.rename(root / table.name)


def _make_sources(name: str, suffix: str, folder: Path) -> list[Path]:
    """Write a few audio files of the kind that the dataset has."""
    folder.mkdir(exist_ok=True)
    seconds, rate = AUDIO[name]
    rng = np.random.default_rng(0)
    times = np.arange(int(seconds * rate)) / rate
    paths = []
    for number in range(4):
        wave = 0.3 * np.sin(2 * np.pi * 220 * 2 ** (number / 3) * times)
        wave += rng.normal(0, 0.02 * (number + 1), len(times))
        paths.append(folder / f"{name}{number}{suffix}")
        soundfile.write(paths[-1], wave, rate)
    return paths


def _link(source: Path, clip: Clip) -> None:
    assert clip.path is not None
    clip.path.parent.mkdir(parents=True, exist_ok=True)
    clip.path.unlink(missing_ok=True)
    os.link(source, clip.path)


def _choose(task: Task, members: Sequence[Clip], count: int) -> list[Clip]:
    """Pick clips so that every label has one, as far as there is any.

    Of partial labels, one that has it and one that is known to lack it.
    """
    if task.kind == "regression":
        return list(members[:count])
    wanted = [*task.labels, *(f"no {label}" for label in task.labels if task.partial)]
    labels = {clip.id: _labels(task, clip) for clip in members}
    counts = Counter(label for some in labels.values() for label in some)
    chosen: dict[str, Clip] = {}
    covered: set[str] = set()
    for label in sorted(wanted, key=lambda label: counts[label]):
        if label in covered:
            continue
        able = [clip for clip in members if label in labels[clip.id]]
        if able:
            best = max(able, key=lambda clip: len(labels[clip.id] - covered))
            chosen[best.id] = best
            covered |= labels[best.id]
    rest = (clip for clip in members if clip.id not in chosen)
    return [*chosen.values(), *(clip for clip, _ in zip(rest, range(count), strict=False))]


def _labels(task: Task, clip: Clip) -> set[str]:
    present = {clip.label} if isinstance(clip.label, str) else set(map(str, clip.label))
    if not task.partial:
        return present
    absent = set(task.labels) - present - set(clip.unobserved)
    return present | {f"no {label}" for label in absent}


def _break(tree: Tree, spare: Sequence[Clip], sources: Sequence[Path]) -> None:
    """Break one clip in each way; clips of `spare` have no audio otherwise."""
    corrupt, absent, empty, short = spare[:4]
    if tree.task.folder == "gtzan":
        corrupt = next(clip for clip in spare if clip.id == "jazz.00054")
    for clip in (corrupt, empty, short):
        assert clip.path is not None
        clip.path.parent.mkdir(parents=True, exist_ok=True)
    assert corrupt.path is not None
    assert empty.path is not None
    corrupt.path.write_bytes(b"\x01\x02\x03 not audio " * 400)
    empty.path.touch()
    tree.broken = {"corrupt": corrupt.id, "empty": empty.id}
    if absent.path is None or not absent.path.exists():
        tree.broken["absent"] = absent.id
    if tree.task.window is not None or short.min_duration:
        assert short.path is not None
        wave, rate = soundfile.read(sources[0], frames=2 * 8_000)
        soundfile.write(short.path, wave, rate)
        tree.broken["short"] = short.id
