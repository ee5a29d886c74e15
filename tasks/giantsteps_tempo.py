"""GiantSteps tempo: the tempo of electronic dance tracks; Acc2 and Acc1.

Test is the GiantSteps tempo set (Knees et al., 2015): 661 of its 664 two-minute
previews, with the tempi that Schreiber and Müller gathered by an experiment
with many listeners (2018), which the field scores (``annotations_v2``). They
found none in 1327052, 3041381 and 3041383.

The publishers have no training set. Here it is the audio of the key task's
MTG set (`mirbench.tasks.giantsteps`), whose tempi Schreiber published with
"Musical tempo and key estimation using convolutional neural networks with
directional filters" (2019): 1,156 tracks. A track is cut into 30 s windows, so
that embeddings of the key task serve both.

Clip ids are the shop's track numbers. No artist of the test set is published.
Those of 20 MTG tracks are known to play in the key task's test set, with which
the tempo test set shares 43 tracks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mirbench.benchmark.api import TEMPO_LABELS, Clip, DataError, Download, Task, tempo_label
from mirbench.tasks import giantsteps
from mirbench.tasks._artists import components, names_of
from mirbench.tasks._tables import find_file, parse_id, read_lines
from mirbench.tasks._tempo import parse_bpm, read_bpm
from mirbench.tasks._track_files import (
    annotation_files,
    audio_files,
    download_of,
    find_repository,
    published_audio,
)

TEST_FOLDER = "giantsteps-tempo-dataset"

#: Tempi of the MTG set; how their author divided it does not matter here.
MTG_TABLES = ("giantsteps-mtg-tempo_train.tsv", "giantsteps-mtg-tempo_valid.tsv")

_TABLES_FROM = (
    "https://raw.githubusercontent.com/hendriks73/directional_cnns/"
    "6a5155cd8cebf3462ed445d5e3c0495ce59cdad1/annotations/"
)

#: Bytes of such a table.
_LARGEST = 1_000_000

HOW_TO_GET = (
    f"Put https://github.com/GiantSteps/{TEST_FOLDER} and https://github.com/GiantSteps/"
    f"{giantsteps.MTG_FOLDER} side by side into one folder, {' and '.join(MTG_TABLES)} from "
    "https://github.com/hendriks73/directional_cnns (folder annotations) beside them, and the "
    "audio into the folder audio of each dataset; it is at "
    f"{' and '.join(giantsteps.BACKUPS.values())} as <track>.LOFI.mp3."
)


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield the MTG tracks that have a tempo, in the order of their table, then the test tracks.

    Parameters
    ----------
    root : Path
        Folder that holds ``giantsteps-mtg-key-dataset``,
        ``giantsteps-tempo-dataset`` and the two tables, itself or one folder
        deeper.

    Yields
    ------
    Clip
        Labelled with `tempo_label`; the group of an MTG track is the connected
        component of its artists over the MTG set, that of a test track the
        track itself.

    Raises
    ------
    DataError
        If an annotation file is absent or malformed, or a track has two.
    """
    tempi = read_mtg_tempi(root)
    tracks = giantsteps.read_mtg_tracks(root)
    groups = components(
        [name for artist in track.artists for name in names_of(artist)] for track in tracks
    )
    for track, group in zip(tracks, groups, strict=True):
        if track.key is not None and tempi.get(track.id):
            label = tempo_label(tempi[track.id])
            yield Clip(track.id, track.audio, label, group=group or f"track {track.id}")
    base = find_repository(root, TEST_FOLDER, HOW_TO_GET)
    audio = audio_files(base / "audio")
    for number, bpm in read_test_tempi(root).items():
        path = audio.get(number, published_audio(base, number))
        yield Clip(number, path, tempo_label(bpm), group=f"track {number}")


def read_test_tempi(root: Path) -> dict[str, float]:
    """Map the tracks of the test set that have a tempo to beats per minute, by number.

    Raises
    ------
    DataError
        If there is no tempo file, one does not hold a tempo, or a track has two.
    """
    base = find_repository(root, TEST_FOLDER, HOW_TO_GET)
    folder = base / "annotations_v2" / "tempo"
    tempi = {track: read_bpm(path) for track, path in annotation_files(folder, "bpm").items()}
    if not tempi:
        raise DataError(f"no <track>.LOFI.bpm in {folder}. {HOW_TO_GET}")
    return {track: tempi[track] for track in sorted(tempi, key=int) if tempi[track] > 0}


