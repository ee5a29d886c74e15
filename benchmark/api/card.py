"""The model card: what a representation's module says of its model."""

from __future__ import annotations

from typing import TypedDict


class WeightsFile(TypedDict, total=False):
    """One file of a set of weights, as its publishers offer it."""

    #: Its address; of a ``.zip`` that holds it, if the file itself is none.
    source: str
    #: Other addresses, tried in order after `source`.
    mirrors: list[str]
    #: Size and checksum, where they are published or known.
    bytes: int
    sha256: str


class WeightsSet(TypedDict, total=False):
    """The files that make one model."""

    licence: str
    #: File name (no folder) to where it is from.
    files: dict[str, WeightsFile]
    #: Folder inside an installed package in which the files may lie: ``"musicnn/MTT_musicnn"``.
    package: str
    #: The command that installs it, if that is not ``pip install`` and its name.
    install: str
    #: As in the card, where the sets differ.
    trained_on: str
    parameters: int


class Card(TypedDict, total=False):
    """A model card: the module-level ``CARD`` of a representation, a plain dict literal.

    It is read without importing the module, so it must be a literal.
    """

    title: str
    #: Citation or link of the paper that describes the model.
    paper: str
    licence: str
    #: What the model was trained on: "none", or dataset names.
    trained_on: str
    #: Importable names that ``load_model`` needs, such as ``["librosa"]``.
    requires: list[str]
    #: The command that installs them, where it is not part of mirbench.
    install: str
    #: How the names of an adapter are written: ``hear:<module>``. Its ``load_model``
    #: also takes the ``target``, and it has ``target_files(target) -> {name: Path}``,
    #: which gives the files that decide what the target computes.
    adapter: str
    #: Number of weights of the model.
    parameters: int
    #: Sets of weights by name; see docs/weights.md.
    weights: dict[str, WeightsSet]
    #: The parameter of ``load_model`` whose value names the set; needed where there are several.
    weights_parameter: str
