"""Embeddings from elsewhere: the npz form, and files that are not of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.toy_task import toy_task

from mirbench.benchmark.api import DataError
from mirbench.benchmark.embedding.npz import read_embeddings, write_embeddings


def save(path: Path, ids: Any, embedding: Any, **others: Any) -> Path:
    np.savez(path, clip_id=np.array(ids), embedding=np.array(embedding), **others)
    return path


def test_clips_are_sorted_and_others_left_out(tmp_path: Path) -> None:
    # A NaN that belongs to no clip of the task does no harm.
    rows = [[3, 0], [np.nan, 0], [1, 0]]
    path = save(tmp_path / "a.npz", ["c", "other", "a"], rows, extra=np.zeros(3))
    found = read_embeddings(path, toy_task(), ["c", "a", "b"])
    assert found.clip_ids == ("a", "b", "c")
    assert found.embedding.dtype == np.float32
    assert found.embedding.tolist() == [[1, 0], [3, 0]]
    assert found.clip.tolist() == [0, 2]
    assert found.missing == {"b": "not in a.npz"}


def test_order_in_the_file_does_not_matter(tmp_path: Path) -> None:
    one = save(tmp_path / "1.npz", ["a", "b"], [[1.0], [2.0]])
    two = save(tmp_path / "2.npz", [b"b", b"a"], [[2.0], [1.0]])
    digests = {read_embeddings(path, toy_task(), ["a", "b"]).sha256 for path in (one, two)}
    assert len(digests) == 1


def test_windows(tmp_path: Path) -> None:
    ids = [f"song-a-{k}" for k in (10, 2, 0, 9, 8, 1, 3, 5, 4, 7, 6)] + ["b-0"]
    values = [[float(row_id.rpartition("-")[2])] for row_id in ids]
    path = save(tmp_path / "a.npz", ids, values)
    found = read_embeddings(path, toy_task(window=30), ["song-a", "b"])
    assert found.clip_ids == ("b", "song-a")
    assert found.embedding.ravel().tolist() == [0, *range(11)]
    assert found.clip.tolist() == [0, *[1] * 11]


@pytest.mark.parametrize(
    ("windows", "shown"),
    [
        (["0", "2"], "[0, 2]"),
        (["2", "0"], "[0, 2]"),
        (["1"], "[1]"),
        (["1", "2", "3"], "[1, 2, 3]"),
        (["0", "1", "3", "4"], "[0, 1, 3, 4]"),
        (["-1", "0", "1"], "[-1, 0, 1]"),
        (["-1"], "[-1]"),
        (["0", "-0"], "stands there twice"),
        (["0", "1", "1"], "stands there twice"),
        (["0", "99999999999999999999"], "[0, 1"),
        (["0", "9" * 5000], "[0, 1"),
        (["0" * 5000 + "1"], "[1"),
        ([str(k) for k in range(2000) if k != 1], "[0, 2, 3, 4, 5, 6, 7, 8, …]"),
        (["0", "٢"], "[0, 2]"),
    ],
)
def test_windows_without_gap(tmp_path: Path, windows: list[str], shown: str) -> None:
    ids = [*(f"5061-{window}" for window in windows), "b-0", "b-1"]
    path = save(tmp_path / "a.npz", ids, np.ones((len(ids), 1)))
    with pytest.raises(DataError) as caught:
        read_embeddings(path, toy_task(window=30), ["5061", "b"])
    assert str(caught.value).startswith(f"{path}: clip '5061")
    assert shown in str(caught.value)
    assert len(str(caught.value)) < 400
    if "twice" not in shown:
        # It does not matter without windows, or if the clip is not wanted.
        assert read_embeddings(path, toy_task(window=None), ["b-0"]).clip.tolist() == [0]
        assert read_embeddings(path, toy_task(window=30), ["b"]).clip.tolist() == [0, 0]


def test_a_clip_id_may_end_in_a_hyphen(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", ["a--0", "a--1", "a-0"], [[1.0], [2.0], [3.0]])
    found = read_embeddings(path, toy_task(window=30), ["a", "a-"])
    assert found.embedding.ravel().tolist() == [3, 1, 2]


def test_layers(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", ["a"], np.zeros((1, 3, 5)))
    found = read_embeddings(path, toy_task(), ["a"])
    assert found.layers == ("0", "1", "2")
    assert found.n_layers == 3


@pytest.mark.parametrize("window", [None, 30.0])
def test_round_trip(tmp_path: Path, window: float | None) -> None:
    ids = ["a-0", "a-1", "b-0"] if window else ["a", "b", "c"]
    wanted = ["a", "b"] if window else ids
    path = save(tmp_path / "a.npz", ids, [[1.5], [2.5], [3.5]])
    found = read_embeddings(path, toy_task(window=window), wanted)
    write_embeddings(tmp_path / "new" / "b.npz", toy_task(window=window), found)
    again = read_embeddings(tmp_path / "new" / "b.npz", toy_task(window=window), wanted)
    assert again.sha256 == found.sha256


@pytest.mark.parametrize(
    ("ids", "embedding", "mistake"),
    [
        (["a", "a"], [[1.0], [2.0]], "clip 'a' stands there twice"),
        (
            [1, 2],
            [[1.0], [2.0]],
            "dtype int64; save np.array(ids, dtype=str); expected",
        ),
        ([["a"]], [[1.0]], "clip_id must be a vector of text"),
        (["a"], [[1]], "embedding has shape [1, 1] and dtype int64 for 1 clip id;"),
        (["a"], [1.0], "embedding has shape [1]"),
        (["a", "b"], [[1.0]], "embedding has shape [1, 1] and dtype float64 for 2 clip ids"),
        (["a"], np.zeros((1, 0)), "embedding has shape [1, 0]"),
        (["a"], np.zeros((1, 2, 0)), "embedding has shape [1, 2, 0]"),
        (["a", "b"], [[1.0], [np.inf]], "clip 'b' holds NaN or infinity"),
        (["a"], [[1e300]], "clip 'a' holds NaN or infinity"),
        (["x"], [[1.0]], "none of its clip ids (1) is one of task 'toy': it has 'x', the task 'a"),
        (np.array([], "U1"), np.zeros((0, 2)), "holds no clip"),
        ([b"\xff"], [[1.0]], "none of its clip ids (1)"),
    ],
)
def test_malformed_arrays(tmp_path: Path, ids: Any, embedding: Any, mistake: str) -> None:
    path = save(tmp_path / "a.npz", ids, embedding)
    with pytest.raises(DataError) as caught:
        read_embeddings(path, toy_task(), ["a", "b"])
    assert str(caught.value).startswith(str(path))
    assert mistake in str(caught.value)


@pytest.mark.parametrize(("one", "two"), [("a-1", "a-01"), ("a", "a-0")])
def test_a_window_may_stand_there_once(tmp_path: Path, one: str, two: str) -> None:
    path = save(tmp_path / "a.npz", [one, two], [[1.0], [2.0]])
    with pytest.raises(DataError, match=f"clip '{two}' stands there twice"):
        read_embeddings(path, toy_task(window=30), ["a"])


def test_an_id_may_end_in_any_digit_sign(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", ["a-²"], [[1.0]])
    assert read_embeddings(path, toy_task(window=30), ["a-²"]).clip.tolist() == [0]


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("unpickled",))


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("clip_id", "save np.array(ids, dtype=str)"),
        ("embedding", "save np.stack(vectors).astype(np.float32)"),
    ],
)
def test_object_arrays_are_never_unpickled(tmp_path: Path, name: str, advice: str) -> None:
    arrays: dict[str, Any] = {"clip_id": np.array(["a"]), "embedding": np.zeros((1, 2))}
    arrays[name] = np.array([Bomb()], dtype=object)
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError) as caught:
        read_embeddings(tmp_path / "a.npz", toy_task(), ["a"])
    assert f"a.npz: {name} is an array of Python objects, which mirbench does" in str(caught.value)
    assert advice in str(caught.value)


@pytest.mark.filterwarnings("ignore:Custom dtypes are saved as python objects")
@pytest.mark.parametrize(
    "ids",
    [
        np.array(["a", "b"], dtype=object),
        np.array(["a", None], dtype=object),
        np.array(["a", 3], dtype=object),
        np.array([Path("a"), Path("b")], dtype=object),
        np.array([b"a", "b"], dtype=object),
        np.array(["a", "b"], dtype=np.dtypes.StringDType()),
        np.array([1, 2]),
        np.array([1.0, 2.0]),
        np.array([True, False]),
        np.array([["a", "b"]]),
        np.array("a"),
    ],
)
def test_ids_that_are_no_text_are_told_how_to_be(tmp_path: Path, ids: Any) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, clip_id=ids, embedding=np.zeros((2, 1)))
    with pytest.raises(DataError, match=r"a\.npz: clip_id .*save np\.array\(ids, dtype=str\)"):
        read_embeddings(path, toy_task(), ["a", "b"])


@pytest.mark.parametrize("ids", [["7"], ["7_0"], ["7-a"], ["-0"], ["7.LOFI-0"]])
def test_ids_of_windows_are_explained(tmp_path: Path, ids: list[str]) -> None:
    path = save(tmp_path / "a.npz", ids, [[1.0]])
    with pytest.raises(DataError, match=r"the task '5-0' \(an id is <clip>-<k> for window k = 0"):
        read_embeddings(path, toy_task(window=30), ["5"])


def test_files_that_are_no_npz(tmp_path: Path) -> None:
    whole = save(tmp_path / "whole.npz", ["a"] * 1, np.ones((1, 4000))).read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    np.savez_compressed(tmp_path / "z.npz", clip_id=np.array(["a"]), embedding=np.ones((1, 4000)))
    packed = bytearray((tmp_path / "z.npz").read_bytes())
    packed[packed.index(b"embedding.npy") + 30 : packed.index(b"embedding.npy") + 60] = bytes(30)
    np.save(tmp_path / "array.npy", np.zeros(3))
    for content, mistake in [
        (b"", "is no .npz file"),
        (b"clip_id,embedding\n", "is no .npz file"),
        (whole[: len(whole) // 2], "is no .npz file"),
        ((tmp_path / "array.npy").read_bytes(), "is no .npz file"),
        (bytes(damaged), "cannot read"),
        (bytes(packed), "cannot read"),
    ]:
        path = tmp_path / "bad.npz"
        path.write_bytes(content)
        with pytest.raises(DataError, match=mistake) as caught:
            read_embeddings(path, toy_task(), ["a"])
        assert "expected an .npz with the arrays clip_id [n] (text)" in str(caught.value)
    np.savez(tmp_path / "half.npz", clip_id=np.array(["a"]))
    with pytest.raises(DataError, match="has no array 'embedding'"):
        read_embeddings(tmp_path / "half.npz", toy_task(), ["a"])
    with pytest.raises(DataError, match="there is no file"):
        read_embeddings(tmp_path / "absent.npz", toy_task(), ["a"])
    with pytest.raises(DataError, match=r"is no \.npz file"):
        read_embeddings(tmp_path, toy_task(), ["a"])
