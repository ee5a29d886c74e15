"""docs/representations/ says what the cards and the sources say."""

from __future__ import annotations

from helpers.representation_pages import FOLDER, OF_THE_PAPER, built_in, pages


def test_the_pages_are_those_of_the_cards() -> None:
    written = pages()
    assert {path.name for path in written} == {path.name for path in FOLDER.iterdir()}
    for path, content in written.items():
        told = f"{path.name}: run PYTHONPATH=tests python -m helpers.representation_pages"
        assert path.read_text(encoding="utf-8") == content, told


def test_they_tell_what_a_reader_asks() -> None:
    names = [plugin.name for plugin in built_in()]
    assert tuple(names[:6]) == OF_THE_PAPER
    mert = (FOLDER / "mert.md").read_text(encoding="utf-8")
    assert "| `model` | `'95M'` | `95M` (768-d, 12 blocks) or `330M`" in mert
    assert "pip install 'mirbench[hf]'" in mert
    choi = (FOLDER / "choi.md").read_text(encoding="utf-8")
    assert "mirbench weights fetch choi" in choi
    assert "weights_layer0_theano.hdf5](https://raw.githubusercontent.com/" in choi
    assert "| `batch` | `64` |" in (FOLDER / "hear.md").read_text(encoding="utf-8")