def read_mtg_tempi(root: Path) -> dict[str, float]:
    """Map the tracks of the MTG set to beats per minute; 0 where there is no tempo.

    The tables have no header: track, tempo, key and genre, separated by tabs.

    Raises
    ------
    DataError
        If a table is absent or malformed, or a track stands there twice.
    """
    tempi: dict[str, float] = {}
    for name in MTG_TABLES:
        path = find_file(root, [name, f"annotations/{name}"], HOW_TO_GET)
        for line, row in read_lines(path, _LARGEST):
            cells = [cell.strip() for cell in row.split("\t")]
            track = parse_id(cells[0], path, line)
            if track in tempi:
                raise DataError(f"{path}: line {line}: track {track} stands there twice")
            tempi[track] = parse_bpm(cells[1] if len(cells) > 1 else "", path, line)
    return tempi


def list_files(root: Path) -> Iterator[Download]:
    """Yield the audio file of every track that the task uses, with its published MD5.

    A track whose audio lies there under another name is left out.

    Raises
    ------
    DataError
        If the annotations are not there, or an MD5 file holds none.
    """
    backups = {
        find_repository(root, giantsteps.MTG_FOLDER, HOW_TO_GET): giantsteps.BACKUPS[
            giantsteps.MTG_FOLDER
        ],
        find_repository(root, TEST_FOLDER, HOW_TO_GET): giantsteps.BACKUPS[giantsteps.TEST_FOLDER],
    }
    for clip in read_clips(root):
        assert clip.path is not None
        base = clip.path.parents[1]
        if clip.path == published_audio(base, clip.id):
            yield download_of(clip.id, base, root, backups[base])


TASK = Task(
    name="giantsteps_tempo",
    title="GiantSteps tempo",
    version=1,
    audio_version=giantsteps.TASK.version,
    kind="regression",
    labels=TEMPO_LABELS,
    metrics=("acc2", "acc1"),
    z_score=False,
    read_clips=read_clips,
    folder=giantsteps.TASK.folder,
    group="artist",
    licence="test annotations CC BY-SA 4.0, MTG tempi CC BY 3.0; audio: previews of a record shop",
    citation=(
        "P. Knees, Á. Faraldo, P. Herrera, R. Vogl, S. Böck, F. Hörschläger and M. Le Goff, Two "
        "data sets for tempo estimation and key detection in electronic dance music annotated "
        "from user corrections, ISMIR 2015; tempi: H. Schreiber and M. Müller, A crowdsourced "
        "experiment for tempo estimation of electronic dance music, ISMIR 2018; training set: Á. "
        "Faraldo, GiantSteps MTG key dataset, 2016, with tempi by H. Schreiber and M. Müller, "
        "Musical tempo and key estimation using convolutional neural networks with directional "
        "filters, SMC 2019"
    ),
    how_to_get=HOW_TO_GET,
    downloads=(
        *(
            Download(
                filename=f"{name}-master.zip",
                mirrors=(f"https://github.com/GiantSteps/{name}/archive/refs/heads/master.zip",),
                unpack="zip",
            )
            for name in (giantsteps.MTG_FOLDER, TEST_FOLDER)
        ),
        Download(
            filename=MTG_TABLES[0],
            mirrors=(_TABLES_FROM + MTG_TABLES[0],),
            sha256="7f1d28c3f38b3463ab291cfa751c238694491b7d909885313720cd99d8b83c62",
            bytes=22_787,
        ),
        Download(
            filename=MTG_TABLES[1],
            mirrors=(_TABLES_FROM + MTG_TABLES[1],),
            sha256="859c22013c687eaf01c66e3b11637302e1e713e21216d4326f49a0fc698678b7",
            bytes=5_592,
        ),
    ),
    list_files=list_files,
    splits=("paper", "artist"),
    transposable=True,
    window=giantsteps.TASK.window,
    stem=giantsteps.TASK.stem,
)
