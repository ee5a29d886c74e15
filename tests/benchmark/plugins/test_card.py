"""What is wrong with a model card."""

from __future__ import annotations

from typing import Any

import pytest

from mirbench.benchmark.plugins.card import card_mistake

FILE = {"source": "https://example.org/w.bin"}
SET = {"licence": "ISC", "files": {"w.bin": FILE}}


def one_set(**changes: Any) -> dict[str, Any]:
    return {"weights": {"big": SET | changes}}


def one_file(**changes: Any) -> dict[str, Any]:
    return one_set(files={"w.bin": FILE | changes})


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"title": "T", "requires": ["torch"], "parameters": 12, "weights": {}},
        one_set(package="musicnn/MSD_musicnn", parameters=9, trained_on="MSD"),
        one_file(bytes=3, sha256="0" * 64, mirrors=["https://example.com/w.bin"]),
        one_set(files={".index": FILE, ".data-00000-of-00001": FILE}),
        {"weights": {"a": SET, "b": SET}, "weights_parameter": "model"},
    ],
)
def test_right_cards(card: dict[str, Any]) -> None:
    assert card_mistake(card) is None


@pytest.mark.parametrize(
    ("card", "mistake"),
    [
        ({"title": 3}, "title must be text"),
        ({"requires": "torch"}, "requires must be a list of names"),
        ({"parameters": "many"}, "parameters must be a number"),
        ({"parameters": True}, "parameters must be a number"),
        ({"weights": ["big"]}, "weights must be a dict of sets"),
        ({"weights": {"a/b": SET}}, "the name 'a/b' has other characters"),
        ({"weights": {"..": SET}}, "the name '..' has other characters"),
        ({"weights": {"a": SET, "b": SET}}, "it must name the weights_parameter"),
        ({"weights": {"big": {"source": "x"}}}, "'big': it must be a dict with licence and files"),
        (one_set(licence=None), "'big': licence must be text"),
        (
            one_set(url="x"),
            "there is no key 'url'; there are: licence, files, package, install, trained_on, pa",
        ),
        (one_set(trained_on=["MSD"]), "'big': trained_on must be text"),
        (one_set(parameters="9"), "'big': parameters must be a number"),
        (one_set(package="/etc"), "package must be a folder inside an installed package"),
        (one_set(package="musicnn/../x"), "package must be a folder inside an installed package"),
        (one_set(files={}), "it has no files"),
        (one_set(files={"a/b": FILE}), "'a/b' is no file name"),
        (one_set(files={"..": FILE}), "'..' is no file name"),
        (one_set(files={"w": "https://example.org"}), "file 'w': it must be a dict with the sourc"),
        (one_file(source=None), "file 'w.bin': it must be a dict with the source"),
        (one_file(size=3), "there is no key 'size'; there are: source, mirrors, bytes, sha256"),
        (one_file(mirrors="x"), "mirrors must be a list"),
        (one_file(bytes=0), "bytes must be a positive number"),
        (one_file(sha256="abc"), "sha256 must be 64 hex digits"),
    ],
)
def test_wrong_cards(card: dict[str, Any], mistake: str) -> None:
    assert mistake in str(card_mistake(card))
