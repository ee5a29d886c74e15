"""Annotation tables and small files of the datasets, and splits: as their publishers write them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

from helpers.toy_task import toy_task

from fuzz.readers import Read, Reader, add, one_file, or_refused
from mirbench.benchmark.api import KEYS
from mirbench.benchmark.datasets.splits import read_split
from mirbench.benchmark.datasets.targets import encode_targets
from mirbench.benchmark.registry import load_task
from mirbench.splits.gtzan import paper_split
from mirbench.tasks._rendered.files import _COMMENT, _annotations
from mirbench.tasks._rendered.folder import is_current
from mirbench.tasks.magnatagatune import TAGS
from mirbench.tasks.openmic import INSTRUMENTS

_TRACKS = ("1004923", "10089", "5061")

#: The files of each dataset, by path; small ones.
_FILES: dict[str, dict[str, str]] = {
    "magnatagatune": {
        "annotations_final.csv": "\n".join(
            [
                "\t".join(["clip_id", *TAGS, "mp3_path"]),
                *("\t".join([str(n), *"01" * 25, f"f/clip-{n}.mp3"]) for n in range(2, 8)),
            ]
        ),
        "clip_info_final.csv": "clip_id\ttrack_number\ttitle\tartist\talbum\n"
        + "".join(
            f'{n}\t{n}\t"Song (Ehren Starks)"\t"Various Artists"\t"Relaxation Spa"\n'
            for n in range(2, 8)
        ),
    },
    "emomusic": {
        "annotations/songs_info.csv": "song_id,file_name,Artist,Song title,Mediaeval 2013 set\n"
        + "".join(f"{n},{n}.mp3,The {n}-Band and Friends,x,development\n" for n in (2, 3, 10)),
        "annotations/static_annotations.csv": "song_id,mean_arousal,std,mean_valence,std\n"
        + "".join(f"{n},3.5,1.2,{n / 3 + 1},0.5\n" for n in (2, 3, 10)),
    },
    "giantsteps": {
        "giantsteps-mtg-key-dataset/annotations/annotations.txt": "ID\tMANUAL KEY\tC\tNOTES\n"
        + "".join(f"{n}\tC# minor\t2\tx\n" for n in (11, 12))
        + "13\tD major/A minor\t2\t\n",
        "giantsteps-mtg-key-dataset/annotations/beatport_metadata.txt": "ID\tARTIST\tSONG\n"
        + "".join(f"{n}\tDJ {n}, MC & Friends\tx\n" for n in (11, 12, 13)),
        "giantsteps-mtg-key-dataset/md5/11.LOFI.md5": "0123456789abcdef" * 2 + "\n",
        **{
            f"giantsteps-key-dataset/annotations/key/{track}.LOFI.key": f"{key}\n"
            for track, key in zip(_TRACKS, KEYS, strict=False)
        },
    },
    "openmic": {
        "openmic-2018-aggregated-labels.csv": "sample_key,instrument,relevance,num_responses\n"
        + "".join(f"00004{n}_3840,{name},0.{n}5,3\n" for n in (3, 6) for name in INSTRUMENTS[n:]),
        "openmic-2018-metadata.csv": "sample_key,start_time,artist_id\n"
        + "".join(f"00004{n}_3840,{n}.5,{n}\n" for n in (3, 6, 7)),
        "partitions/split01_train.csv": "000043_3840\n000046_3840\n",
        "partitions/split01_test.csv": "000047_3840\n",
    },
    "jamendo_mood": {
        **{
            f"splits/split-0/autotagging_moodtheme-{part}.tsv": (
                "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n"
                f"track_000000{n}\tartist_000001\talbum_000001\t0{n}/{n}.mp3\t99.5\t"
                "mood/theme---sad\tmood/theme---slow\n"
            )
            for n, part in enumerate(("train", "validation", "test"))
        },
        "download/autotagging_moodtheme_audio-low_sha256_tracks.txt": "".join(
            f"{n:064x} 0{n}/{n}.low.mp3\n" for n in range(3)
        ),
    },
}


def _sheet() -> bytes:
    """Make a spreadsheet with the artists of two tracks."""
    names = ["TRACK", "ARTIST", "TRACK", "Someone, Else"]
    strings = "".join(f"<si><t>{name}</t></si>" for name in names)
    rows = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>' + "".join(
        f'<row r="{n}"><c r="A{n}"><v>{track}</v></c><c r="B{n}" t="s"><v>3</v></c></row>'
        for n, track in enumerate(_TRACKS, start=2)
    )
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/sharedStrings.xml", f"<sst {space}>{strings}</sst>")
        archive.writestr("xl/worksheets/sheet1.xml", f"<worksheet {space}>{rows}</worksheet>")
    return buffer.getvalue()


def _of_task(task: str, place: str) -> Callable[[Path], Read]:
    """Make a reader of one file of a dataset whose others are whole."""

    def opened(folder: Path) -> Read:
        for name, text in _FILES[task].items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        spec = load_task(task)

        def read(content: bytes) -> object:
            (folder / place).write_bytes(content)
            clips = list(spec.read_clips(folder))
            encode_targets(spec, clips)
            if spec.list_files is not None:
                list(spec.list_files(folder))
            return clips

        return read

    return opened


def _seeds(text: str) -> Callable[[Path], list[bytes]]:
    excel = ("\ufeff" + text).replace("\n", "\r\n")
    return lambda folder: [text.encode(), excel.encode(), text.encode("utf-16")]


_WORDS = (b"\t", b'"', b"Various Artists", b"Magnatune Compilation", b" and ", b" - ", b" ( ")

for _task, _places in _FILES.items():
    for _place in _places:
        if ".key" not in _place or _TRACKS[0] in _place:
            _name = f"{Path(_place).name} of {_task}"
            add(Reader(_name, _seeds(_places[_place]), _of_task(_task, _place), _WORDS))
add(
    Reader(
        "sources.xlsx of giantsteps",
        lambda folder: [_sheet()],
        _of_task("giantsteps", "giantsteps-key-dataset/sources.xlsx"),
        (b"<row>", b"<!DOCTYPE x>", b"&x;", b"&#0;", b"<c>"),
    )
)


def _lists(folder: Path) -> Read:
    folder.mkdir()
    for split in ("train", "valid", "test"):
        (folder / f"{split}_filtered.txt").write_text(f"blues/blues.0000{len(split)}.wav\n")

    def read(content: bytes) -> object:
        (folder / "train_filtered.txt").write_bytes(content)
        return paper_split(folder)

    return read


add(Reader("lists of gtzan", _seeds("blues/blues.00029.wav\nrock/rock.00001.wav\n"), _lists))

_SPLIT = "clip_id,split\n" + "".join(f"a{n},{s}\n" for n, s in enumerate(("train", "valid",
         "test", "test")))  # fmt: skip
add(
    Reader(
        "split files",
        _seeds(_SPLIT),
        one_file("toy.paper.csv", lambda path: read_split(toy_task(), "paper", path.parent)),
    )
)
add(
    Reader(
        "annotations of the rendered corpus",
        lambda folder: [_annotations()[:3000].encode(), json.dumps({"corpus": _COMMENT}).encode()],
        one_file("annotations.json", lambda path: or_refused(is_current(path, _COMMENT) or None)),
    )
)
