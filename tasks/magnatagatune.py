"""MagnaTagATune: which of the 50 most frequent tags apply to a clip; ROC-AUC and AP.

25,860 clips of 29.1 s (16 kHz, mono), tagged by players of the game TagATune
(Law et al., 2009). Of the 25,863 annotated clips three have empty audio files
as published and are left out; clips without any of the 50 tags stay in, as in
Castellon et al. (2021), so figures on the "clean" split are not comparable.

Clip ids are the dataset's ``clip_id``, such as ``2``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mirbench.benchmark.api import Clip, DataError, Download, Task
from mirbench.tasks._artists import components
from mirbench.tasks._magnatune import is_compilation, performers
from mirbench.tasks._tables import find_file, parse_id, read_table

# The order is that of the paper's outputs: tags by falling frequency.
TAGS = (
    *("guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast"),
    *("piano", "ambient", "beat", "violin", "vocal", "synth", "female", "indian", "opera", "male"),
    *("singing", "vocals", "no vocals", "harpsichord", "loud", "quiet", "flute", "woman"),
    *("male vocal", "no vocal", "pop", "soft", "sitar", "solo", "man", "classic", "choir"),
    *("voice", "new age", "dance", "male voice", "female vocal", "beats", "harp", "cello"),
    *("no voice", "weird", "country", "metal", "female voice", "choral"),
)

#: Clips whose audio files are empty as published.
EMPTY_CLIPS = frozenset({"35644", "55753", "57881"})

_MP3_PATH = re.compile(r"[0-9a-f]/[^/]+\.mp3")

_HOSTS = ("https://mirg.city.ac.uk", "http://mi.soi.city.ac.uk")

_SHA256 = {
    "annotations_final.csv": "99b94e95825d4fa576386a5367b9c96e0ec636e9f9c240aceb492f4728f68c3c",
    "clip_info_final.csv": "cb6108a10d3a91f0bfd7d2fbec2382559d15f20c8d28093f14e12162a47a3e78",
    "mp3.zip.001": "f857fe185968773058cc71662c2ef5d8f2d4b7338e3c122cfd52f82dcb9760b9",
    "mp3.zip.002": "fc2e1ec441755556ed1398b1808f1b08b6034372f8bc27394510c0c58cdb52ce",
    "mp3.zip.003": "83a689824c17e82f6eb81cdbc4e4ca239a4cfc1fb41f1a5c80b861caec90450f",
}

HOW_TO_GET = (
    "Download annotations_final.csv, clip_info_final.csv and mp3.zip.001 to .003 (2.8 GB) from "
    "https://mirg.city.ac.uk/datasets/magnatagatune/ and unpack the audio beside the tables: "
    "cat mp3.zip.00? > mp3.zip && unzip mp3.zip, which makes the folders 0 to f."
)


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield the 25,860 clips in the order of ``annotations_final.csv``.

    Parameters
    ----------
    root : Path
        Folder with the two tables and the folders ``0`` to ``f`` of audio
        (or ``mp3/0`` to ``mp3/f``), or with one folder that holds these.

    Yields
    ------
    Clip
        Labelled with its tags in frozen order; its group is the connected
        component of its performers.

    Raises
    ------
    DataError
        If a table is absent or malformed.
    """
    annotations = find_file(root, ["annotations_final.csv"], HOW_TO_GET)
    artists = read_artists(root)
    joined = components(names for _, names in artists.values())
    groups = {id_: group or f"clip {id_}" for id_, group in zip(artists, joined, strict=True)}
    audio = _audio_folder(root, annotations.parent)
    seen: set[str] = set()
    for line, (clip, mp3_path, *cells) in read_table(annotations, ["clip_id", "mp3_path", *TAGS]):
        clip_id = parse_id(clip, annotations, line)
        if clip_id in seen or clip_id not in groups:
            wrong = "stands there twice" if clip_id in seen else "is not in clip_info_final.csv"
            raise DataError(f"{annotations}: line {line}: clip {clip_id} {wrong}")
        seen.add(clip_id)
        if clip_id in EMPTY_CLIPS:
            continue
        if not _MP3_PATH.fullmatch(mp3_path):
            raise DataError(
                f"{annotations}: line {line}: expected an mp3_path such as f/name.mp3, "
                f"found {mp3_path[:80]!r}"
            )
        tags = tuple(tag for tag, cell in zip(TAGS, cells, strict=True) if cell == "1")
        if len(tags) + cells.count("0") != len(TAGS):
            wrong = next(cell[:50] for cell in cells if cell not in ("0", "1"))
            raise DataError(f"{annotations}: line {line}: expected tags of 0 or 1, found {wrong!r}")
        yield Clip(clip_id, audio / mp3_path, label=tags, group=groups[clip_id])


def read_artists(root: Path) -> dict[str, tuple[str, list[str]]]:
    """Map the ids of all 31,382 clips to the artist as written and the names of the performers.

    Raises
    ------
    DataError
        If ``clip_info_final.csv`` is absent or malformed.
    """
    path = find_file(root, ["clip_info_final.csv"], HOW_TO_GET)
    artists: dict[str, tuple[str, list[str]]] = {}
    known: dict[tuple[str, str, str], list[str]] = {}
    for line, (clip, *cells) in read_table(path, ["clip_id", "artist", "album", "title"]):
        artist, album, title = cells
        # Only on compilations does it matter which track a clip is from.
        key = (artist, album, title) if is_compilation(artist) else (artist, "", "")
        if key not in known:
            known[key] = performers(*key)
        artists[parse_id(clip, path, line)] = artist, known[key]
    return artists


def feature_stem(row_id: str) -> str:
    """File stem of a clip in the published feature archives: its id, padded to five digits."""
    return row_id.zfill(5)


def _audio_folder(root: Path, base: Path) -> Path:
    for folder in (base, base / "mp3", root, root / "mp3"):
        if (folder / "0").is_dir() or (folder / "f").is_dir():
            return folder
    return base


TASK = Task(
    name="magnatagatune",
    title="MagnaTagATune tagging, 50 tags",
    version=1,
    kind="multilabel",
    labels=TAGS,
    metrics=("roc_auc", "average_precision"),
    read_clips=read_clips,
    folder="magnatagatune",
    group="artist",
    licence="CC BY-NC-SA 3.0",
    citation=(
        "E. Law, K. West, M. Mandel, M. Bay and J. S. Downie, Evaluation of algorithms using "
        "games: the case of music tagging, ISMIR 2009"
    ),
    how_to_get=HOW_TO_GET,
    downloads=tuple(
        Download(
            filename=name,
            mirrors=tuple(f"{host}/datasets/magnatagatune/{name}" for host in _HOSTS),
            sha256=sha256,
            unpack="zip" if name.startswith("mp3.zip") else None,
        )
        for name, sha256 in _SHA256.items()
    ),
    splits=("paper", "artist"),
    transposable=True,
    board="paper",
    stem=feature_stem,
)
