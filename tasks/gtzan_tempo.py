"""GTZAN tempo: the tempo of GTZAN's clips; Acc2 and Acc1.

Audio, clip ids, groups and splits are those of `mirbench.tasks.gtzan`. The
tempi are those of Marchand, Fresnel and Peeters (2015), later corrected, as
published at https://github.com/TempoBeatDownbeat/gtzan_tempo_beat: one file
``tempo/gtzan_<genre>_<number>.bpm`` for each clip but reggae.00086, which is
in no split. They have no stated licence, so mirbench does not ship them.

Another annotator of the same clips (Schreiber, 2018) agrees on 65.5 % of the
test split within 4 %, and on 96.2 % when tempi that are two or three times
larger or smaller count as the same. So the first metric is Acc2, and the
probes' outputs are those of `mirbench.benchmark.api.tempo_label`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mirbench.benchmark.api import TEMPO_LABELS, Clip, DataError, Download, Task, tempo_label
from mirbench.tasks import gtzan
from mirbench.tasks._tables import subfolders
from mirbench.tasks._tempo import read_bpm

REPOSITORY = "https://github.com/TempoBeatDownbeat/gtzan_tempo_beat"

HOW_TO_GET = (
    f"The tempi are at {REPOSITORY}: put its folder tempo, with gtzan_blues_00000.bpm and so on, "
    f"into the folder gtzan. The audio: {gtzan.TASK.how_to_get}"
)

_FILE = re.compile(r"gtzan_([a-z]+)_(\d{5})\.bpm")


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield the clips of GTZAN that have a tempo, in the order of genres and numbers.

    Parameters
    ----------
    root : Path
        Folder of GTZAN, as for `mirbench.tasks.gtzan.read_clips`, with the
        folder ``tempo`` in it or one folder deeper.

    Yields
    ------
    Clip
        Labelled with `tempo_label`; its path and group are those of GTZAN.

    Raises
    ------
    DataError
        If there are no tempi, or a file does not hold one.
    """
    tempi = read_tempi(root)
    for clip in gtzan.read_clips(root):
        if clip.id in tempi:
            yield replace(clip, label=tempo_label(tempi[clip.id]))


def read_tempi(root: Path) -> dict[str, float]:
    """Map clips to beats per minute.

    Raises
    ------
    DataError
        As `read_clips`.
    """
    for base in [root, *subfolders(root)]:
        folder = base / "tempo"
        if not folder.is_dir():
            continue
        tempi = {}
        for path in sorted(folder.iterdir()):
            if match := _FILE.fullmatch(path.name):
                bpm = read_bpm(path)
                if bpm == 0:
                    raise DataError(f"{path}: line 1: a tempo of 0; every clip of GTZAN has one")
                tempi[f"{match[1]}.{match[2]}"] = bpm
        if tempi:
            return tempi
    raise DataError(
        f"no gtzan_<genre>_<number>.bpm in a folder tempo below {root}, also one folder deeper. "
        f"{HOW_TO_GET}"
    )


TASK = Task(
    name="gtzan_tempo",
    title="GTZAN tempo",
    version=1,
    audio_version=gtzan.TASK.audio_version,
    kind="regression",
    labels=TEMPO_LABELS,
    metrics=("acc2", "acc1"),
    z_score=False,
    read_clips=read_clips,
    folder=gtzan.TASK.folder,
    group="artist",
    faulty=gtzan.FAULTY,
    licence="not stated",
    citation=(
        "U. Marchand, Q. Fresnel and G. Peeters, GTZAN-Rhythm: extending the GTZAN test-set with "
        "beat, downbeat and swing annotations, late-breaking demo, ISMIR 2015; audio and split: "
        f"{gtzan.TASK.citation}"
    ),
    how_to_get=HOW_TO_GET,
    downloads=(
        *gtzan.TASK.downloads,
        Download(
            filename="gtzan_tempo_beat-main.zip",
            mirrors=(f"{REPOSITORY}/archive/refs/heads/main.zip",),
            md5="4baa58112697a8087de04558d6e97442",
            unpack="zip",
        ),
    ),
    splits=gtzan.TASK.splits,
    transposable=True,
    stem=gtzan.TASK.stem,
)
