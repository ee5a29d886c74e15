"""Weights that a person has: which set they are, or why they are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.weights_plugin import A, B, W, array, write_plugin, zip_of

from mirbench.benchmark.api import DataError, UsageError
from mirbench.benchmark.registry import load_representation
from mirbench.benchmark.runs.named_weights import named_sets
from mirbench.benchmark.weights.add import add_weights


@pytest.fixture
def rep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRBENCH_CACHE", str(tmp_path / "cache"))
    return write_plugin(tmp_path)


def lay(**files: bytes) -> None:
    """Write files; ``__`` stands for ``/`` and ``_npy`` for ``.npy``."""
    for name, content in files.items():
        path = Path(name.replace("__", "/").replace("_npy", ".npy"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def added(name: str, *paths: str) -> list[str]:
    return [
        weights.name
        for weights, _ in add_weights(named_sets(name).candidates, [Path(path) for path in paths])
    ]


def test_one_file_whatever_its_name(rep: str) -> None:
    lay(downloaded=W, folder__also=W, both__w_npy=W, both__x=B)
    for place in ("downloaded", "folder", "both", "both/w.npy"):
        assert added(rep, place) == ["big"]
    assert Path("downloaded").read_bytes() == W


def test_a_folder_or_the_folder_around_it(rep: str) -> None:
    lay(here__a_npy=A, here__b_npy=B, around__any__a_npy=A, around__any__b_npy=B)
    for place in ("here", "around", "around/any"):
        assert added(rep, place) == ["small"]
    assert added(rep, "here/a.npy", "here/b.npy") == ["small"]
    np.testing.assert_array_equal(
        load_representation(f"{rep}:model=small").values, [*range(8), *range(0, 16, 2)]
    )


def test_several_sets_at_once(rep: str) -> None:
    lay(all__w_npy=W, all__small__a_npy=A, all__small__b_npy=B)
    assert added(rep, "all") == ["big", "small"]
    assert added(f"{rep}:small", "all") == ["small"]
    assert added(f"{rep}:model=small", "all") == ["small"]


def test_an_archive_as_published(rep: str) -> None:
    Path("published.zip").write_bytes(zip_of({"small/a.npy": A, "small/b.npy": B}))
    assert added(rep, "published.zip") == ["small"]
    Path("published.zip").write_bytes(zip_of({"w.npy": array(3)}))
    with pytest.raises(DataError) as caught:
        added(rep, "published.zip")
    assert "big: w.npy has the shape (3,)" in str(caught.value)
    Path("model.pt").write_bytes(zip_of({"archive/data.pkl": b"x"}))
    with pytest.raises(DataError, match=r"big: .*NpzFile"):
        added(rep, "model.pt")


def test_reasons_are_given_for_every_set(rep: str) -> None:
    lay(any=array(9), half__a_npy=A)
    with pytest.raises(DataError) as caught:
        added(rep, "any", "half")
    assert str(caught.value).splitlines() == [
        "any, half: these are no weights of weighty:",
        "  big: w.npy has the shape (9,)",
        "  small: nothing there is called a.npy and b.npy",
    ]
    with pytest.raises(UsageError, match="there is no file or folder absent"):
        added(rep, "absent")
    with pytest.raises(UsageError, match="has no weights 'huge'; there are: big, small"):
        added(f"{rep}:huge", "any")
    with pytest.raises(UsageError, match="'mfcc' has no weights, and needs none"):
        added("mfcc", "any")


def test_the_published_size_and_checksum_are_asked_for(rep: str, tmp_path: Path) -> None:
    lay(w_npy=W)
    write_plugin(tmp_path, facts=', "bytes": 7')
    with pytest.raises(DataError, match=r"w.npy has 192 bytes instead of 7"):
        added(rep, "w.npy")
    write_plugin(tmp_path, facts=f', "sha256": "{"0" * 64}"')
    with pytest.raises(DataError, match=r"w.npy has the sha256 .*, the published file 0000"):
        added(rep, "w.npy")


TWINS = """
import numpy as np
CARD = {"weights": {
    "one": {"licence": "CC0", "files": {"w.npy": {"source": "https://x.org/1/w.npy"}}},
    "two": {"licence": "CC0", "files": {"w.npy": {"source": "https://x.org/2/w.npy"}}},
}, "weights_parameter": "model"}
def convert_weights(name, files):
    return {"w": np.load(files["w.npy"], allow_pickle=False)}
def load_model(device="cpu", model="one"): ...
"""


def test_sets_of_one_form_are_told_apart_by_their_folder(rep: str) -> None:
    Path("twins.py").write_text(TWINS)
    lay(all__one__w_npy=W, all__two__w_npy=A, other__w_npy=W)
    assert added("twins.py", "all") == ["one", "two"]
    assert added("twins.py", "all/two") == ["two"]
    assert added("twins.py", "other") == ["one"]  # as seen before
    Path("cache/weights/first_seen.json").unlink()
    with pytest.raises(UsageError) as caught:
        added("twins.py", "other")
    assert str(caught.value) == (
        "other/w.npy might be one or two; say which, as in: "
        "mirbench weights add twins.py:model=two PATH"
    )
    assert not list(Path("cache/weights/twins").glob("*.tmp"))
    assert added("twins.py:one", "other") == ["one"]
    Path("cache/weights/first_seen.json").unlink()
    assert added("twins.py:one", "all/two") == ["one"]  # whoever says so
