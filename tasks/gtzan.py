"""GTZAN genre recognition, fault-filtered: ten genres, accuracy.

1,000 clips of 30 s (22,050 Hz, mono), 100 for each genre (Tzanetakis and
Cook, 2002). The splits leave out 70 clips with faults (repeated, distorted or
mislabelled) and are aware of artists (Kereliuk et al., 2015).

Clip ids are ``<genre>.<number>``, such as ``blues.00029``. They carry the
labels, so `read_clips` yields all 1,000 clips whatever is on disk.

The dataset comes without artists. Those of 919 clips are known from the index
that B. L. Sturm published with "An Analysis of the GTZAN Music Genre Dataset"
(MIRUM 2012, later corrected). ``gtzan_artists.csv`` lists its acts: ``act`` as
the index writes it, in lower-case ASCII letters; ``group``, acts that share a
name when they are taken apart as in `mirbench.tasks._artists`; and the clips.
Classical clips name the composer.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from mirbench.benchmark.api import Clip, Download, Task
from mirbench.tasks._tables import read_table, subfolders

#: Not to be decoded in the copy of the dataset that most people have.
FAULTY = frozenset({"jazz.00054"})

GENRES = (
    "blues",
    "classical",
    "country",
    "disco",
    "hiphop",
    "jazz",
    "metal",
    "pop",
    "reggae",
    "rock",
)
CLIPS_PER_GENRE = 100

#: Seconds below which a file is not the published one: those have 29.9 s and more.
SHORTEST = 29.0

_ARTISTS = Path(__file__).with_name("gtzan_artists.csv")

_FILE = re.compile(r"([a-z-]+)\.(\d{5})\.(?:wav|au)", re.IGNORECASE)

#: How far below the root the folders of genres are looked for: ``Data/genres_original/blues``.
_DEPTH = 2


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield all 1,000 clips, in the order of genres and numbers.

    Copies of the dataset differ: the folders of genres may lie below `root`
    or up to two folders deeper, files may be ``.wav`` or ``.au``, and hip hop
    may be written ``hip-hop``.

    Parameters
    ----------
    root : Path
        Folder of the dataset; it need not exist.

    Yields
    ------
    Clip
        Its path is the file found, else where the publisher's archive would
        put it: ``<root>/genres/<genre>/<genre>.<number>.wav``. Its group is
        its artists, or, for the 81 clips whose artist nobody knows, the clip
        itself: to call them one artist would be wrong for certain.
    """
    audio, artists = _find_audio(root), _read_artists()
    for genre in GENRES:
        for number in range(CLIPS_PER_GENRE):
            clip_id = f"{genre}.{number:05d}"
            expected = root / "genres" / genre / f"{clip_id}.wav"
            yield Clip(
                clip_id,
                audio.get(clip_id, expected),
                label=genre,
                group=artists.get(clip_id, clip_id),
                min_duration=SHORTEST,
            )


def feature_stem(row_id: str) -> str:
    """File stem of a clip in the published feature archives: the SHA-256, in hex, of its id."""
    return hashlib.sha256(row_id.encode()).hexdigest()


@functools.cache
def _read_artists() -> dict[str, str]:
    """Map the clips whose artist is known to their group."""
    rows = read_table(_ARTISTS, ["group", "clips"])
    return {clip_id: group for _, (group, clips) in rows for clip_id in clips.split()}


def _find_audio(root: Path) -> dict[str, Path]:
    """Map clip ids to audio files; of two files for one clip, the ``.wav`` is taken."""
    files: dict[str, Path] = {}
    for folder in _genre_folders(root):
        genre = _plain(folder.name)
        for file in sorted(folder.iterdir(), reverse=True):
            match = _FILE.fullmatch(file.name)
            if match and _plain(match[1]) == genre:
                files.setdefault(f"{genre}.{match[2]}", file)
    return files


def _genre_folders(root: Path) -> Iterator[Path]:
    """Folders named after a genre, nearest to the root first, then by name."""
    level = [root]
    for _ in range(_DEPTH + 1):
        children = [child for folder in level for child in subfolders(folder)]
        yield from (child for child in children if _plain(child.name) in GENRES)
        level = [child for child in children if _plain(child.name) not in GENRES]


def _plain(name: str) -> str:
    return name.lower().replace("-", "")


TASK = Task(
    name="gtzan",
    title="GTZAN genre, fault-filtered",
    version=2,
    audio_version=1,
    kind="multiclass",
    labels=GENRES,
    metrics=("accuracy",),
    read_clips=read_clips,
    folder="gtzan",
    group="artist",
    licence="unknown",
    citation=(
        "G. Tzanetakis and P. Cook, Musical genre classification of audio signals, IEEE "
        "Transactions on Speech and Audio Processing 10(5), 2002; filtered split: C. Kereliuk, "
        "B. L. Sturm and J. Larsen, Deep learning and music adversaries, IEEE Transactions on "
        "Multimedia 17(11), 2015; artists: B. L. Sturm, An analysis of the GTZAN music genre "
        "dataset, MIRUM 2012"
    ),
    how_to_get=(
        "The original host is gone. Download genres.tar.gz (1.2 GB, sha256 24347e02…4ef2c6) from "
        "https://huggingface.co/datasets/marsyas/gtzan/tree/main/data and unpack it into the "
        "folder gtzan, which then holds genres/blues/blues.00000.wav and so on."
    ),
    downloads=(
        Download(
            filename="genres.tar.gz",
            mirrors=(
                "https://huggingface.co/datasets/marsyas/gtzan/resolve/main/data/genres.tar.gz",
            ),
            sha256="24347e0223d2ba798e0a558c4c172d9d4a19c00bb7963fe055d183dadb4ef2c6",
            unpack="tar.gz",
        ),
    ),
    splits=("paper", "artist"),
    transposable=True,
    faulty=FAULTY,
    board="paper",
    stem=feature_stem,
)
