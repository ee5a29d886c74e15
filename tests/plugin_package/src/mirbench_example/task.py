"""Waveforms: tell sines, squares and sawtooths of many pitches apart.

    python -m mirbench_example.task example data/waveforms
    mirbench run --rep timbre --task waveforms --data data --protocol quick
    mirbench run --rep timbre --task waveforms --split higher --data data --protocol quick

The splits that come with the package were written by

    python -m mirbench_example.task splits data/waveforms
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from mirbench.benchmark.api import Clip, Task

NAME = "waveforms"

LABELS = ("sine", "square", "sawtooth")

#: Pitches of an octave from `LOWEST` Hz on: each is a group.
PITCHES, LOWEST = 60, 220.0

#: Shares of the groups that are for training and validation; the rest is for the test.
TRAIN, VALID = 0.6, 0.2


def _shuffled(group: str) -> str:
    return hashlib.sha256(group.encode()).hexdigest()


def _by_pitch(group: str) -> str:
    return group


#: The order in which groups go to training, validation and test, by split. In ``higher``, the
#: test has higher tones than were trained on.
SPLITS: dict[str, Callable[[str], str]] = {"paper": _shuffled, "higher": _by_pitch}


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield every clip below the dataset's folder, which is laid out ``<label>/<group>.wav``.

    A group is a pitch: a probe must not know it from another part of the split.
    """
    for label in LABELS:
        for path in sorted((root / label).glob("*.wav")):
            yield Clip(f"{label}_{path.stem}", path, label, group=path.stem)


TASK = Task(
    name=NAME,
    title="Waveforms",
    version=1,
    kind="multiclass",
    labels=LABELS,
    metrics=("accuracy",),
    read_clips=read_clips,
    folder=NAME,
    splits=tuple(SPLITS),
    window=None,
    licence="CC0",
    citation="none",
    how_to_get="Make it with: python -m mirbench_example.task example data/waveforms",
)


def write_split(root: Path, path: Path) -> None:
    """Divide the groups of the clips that are there, and write a split that stays.

    Parameters
    ----------
    root : Path
        Folder of the dataset.
    path : Path
        ``<anything>.<split>.csv``. Scores of two splits cannot be compared, so one that is there
        is not written again.
    """
    clips = sorted(read_clips(root), key=lambda clip: clip.id)
    groups = {clip.group for clip in clips}
    ordered = sorted(groups, key=SPLITS[path.suffixes[-2][1:]])
    train, valid = int(TRAIN * len(groups)), int((TRAIN + VALID) * len(groups))
    if not 0 < train < valid < len(groups):
        sys.exit(f"{root} has {len(groups)} groups of clips; a split needs more, see read_clips")
    part = dict.fromkeys(ordered, "test")
    part |= dict.fromkeys(ordered[:valid], "valid")
    part |= dict.fromkeys(ordered[:train], "train")
    lines = ["clip_id,split", *(f"{clip.id},{part[clip.group]}" for clip in clips)]
    path.parent.mkdir(exist_ok=True)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(lines) + "\n")
    except FileExistsError:
        sys.exit(f"{path} is there; if no row was measured with it, delete it first")


def make_example(root: Path) -> None:
    """Make the dataset: half a second of each waveform at each pitch, as loud as each other."""
    import numpy as np
    import soundfile

    times = np.arange(11_025) / 22_050
    for number in range(PITCHES):
        phase = LOWEST * 2 ** (number / PITCHES) * times % 1
        waves = {
            "sine": np.sqrt(2) * np.sin(2 * np.pi * phase),
            "square": np.where(phase < 0.5, 1.0, -1.0),
            "sawtooth": np.sqrt(3) * (2 * phase - 1),
        }
        for label in LABELS:
            path = root / label / f"{number:02d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, (0.1 * waves[label]).astype(np.float32), 22_050)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("example", "splits"):
        sys.exit("say what to do: python -m mirbench_example.task example|splits FOLDER")
    if sys.argv[1] == "example":
        make_example(Path(sys.argv[2]))
    else:
        folder = Path(__file__).parent / "splits"
        for split in SPLITS:
            write_split(Path(sys.argv[2]), folder / f"{NAME}.{split}.csv")
