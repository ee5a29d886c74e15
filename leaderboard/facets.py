"""What the representations of a board can be chosen by: licence, training data, size, layer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mirbench.benchmark.result import Result, Row
from mirbench.leaderboard.bibliography import COMMON, entry_of
from mirbench.leaderboard.cards import ALLOWED, FORBIDDEN, NOT_STATED, UNCLEAR, Known, known_of
from mirbench.leaderboard.escaping import one_line
from mirbench.leaderboard.overlap import overlaps

#: Each choice with its values, the words for people.
CHOICES: dict[str, dict[str, str]] = {
    "licence": {
        ALLOWED: "commercial use allowed",
        FORBIDDEN: "commercial use not allowed",
        UNCLEAR: "unclear, or not stated",
    },
    "overlap": {
        "none": "none known",
        "some": "overlaps a task it was run on",
        "unknown": "not stated, or not known",
    },
    "size": {
        "0": "no weights",
        "small": "less than 10 million",
        "medium": "10 to 100 million",
        "large": "100 million to 1 billion",
        "huge": "1 billion and more",
        "unknown": NOT_STATED,
    },
    "layer": {"chosen": "chosen on validation", "fixed": "fixed beforehand"},
}

#: Words for people of the choices themselves.
TITLES = {
    "licence": "Licence",
    "overlap": "Overlap of training data",
    "size": "Parameters",
    "layer": "Layer",
}

_UNTOLD = re.compile(r"not published|unknown|not stated|not checked", re.IGNORECASE)
_SIZES = ((1, "0"), (10**7, "small"), (10**8, "medium"), (10**9, "large"))


@dataclass(frozen=True)
class Facets:
    """Where one representation stands in each of `CHOICES`.

    Attributes
    ----------
    known : Known
        Of its card.
    """

    licence: str
    overlap: str
    size: str
    layer: str
    known: Known


def facets_of(results: Sequence[Result]) -> Facets:
    """Sort one representation by its rows, at least one, and its card."""
    known = known_of(results[0].representation)
    return Facets(
        licence=known.commercial,
        overlap=_overlap(results),
        size=_size(known.parameters),
        layer="chosen" if any(result.probe.layer is not None for result in results) else "fixed",
        known=known,
    )


def _overlap(results: Sequence[Result]) -> str:
    trained = {result.representation.trained_on for result in results}
    if any(overlaps(r.representation.trained_on, r.task.name) for r in results):
        return "some"
    return "unknown" if any(not text or _UNTOLD.search(text) for text in trained) else "none"


def _size(parameters: int | None) -> str:
    if parameters is None:
        return "unknown"
    return next((name for limit, name in _SIZES if parameters < limit), "huge")


def facets_payload(rows: Sequence[Row], names: Sequence[str]) -> dict[str, Any]:
    """Gather what the main page's filters, cost plot and downloads read.

    Parameters
    ----------
    rows : sequence of Row
    names : sequence of str
        Representations in the order of their numbers on the page.

    Returns
    -------
    dict
        ``of``: for each name, its values in the order of `CHOICES`, then parameters (null where
        they are not stated), the number of its licence among ``licences`` and that of its entry
        among ``bibliography`` (null without);
        ``common``: entries that every list of references begins with.
    """
    by_name: dict[str, list[Result]] = {name: [] for name in names}
    for row in rows:
        by_name[row.result.representation.name].append(row.result)
    entries: dict[str, int] = {}
    licences: dict[str, int] = {}
    lines = []
    for results in by_name.values():
        found = facets_of(results)
        entry = entry_of(results[0].representation, found.known)
        cited = None if entry is None else entries.setdefault(entry, len(entries))
        places = [list(CHOICES[key]).index(getattr(found, key)) for key in CHOICES]
        words = one_line(found.known.licence or NOT_STATED)
        licence = licences.setdefault(words, len(licences))
        lines.append([*places, found.known.parameters, licence, cited])
    return {
        "choices": list(CHOICES),
        "of": lines,
        "bibliography": list(entries),
        "licences": list(licences),
        "common": list(COMMON),
    }
