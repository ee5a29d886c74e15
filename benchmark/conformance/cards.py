"""Whether a model card says what reviewers ask for."""

from __future__ import annotations

from collections.abc import Iterator

from mirbench.benchmark.conformance.findings import Finding
from mirbench.benchmark.registry import RepresentationSpec

#: Keys that a card should have, and why.
_WANTED = {
    "title": "tables name the model by it",
    "licence": "readers must know whether they may use the model",
    "requires": 'the packages that it computes with, ["numpy"] say: their versions stand in rows',
}


def check_card(spec: RepresentationSpec) -> Finding:
    """Check the card of a representation, which is read without running it."""
    card = spec.plugin.card()
    if not spec.trained_on and "adapter" in card and spec.plugin.origin == "built-in":
        found = "the adapter's; say what the model was trained on when its rows are measured"
        return Finding("card", "passed", f"{found}: mirbench probe --rep NAME --trained-on TEXT")
    if not spec.trained_on:
        return Finding(
            "card",
            "failed",
            "CARD does not say what the model was trained on; a row that does not is not taken",
            'add "trained_on": the names of the data sets, or "none"',
        )
    lacking = list(_lacking(spec))
    if lacking:
        return Finding(
            "card",
            "warning",
            f"CARD has no {', '.join(lacking)}",
            "add it: " + "; ".join(f"{key}: {_WANTED[key]}" for key in lacking),
        )
    return Finding("card", "passed", f"{', '.join(card)}")


def _lacking(spec: RepresentationSpec) -> Iterator[str]:
    card = spec.plugin.card()
    licence = None if spec.weights is None else spec.weights.licence
    for key in _WANTED:
        if not card.get(key) and not (key == "licence" and licence):
            yield key
