"""VocalSet technique: which of ten techniques somebody sings with; accuracy.

Twenty professional singers (Wilkins et al., 2018) sing scales, arpeggios, long
tones and excerpts of songs in many ways; ten of these are the techniques of
the publishers' classifier. There is no table: the files are the clips, and
their folders say singer, context and technique
(``FULL/male8/scales/straight/m8_scales_straight_a.wav``). 28 files lack the
singer in their names, which does not matter here. Five files are left out: a
copy, and four that came without a singer.

Clip ids are paths below ``FULL`` without ending. Groups are singers. Test are
the publishers' test singers, in both splits; valid are three of the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mirbench.benchmark.api import Clip, DataError, Split, Task
from mirbench.tasks._tables import subfolders
from mirbench.tasks._zenodo import zenodo_file

TECHNIQUES = (
    "belt",
    "breathy",
    "inhaled",
    "lip_trill",
    "spoken",
    "straight",
    "trill",
    "trillo",
    "vibrato",
    "vocal_fry",
)

#: ``test_singers_technique.txt`` of the archive.
TEST_SINGERS = frozenset({"f2", "f8", "m3", "m5", "m10"})

VALID_SINGERS = frozenset({"f9", "m9", "m11"})

N_SINGERS = 20

#: Files that are no clips, by technique and name.
LEFT_OUT = frozenset(
    {
        "vibrato/f2_scales_vibrato_a(1).wav",
        "vibrato/caro_vibrato.wav",
        "vibrato/dona_vibrato.wav",
        "vibrato/row_vibrato.wav",
        "vibrato/slow_vibrato_arps.wav",
    }
)

_SINGER = re.compile(r"(?:(f)(?:emale)?|(m)(?:ale)?)(\d{1,2})")

_ARCHIVE = "VocalSet11.zip"
_RECORD = 1442513

HOW_TO_GET = (
    f"Download {_ARCHIVE} (2.1 GB) from https://zenodo.org/records/{_RECORD} and unpack it into "
    "the folder vocalset, which then holds FULL/male8/scales/straight/m8_scales_straight_a.wav and "
    "so on."
)


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield the files of the ten techniques, by singer, context, technique and name.

    Parameters
    ----------
    root : Path
        Folder that holds ``FULL``, itself or one folder deeper.

    Yields
    ------
    Clip
        Labelled with its technique; its group is its singer, such as ``m8``.

    Raises
    ------
    DataError
        If there is no folder ``FULL``, or a singer has none in it.
    """
    base = next((b / "FULL" for b in [root, *subfolders(root)] if (b / "FULL").is_dir()), None)
    if base is None:
        raise DataError(f"the folder FULL was not found below {root}. {HOW_TO_GET}")
    singers = {
        f"{match[1] or match[2]}{int(match[3])}": folder
        for folder in subfolders(base)
        if (match := _SINGER.fullmatch(folder.name))
    }
    if len(singers) < N_SINGERS:
        raise DataError(f"{base}: {len(singers)} of {N_SINGERS} singers are here. {HOW_TO_GET}")
    for singer, folder in singers.items():
        for context in subfolders(folder):
            for technique in subfolders(context):
                if technique.name in TECHNIQUES:
                    yield from _clips_in(technique, base, singer)


def compute_split(root: Path, _name: str) -> dict[str, Split]:
    """Split by singer, the same for ``paper`` and ``artist``; raises as `read_clips`."""
    return {clip.id: _side(clip.group) for clip in read_clips(root)}


def _clips_in(folder: Path, base: Path, singer: str) -> Iterator[Clip]:
    for path in sorted(folder.iterdir()):
        known = path.suffix == ".wav" and not path.name.startswith(".")
        if known and f"{folder.name}/{path.name}" not in LEFT_OUT:
            clip_id = path.relative_to(base).with_suffix("").as_posix()
            yield Clip(clip_id, path, label=folder.name, group=singer)


def _side(singer: str) -> Split:
    if singer in TEST_SINGERS:
        return "test"
    return "valid" if singer in VALID_SINGERS else "train"


TASK = Task(
    name="vocalset_technique",
    title="VocalSet techniques of singing",
    version=1,
    kind="multiclass",
    labels=TECHNIQUES,
    metrics=("accuracy", "mean_recall"),
    read_clips=read_clips,
    folder="vocalset",
    group="singer",
    licence="CC BY 4.0",
    citation=(
        "J. Wilkins, P. Seetharaman, A. Wahl and B. Pardo, VocalSet: a singing voice dataset, "
        "ISMIR 2018"
    ),
    how_to_get=HOW_TO_GET,
    downloads=(
        zenodo_file(
            _RECORD, _ARCHIVE, "0c09396242f946e7111ad7d8fc649b81", "zip", size=2_077_243_579
        ),
    ),
    splits=("paper", "artist"),
    transposable=True,
    compute_split=compute_split,
)
