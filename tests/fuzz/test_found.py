"""What was found in the readers of foreign bytes, by fuzzing and by reading: one input for each."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.audio_damage import encoded
from helpers.feature_archives import write_archive
from helpers.submitted_rows import put, submit_row
from helpers.toy_task import toy_task
from helpers.weights_plugin import write_plugin

from fuzz.of_store import FLAT, SHARD, SHARD_NAME, resealed
from fuzz.of_tables import _FILES, _sheet
from mirbench.benchmark.api import (
    Clip,
    DataError,
    MirbenchError,
    PluginError,
    UnusableClip,
    UsageError,
)
from mirbench.benchmark.datasets.audio import audio_info, read_audio
from mirbench.benchmark.datasets.audio_files import opening
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.embedding import npz, window_counts
from mirbench.benchmark.embedding.npz import read_embeddings
from mirbench.benchmark.embedding.store import read_shard, write_shard
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.checksums import digest
from mirbench.benchmark.files.sealed import content_digest, seal
from mirbench.benchmark.plugins.naming import read_value
from mirbench.benchmark.plugins.source import file_source
from mirbench.benchmark.registry import made_from, parse_representation
from mirbench.benchmark.reproduction import published_features
from mirbench.benchmark.result import predictions_path, read_predictions, read_result
from mirbench.benchmark.weights.add import add_weights
from mirbench.benchmark.weights.sets import weight_sets
from mirbench.leaderboard.build import build_pages
from mirbench.tasks._artists import names_of
from mirbench.tasks._tables import parse_id
from mirbench.tasks._xlsx import read_sheet
from mirbench.tasks.giantsteps import read_test_tracks
from mirbench.tasks.magnatagatune import read_clips as read_magnatagatune

# Arrays and archives.


def write_npz(path: Path, ids: bytes, embedding: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("clip_id.npy", ids)
        file.writestr("embedding.npy", embedding)
    return path


def npy(array: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array))
    return buffer.getvalue()


def test_embeddings_claim_no_more_than_they_have(tmp_path: Path) -> None:
    lie = npy(np.zeros((1, 24), "f4")).replace(b"(1, 24), }" + b" " * 12, b"(1000000000000, 24), }")
    path = write_npz(tmp_path / "x.npz", npy(["clip000"]), lie)
    with pytest.raises(DataError, match="claims 96,000,000,000,000 bytes of values"):
        read_embeddings(path, toy_task(), ["clip000"])
    path = write_npz(path, b"hello", npy(np.zeros((1, 1), "f4")))
    with pytest.raises(DataError, match="it is no array"):
        read_embeddings(path, toy_task(), ["clip000"])


def test_embeddings_that_do_not_fit_are_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_npz(tmp_path / "x.npz", npy(["a"]), npy(np.zeros((1, 10_000), "f4")))
    assert len(read_embeddings(path, toy_task(), ["a"]).embedding) == 1
    monkeypatch.setattr(npz, "free_main_memory", lambda: 70_000)
    with pytest.raises(DataError, match=r"takes 0\.0 GB of memory when it is read"):
        read_embeddings(path, toy_task(), ["a"])


def test_features_are_not_unpacked_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published_features, "_ALWAYS", 1000)
    vectors = {f"clip{n}": np.zeros(4000, np.float32) for n in range(40)}
    sha256 = write_archive(tmp_path, "f", vectors)
    with pytest.raises(DataError, match="more than such an archive can hold"):
        published_features.read_archive(tmp_path / "f.tar.gz", toy_task(), list(vectors), sha256)


def test_a_feature_with_a_header_that_lies(tmp_path: Path) -> None:
    extra = {"f/a.npy": npy(np.zeros(4, "f4")).replace(b"(4,), }  ", b"(True,), }")}
    sha256 = write_archive(tmp_path, "f", {"b": np.zeros(4, np.float32)}, extra)
    with pytest.raises(DataError, match="is damaged"):
        published_features.read_archive(tmp_path / "f.tar.gz", toy_task(), ["a", "b"], sha256)


def test_a_header_upon_headers_in_features(tmp_path: Path) -> None:
    path = tmp_path / "f.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("x")
        info.type, info.size = tarfile.XGLTYPE, 1 << 21
        archive.addfile(info, io.BytesIO(bytes(1 << 21)))
    import hashlib

    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(DataError, match="names and attributes"):
        published_features.read_archive(path, toy_task(), ["a"], sha256)


def test_weights_in_an_archive_of_several_disks(tmp_path: Path) -> None:
    spec = parse_representation(write_plugin(tmp_path), tmp_path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("w.npy", b"x")
    data = bytearray(buffer.getvalue())
    end = data.rfind(b"PK\5\6")
    data[end:end] = b"PK\6\7" + bytes(12) + b"\5\0\0\0"
    (tmp_path / "w.zip").write_bytes(data)
    with pytest.raises(DataError, match="these are no weights of weighty"):
        add_weights(weight_sets(spec.plugin, tmp_path), [tmp_path / "w.zip"])


# Audio.


def test_a_length_of_a_thousand_digits(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    content = encoded(0.1, 16_000, 1, "NIST", "PCM_16")
    at = content.index(b"sample_count -i ") + len(b"sample_count -i ")
    path.write_bytes(content[:at] + b"9" * 400 + content[at:])
    with pytest.raises(UnusableClip, match="is truncated"):
        audio_info(path)


def test_pieces_of_a_file_are_its_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for container, coding in (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")):
        path = tmp_path / "x.wav"
        path.write_bytes(encoded(0.5, 16_000, 2, container, coding))
        whole = read_audio(path, 16_000)
        with monkeypatch.context() as patch:
            patch.setattr(opening, "AT_ONCE", 2 * 777)
            np.testing.assert_array_equal(read_audio(path, 16_000), whole)


# Tables.


def lay_out(folder: Path, task: str, changes: dict[str, tuple[str, str]]) -> None:
    for name, text in _FILES[task].items():
        old, new = changes.get(name, ("", ""))
        assert old in text
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.replace(old, new, 1))


def test_the_number_of_a_clip_is_short() -> None:
    with pytest.raises(DataError, match="expected the number of a clip"):
        parse_id("9" * 5000, Path("x.csv"), 1)


def test_white_space_in_an_act_takes_no_time_by_its_square() -> None:
    # It would take a minute.
    assert names_of("the a" + " " * 120_000 + "b and  Steve Gunn") == [
        "the a b and steve gunn",
        "a b",
        "steve gunn",
    ]


def test_a_shared_string_is_not_counted_from_the_end(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(_sheet())) as old, zipfile.ZipFile(tmp_path / "x", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"<v>3</v>", b"<v>-1</v>"))
    with pytest.raises(DataError, match="there is no shared string -1"):
        read_sheet(tmp_path / "x")


def test_a_spreadsheet_in_another_encoding_has_no_entities(tmp_path: Path) -> None:
    bomb = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bomb.encode("utf-16"))
    with pytest.raises(DataError, match="is not UTF-8"):
        read_sheet(tmp_path / "x")


def test_a_key_file_of_any_length_is_one_line(tmp_path: Path) -> None:
    name = "giantsteps-key-dataset/annotations/key/5061.LOFI.key"
    lay_out(tmp_path, "giantsteps", {name: ("\n", " " * 2000 + "x")})
    with pytest.raises(DataError, match="expected one short line"):
        read_test_tracks(tmp_path)


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "\udcff\ud800"])
def test_paths_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    task = toy_task(read_clips=lambda root: iter([Clip("a", root / name, "x", "g")]))
    with pytest.raises(DataError, match="that no file can have"):
        read_clips(task, tmp_path)


def test_a_found_value_is_shown_in_part(tmp_path: Path) -> None:
    lay_out(tmp_path, "magnatagatune", {"annotations_final.csv": ("f/clip-2", "f" * 9000)})
    with pytest.raises(DataError) as caught:
        list(read_magnatagatune(tmp_path))
    assert len(str(caught.value)) < 500 + len(str(tmp_path))


# What the store keeps, with a digest that anybody can make.


@pytest.mark.parametrize(
    "change",
    [
        {"seconds": "1"},
        {"missing": {"b": 3}},
        {"notes": {"short": None}},
        {"layers": (1, 2)},
        {"clip_ids": ("a", "b", 3)},
        {"peak_bytes": True},
    ],
)
def test_a_shard_of_other_types_is_damaged(tmp_path: Path, change: dict[str, object]) -> None:
    path, said = tmp_path / SHARD_NAME, []
    write_shard(path, SHARD)
    assert read_shard(path, said.append) is not None
    write_shard(path, replace(SHARD, **change))  # type: ignore[arg-type]
    assert read_shard(path, said.append) is None
    assert "is damaged" in said[0]


def test_a_shard_that_is_not_finite_is_damaged(tmp_path: Path) -> None:
    write_shard(tmp_path / SHARD_NAME, replace(FLAT, embedding=np.full((2, 3), np.nan, "f4")))
    assert read_shard(tmp_path / SHARD_NAME) is None


def test_a_pipe_in_the_place_of_a_shard(tmp_path: Path) -> None:
    said: list[str] = []
    os.mkfifo(tmp_path / SHARD_NAME)
    assert read_shard(tmp_path / SHARD_NAME, said.append) is None
    assert "it is a pipe, not a file" in said[0]


@pytest.mark.parametrize("count", [10**12, -1, 0, True, 1.0, None, [1]])
def test_counts_of_windows_are_counts(tmp_path: Path, count: object) -> None:
    path = tmp_path / "w.json"
    for counts in ({"a": 3, "b": "b.wav is empty"}, {"a": 3, "b": count}):
        path.write_text(json.dumps({"counts": counts, "digest": content_digest(counts, {})}))
        assert window_counts._read(path) == (counts if "b.wav is empty" in counts.values() else {})


@pytest.mark.parametrize(
    "change",
    [{"path": "a\0b"}, {"sha256": 3}, {"name": None}, {"bytes": 1.5}, {"mtime_ns": "1"}],
)
def test_notes_on_files_that_a_model_reads(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / "w.bin").write_bytes(b"x")
    cache = CacheFolder.find(tmp_path)
    made_from.write_record(cache, "0" * 16, [tmp_path / "w.bin"], tmp_path)
    found = made_from.read_record(cache, "0" * 16)
    assert found is not None
    assert found[0][0] == "w.bin"
    path = cache.made_from("0" * 16)
    content = json.loads(path.read_text())
    content["files"][0] |= change
    path.write_text(json.dumps(content | {"digest": digest(content["files"])}))
    assert made_from.read_record(cache, "0" * 16) is None
    path.write_bytes(b"[" * 100_000)
    assert made_from.read_record(cache, "0" * 16) is None


def test_a_note_on_weights_that_is_none(tmp_path: Path) -> None:
    spec = parse_representation(write_plugin(tmp_path), tmp_path)
    weights = weight_sets(spec.plugin, tmp_path)["big"]
    weights.note.parent.mkdir(parents=True)
    file = {"source": "http://127.0.0.1:9/w.npy", "bytes": 1, "sha256": 5}
    for content in (b"[" * 100_000, json.dumps({"bytes": 1, "files": {"w.npy": file}}).encode()):
        weights.note.write_bytes(content)
        assert weights.originals() == {}
        assert not weights.ready


# Rows.


@pytest.fixture
def row(tmp_path: Path) -> Path:
    return submit_row(tmp_path, task="rendered_chords")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**30, "\ud800"])
def test_rows_hold_no_value_that_json_has_not(row: Path, value: object) -> None:
    path = row
    text = path.read_text()
    seconds = text.index('"probing_seconds": ') + len('"probing_seconds": ')
    path.write_text(text[:seconds] + json.dumps(value) + text[text.index("\n", seconds) :])
    with pytest.raises(DataError, match="is not a result row: "):
        read_result(path)


def test_a_pipe_in_the_place_of_a_row(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.json")
    with pytest.raises(DataError, match="it is a pipe"):
        read_result(tmp_path / "x.json")


def forged(path: Path, **changes: object) -> None:
    found = read_predictions(path)
    facts = {"clip_ids": found.clip_ids, "groups": found.groups}
    arrays = {"outputs": found.outputs, "targets": found.targets}
    facts |= {key: value for key, value in changes.items() if key in facts}  # type: ignore[misc]
    arrays |= {key: value for key, value in changes.items() if key in arrays}  # type: ignore[misc]
    content = seal(facts, arrays, "mirbench")
    assert resealed(content, "mirbench", "")
    predictions_path(path).write_bytes(content)


@pytest.mark.parametrize(
    "change",
    [
        {"clip_ids": list(range(72))},
        {"groups": "x" * 71},
        {"groups": [None] * 72},
        {"outputs": np.zeros((72, 4), np.float64)},
        {"outputs": np.zeros(72, np.float32)},
        {"targets": np.zeros(72, np.int8)},
        {"targets": np.zeros(71, np.int64)},
    ],
)
def test_predictions_of_other_types_are_damaged(row: Path, change: dict[str, object]) -> None:
    assert len(read_predictions(row).clip_ids) == 72
    forged(row, **change)
    with pytest.raises(DataError, match="cannot read the predictions"):
        read_predictions(row)


def test_a_folder_in_the_place_of_a_page(row: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").mkdir()
    with pytest.raises(MirbenchError, match=r"index\.html was not written by mirbench"):
        build_pages(tmp_path, tmp_path)
    (tmp_path / "index.html").rmdir()
    os.mkfifo(tmp_path / "index.html")
    with pytest.raises(MirbenchError, match=r"index\.html was not written by mirbench"):
        build_pages(tmp_path, tmp_path)


# Plugins.


@pytest.mark.parametrize(
    "text",
    ["(" * 400, "-" * 900 + "1", "0x" + "f" * 900, "1e999", "{[]: 1}", "'\\ud800'", "'\\x00'"],
)
def test_values_that_no_row_could_hold_stay_text(text: str) -> None:
    assert read_value(text) == text
    assert read_value("0x10") == 16


@pytest.mark.parametrize("text", ["mfcc:\n", "mfcc:a=\x1b[31m", "m\udcff", "mfcc\x7f"])
def test_names_are_one_line_of_text(text: str) -> None:
    with pytest.raises(UsageError, match="holds characters that are not seen"):
        parse_representation(text)


def test_a_parameter_longer_than_a_file_name(tmp_path: Path) -> None:
    plugin = tmp_path / "p.py"
    plugin.write_text("def load_model(device='cpu', x='a'):\n    pass\n")
    spec = parse_representation(f"{plugin}:x={'b' * 400}")
    assert spec.files == {}
    assert len(spec.fingerprint()) == 16
    with pytest.raises(UsageError, match="there are no weights 'xxx"):
        parse_representation(f"{write_plugin(tmp_path)}:model={'x' * 400}").fingerprint()


@pytest.mark.parametrize(
    ("source", "mistake"),
    [
        (b"x = " + b"(" * 300, "line 1"),
        (b"x = " + b"-" * 100_000 + b"1", "cannot be read|line 1"),
        (b"\0", "null bytes|line"),
        (b"# coding: klingon\n", "klingon"),
    ],
)
def test_sources_that_cannot_be_parsed(tmp_path: Path, source: bytes, mistake: str) -> None:
    (tmp_path / "p.py").write_bytes(source)
    with pytest.raises(PluginError, match=mistake):
        _ = file_source(tmp_path / "p.py").tree


def test_a_source_that_imports_what_no_file_can_be_called(tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text(f"import {'a' * 300}\nCARD = {{[]: 1}}\n")
    source = file_source(tmp_path / "p.py")
    assert source.files() == [tmp_path / "p.py"]
    assert source.literal("CARD") is None


def test_a_card_nested_deeper_than_python_goes(tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text("CARD = " + "+".join(["1"] * 3000) + "\n")
    with contextlib.suppress(PluginError):  # newer versions of Python go deeper
        assert file_source(tmp_path / "p.py").literal("CARD") is None


def test_a_default_too_long_to_be_written(tmp_path: Path) -> None:
    long = "0x" + "f" * 6000
    text = f"CARD = {{'parameters': {long}}}\ndef load_model(device, x={long}):\n    pass\n"
    (tmp_path / "p.py").write_text(text)
    source = file_source(tmp_path / "p.py")
    assert source.literal("CARD") is None
    assert source.parameters() is None


@pytest.mark.parametrize(
    ("place", "value"), [("task.counts", {"train": 1}), ("task.metrics", ["\ufeff"])]
)
def test_rows_without_what_the_board_needs(row: Path, place: str, value: object) -> None:
    put(place, value)(row)
    with pytest.raises(DataError):
        build_pages(row.parents[1], row.parents[1] / "pages")


@pytest.mark.parametrize(
    "name",
    [
        "hf:facebook/" + "9" * 300,
        "hf:" + "(" * 300 + "/a",
        "~fac" + "9" * 300 + ".py",
        "mfcc:s" + "9" * 5000 + "=1",
    ],
)
def test_names_that_no_file_can_have(name: str) -> None:
    with pytest.raises(MirbenchError) as caught:
        parse_representation(name).fingerprint()
    assert len(str(caught.value)) < 5000
