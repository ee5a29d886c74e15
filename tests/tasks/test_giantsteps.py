"""The GiantSteps reader on small trees, and on the real files where they are at hand."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import pytest

from mirbench.benchmark.api import Clip, DataError
from mirbench.tasks.giantsteps import (
    KEYS,
    TASK,
    list_files,
    parse_key,
    read_clips,
    read_mtg_tracks,
)

MTG, TEST = "giantsteps-mtg-key-dataset", "giantsteps-key-dataset"
ANNOTATIONS = (
    "ID\tMANUAL KEY\tC\n5061\tD# minor\t2\n7\tC# major \t2\n8\tC major\t1\n9\tF / F# minor\t2\n"
)
METADATA = "ID\tARTIST\tSONG TITLE\n9\tAnna, Bert\tx\n7\tBert\tx\n5061\tCid\tx\n8\tDora\tx\n"
SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    '<row><c r="A1" t="s"><v>0</v></c><c r="G1" t="s"><v>1</v></c>'
    '<c r="H1" t="s"><v>0</v></c></row>'
    '<row><c r="A2"><v>10</v></c><c r="G2" t="s"><v>2</v></c><c r="H2" t="str"><v>T</v></c></row>'
    '<row><c r="A3"><v>11</v></c></row></sheetData></worksheet>'
)
STRINGS = (
    '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>TRACK</t></si>'
    "<si><r><t>ART</t></r><r><t>IST</t></r></si><si><t>Eve, Anna</t></si></sst>"
)


def _write(root: Path, suffix: str = "", line_end: str = "\n", bom: str = "") -> None:
    for name, text in (("annotations.txt", ANNOTATIONS), ("beatport_metadata.txt", METADATA)):
        path = root / f"{MTG}{suffix}" / "annotations" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((bom + text.replace("\n", line_end)).encode())
    keys = root / f"{TEST}{suffix}" / "annotations" / "key"
    keys.mkdir(parents=True)
    (keys / "11.LOFI.key").write_bytes(b"F# Minor")
    (keys / "10.LOFI.key").write_bytes((bom + "Bb major" + line_end).encode())
    with zipfile.ZipFile(root / f"{TEST}{suffix}" / "sources.xlsx", "w") as sheet:
        sheet.writestr("xl/worksheets/sheet1.xml", SHEET)
        sheet.writestr("xl/sharedStrings.xml", STRINGS)


@pytest.mark.parametrize("folder", [".", "giantsteps"])
@pytest.mark.parametrize("suffix", ["", "-master"])
@pytest.mark.parametrize(("line_end", "bom"), [("\n", ""), ("\r\n", "\ufeff")])
def test_variants_of_the_tree(
    tmp_path: Path, folder: str, suffix: str, line_end: str, bom: str
) -> None:
    _write(tmp_path / folder, suffix, line_end, bom)
    mtg = tmp_path / folder / f"{MTG}{suffix}" / "audio"
    test = tmp_path / folder / f"{TEST}{suffix}" / "audio"
    # Track 9 has two keys and no clip, but it joins Bert and Eve through Anna.
    assert list(read_clips(tmp_path)) == [
        Clip("7", mtg / "7.LOFI.mp3", "Db major", "anna"),
        Clip("5061", mtg / "5061.LOFI.mp3", "Eb minor", "cid"),
        Clip("10", test / "10.LOFI.mp3", "Bb major", "anna"),
        Clip("11", test / "11.LOFI.mp3", "Gb minor", "track 11"),
    ]


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["10.LOFI.mp3"], "10.LOFI.mp3"),
        (["10.LOFI.wav"], "10.LOFI.wav"),
        (["10.mp3"], "10.mp3"),
        (["10.wav"], "10.wav"),
        (["10.MP3"], "10.MP3"),
        (["10.lofi.mp3"], "10.lofi.mp3"),
        (["10.LOFI.WAV"], "10.LOFI.WAV"),
        (["10.LOFI.flac"], "10.LOFI.flac"),
        (["10.ogg"], "10.ogg"),
        (["0000010.LOFI.mp3"], "0000010.LOFI.mp3"),
        (["10.LOFI.wav", "10.LOFI.mp3"], "10.LOFI.mp3"),
        (["10.mp3", "10.LOFI.wav"], "10.LOFI.wav"),
        (["10.mp3", "10.wav", "10.flac"], "10.mp3"),
        (["10.flac", "10.LOFI.flac", "10.LOFI.wav"], "10.LOFI.wav"),
        (["10.mp3", "010.mp3"], "010.mp3"),
        # What is no track's audio is left alone.
        (["10.LOFI (1).mp3", "10.LOFI.mp3.part", "._10.LOFI.mp3"], "10.LOFI.mp3"),
        (["10.LOFI.mp3.wrong", "10.LOFI.key", "10.txt", "10", "x10.mp3"], "10.LOFI.mp3"),
        (["100.LOFI.mp3", "1.0.mp3", "٣.mp3", "-10.mp3"], "10.LOFI.mp3"),
    ],
)
@pytest.mark.parametrize(("folder", "track"), [(TEST, "10"), (MTG, "7")])
def test_names_of_audio_files(
    tmp_path: Path, names: list[str], taken: str, folder: str, track: str
) -> None:
    _write(tmp_path)
    audio = tmp_path / folder / "audio"
    audio.mkdir()
    for name in names:
        (audio / name.replace("10", track)).touch()
    paths = {clip.id: clip.path for clip in read_clips(tmp_path)}
    assert paths[track] == audio / taken.replace("10", track)
    others = {clip.name for i, clip in paths.items() if i != track and clip is not None}
    assert others == {f"{other}.LOFI.mp3" for other in paths if other != track}


def test_audio_under_another_name_is_not_downloaded_again(tmp_path: Path) -> None:
    _write(tmp_path)
    every = {file.filename for file in list_files(tmp_path)}
    assert every == {
        *(f"{MTG}/audio/{track}.LOFI.mp3" for track in ("7", "5061")),
        *(f"{TEST}/audio/{track}.LOFI.mp3" for track in ("10", "11")),
    }
    for name in (f"{MTG}/audio/5061.mp3", f"{TEST}/audio/10.LOFI.mp3", f"{TEST}/audio/11.LOFI.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    left = {file.filename: file.mirrors for file in list_files(tmp_path)}
    assert left.keys() == {f"{MTG}/audio/7.LOFI.mp3", f"{TEST}/audio/10.LOFI.mp3"}
    assert all(url.endswith(Path(name).name) for name, (url,) in left.items())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("10.LOFI (1).key", "copy of the key file of track 10, which is called 10.LOFI.key"),
        ("10 (1).LOFI.key", "copy of the key file of track 10, "),
        ("10 (1).key", "copy of the key file of track 10, "),
        ("10.LOFI - Copy.key", "copy of the key file of track 10, "),
        ("10.LOFI.LOFI.key", "copy of the key file of track 10, "),
        ("10.LOFI .key", "copy of the key file of track 10, "),
        ("11.LOFI copy.KEY", "copy of the key file of track 11, "),
        ("12 (1).key", "copy of the key file of track 12, .* rename it if it is the only one"),
        ("10.key", "a second key file of track 10, beside 10.LOFI.key; remove"),
        ("0010.LOFI.key", "second key file of track 10|track 10, beside 0010.LOFI.key"),
        ("10.LOFI.KEY", "second key file of track 10"),
    ],
)
def test_stray_key_files_name_the_track(tmp_path: Path, name: str, message: str) -> None:
    _write(tmp_path)
    (tmp_path / TEST / "annotations" / "key" / name).write_text("D major")
    with pytest.raises(DataError, match=message):
        list(read_clips(tmp_path))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("0012.LOFI.key", b"D major"),
        ("12.key", b"D major\r\n"),
        ("12.LOFI.KEY", b"\xef\xbb\xbfD major"),
        ("12.lofi.key", b"  D \t major  \n\n"),
        ("012.LOFI.key", b"D Major"),
    ],
)
def test_names_of_key_files(tmp_path: Path, name: str, content: bytes) -> None:
    _write(tmp_path)
    keys = tmp_path / TEST / "annotations" / "key"
    (keys / name).write_bytes(content)
    # These name no track.
    for stray in ("Copy of 12.LOFI.key", "._12.LOFI.key", "12.LOFI.key.bak", "12.LOFI.key "):
        (keys / stray).write_text("A minor")
    (keys / "13.key").mkdir()
    clips = {clip.id: clip.label for clip in read_clips(tmp_path)}
    assert clips.keys() == {"7", "5061", "10", "11", "12"}
    assert clips["12"] == "D major"


def test_without_sources_the_test_tracks_are_their_own_groups(tmp_path: Path) -> None:
    _write(tmp_path)
    (tmp_path / TEST / "sources.xlsx").unlink()
    assert {clip.group for clip in read_clips(tmp_path)} == {"anna", "cid", "track 10", "track 11"}


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (f"{MTG}/annotations/annotations.txt", "ID\tKEY\tC\n", "line 1: the column 'MANUAL KEY'"),
        (
            f"{MTG}/annotations/annotations.txt",
            ANNOTATIONS + "3\tH minor\t2",
            "line 6: .*'H minor'",
        ),
        (
            f"{MTG}/annotations/annotations.txt",
            ANNOTATIONS + "3\tF minor\t?",
            "line 6: .* found '?",
        ),
        (f"{MTG}/annotations/annotations.txt", ANNOTATIONS + "7\tF minor\t0", "line 6: .* twice"),
        (f"{MTG}/annotations/annotations.txt", ANNOTATIONS + "3\tF minor\t0", "no row for track 3"),
        (f"{MTG}/annotations/beatport_metadata.txt", METADATA + "7\tX\tx", "line 6: .* twice"),
        (f"{MTG}/annotations/beatport_metadata.txt", METADATA + "1\tX\tx", "line 6: .* is not in"),
        (f"{MTG}/annotations/beatport_metadata.txt", METADATA + "x\tX\tx", "line 6: .* found 'x'"),
        (f"{TEST}/annotations/key/10.LOFI.key", "H major", "line 1: expected one key"),
        (f"{TEST}/annotations/key/10.LOFI.key", "", "line 1: expected one key"),
        (f"{TEST}/sources.xlsx", "no zip", "not a readable spreadsheet .* download it again"),
    ],
)
def test_malformed_files_are_explained(
    tmp_path: Path, file: str, content: str, message: str
) -> None:
    _write(tmp_path)
    (tmp_path / file).write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        list(read_clips(tmp_path))
    assert Path(file).name in str(caught.value)


@pytest.mark.parametrize("sheet", ["<!DOCTYPE x>" + SHEET, SHEET[:-5], SHEET.replace("0<", "9<")])
def test_malformed_spreadsheets_are_explained(tmp_path: Path, sheet: str) -> None:
    _write(tmp_path)
    with zipfile.ZipFile(tmp_path / TEST / "sources.xlsx", "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
        archive.writestr("xl/sharedStrings.xml", STRINGS)
    with pytest.raises(DataError, match=r"sources\.xlsx: not a readable spreadsheet"):
        list(read_clips(tmp_path))


@pytest.mark.parametrize(
    "absent",
    [
        MTG,
        TEST,
        f"{MTG}/annotations/annotations.txt",
        f"{MTG}/annotations/beatport_metadata.txt",
        f"{TEST}/annotations/key",
    ],
)
def test_absent_files_are_explained(tmp_path: Path, absent: str) -> None:
    _write(tmp_path)
    (tmp_path / absent).rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"github\.com/GiantSteps/giantsteps-key-dataset") as caught:
        list(read_clips(tmp_path))
    assert absent in str(caught.value)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("D# minor", "Eb minor"),
        ("a#  Major\n", "Bb major"),
        ("Gb major", "Gb major"),
        ("E", None),
        ("E / B minor", None),
        ("E# minor", None),
    ],
)
def test_keys(text: str, key: str | None) -> None:
    assert parse_key(text) == key


def test_labels_and_stems() -> None:
    assert (KEYS[0], KEYS[1], KEYS[11], KEYS[12], KEYS[23]) == (
        *("C major", "Db major", "B major"),
        *("C minor", "B minor"),
    )
    assert [TASK.stem("5061-0"), TASK.stem("5061-3")] == ["0005061-0", "0005061-3"]


#: Lengths in seconds, from the publishers' notes, of the tracks that are not of two minutes.
SHORT = {"1224698": 45, "1442809": 62, "3424038": 77, "4452003": 59}
SHORT |= {"297010": 82, "299801": 56, "673637": 117, "5338500": 104}


def test_real_files(annotation_files: Path) -> None:
    clips = list(read_clips(annotation_files))
    mtg = {track.id for track in read_mtg_tracks(annotation_files)}
    assert len(mtg) == 1486
    assert Counter(clip.id in mtg for clip in clips) == {True: 1159, False: 604}
    keys = {clip.id: clip.label for clip in clips}
    assert (keys["5061"], keys["10089"]) == ("Eb minor", "D major")
    assert (keys["4970565"], keys["6105589"]) == ("B major", "Db major")
    assert Counter(keys.values()).keys() == set(KEYS)
    assert sum(clip.group.startswith("track ") for clip in clips) == 361
    assert TASK.window == 30
    windows = Counter[bool]()
    for clip in clips:
        windows[clip.id in mtg] += int(SHORT.get(clip.id, 120) // TASK.window)
    assert windows == {True: 3687 + 942, False: 2406}
