"""What is known of a representation beside its rows: the model card of a built-in one.

A card is a plain literal in the source of its module, and is read from there: nothing is imported.
Of a representation that is a file, or from another distribution, only its rows are here, which
hold neither licence nor parameters: the pages say "not stated" then, as they do where a card does
not say.
"""

from __future__ import annotations

import ast
import functools
import importlib.resources
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mirbench.benchmark.result import RepresentationRecord

BUILT_IN = "built-in"
NOT_STATED = "not stated"

#: Whether one may use a model commercially, as far as its card says.
ALLOWED, FORBIDDEN, UNCLEAR = "allowed", "not allowed", "unclear"

#: Licences that leave commercial use free, perhaps on conditions.
_FREE = re.compile(r"\b(MIT|ISC|BSD|Apache|CC0|CC BY(?!-NC)|Unlicense|MPL|A?L?GPL)", re.IGNORECASE)
_BOUND = re.compile(r"NC\b|non-?commercial|research only|academic use", re.IGNORECASE)
#: What speaks against taking either of the above at its word.
_DOUBT = re.compile(r"not checked|none stated|that of the|unknown", re.IGNORECASE)


@dataclass(frozen=True)
class Known:
    """Facts of a representation, each None where nobody stated it.

    Attributes
    ----------
    module : str or None
        Its file below ``representations/``, of a built-in one.
    parameters : int or None
        Number of weights; 0 of features that are computed without a model.
    year : int or None
        Of the paper.
    install : tuple of str
        Commands that install what it needs.
    weights : str or None
        Name of its set of weights.
    """

    title: str | None = None
    paper: str | None = None
    licence: str | None = None
    module: str | None = None
    parameters: int | None = None
    year: int | None = None
    install: tuple[str, ...] = ()
    weights: str | None = None

    @property
    def commercial(self) -> str:
        """`ALLOWED`, `FORBIDDEN` or `UNCLEAR`; where sources differ, or nobody checked, unclear."""
        licence = self.licence or ""
        free, bound = bool(_FREE.search(licence)), bool(_BOUND.search(licence))
        if free == bound or _DOUBT.search(licence):
            return UNCLEAR
        return ALLOWED if free else FORBIDDEN


def known_of(record: RepresentationRecord) -> Known:
    """Look up what is known of the representation of a row."""
    base = record.name.partition(":")[0]
    module = _module(base) if record.origin == BUILT_IN else None
    if module is None:
        return Known()
    card, default_set = _read(module)
    if {"weights", "target"} & set(record.params):
        # Somebody's own weights: what the card says of the published ones need not be true of them.
        card = {key: card[key] for key in ("title", "paper", "install") if key in card}
        default_set = None
    asked = record.params.get(card.get("weights_parameter", ""))
    name = default_set if asked is None else str(asked)
    chosen: Mapping[str, Any] = card.get("weights", {}).get(name, {})
    # The card's own number is of the default set.
    parameters = chosen.get("parameters", card.get("parameters") if name == default_set else None)
    if parameters is None and card.get("trained_on") == "none":
        parameters = 0
    paper = card.get("paper")
    commands = (card.get("install"), chosen.get("install"))
    return Known(
        title=card.get("title"),
        paper=paper,
        licence=chosen.get("licence", card.get("licence")),
        module=module,
        parameters=parameters,
        year=_year(paper or ""),
        install=tuple(command for command in commands if command),
        weights=name if chosen else None,
    )


def _year(paper: str) -> int | None:
    """Year of the first work that a citation names, if need be that of its preprint."""
    first = paper.partition(";")[0]
    found = re.search(r"\b(?:19|20)\d\d\b", re.sub(r"(?i)arxiv:\S+", "", first))
    if found:
        return int(found[0])
    preprint = re.search(r"(?i)arxiv:(\d\d)(?:0[1-9]|1[0-2])\.\d", first)
    return 2000 + int(preprint[1]) if preprint else None


@functools.cache
def _module(base: str) -> str | None:
    if not base.isidentifier() or base.startswith("_"):
        return None
    folder = importlib.resources.files("mirbench.representations")
    names = (f"{base}.py", f"{base}/__init__.py")
    return next((name for name in names if (folder / name).is_file()), None)


@functools.cache
def _read(module: str) -> tuple[dict[str, Any], str | None]:
    """Card of a module, and the name of the set of weights that it takes unless told otherwise."""
    source = importlib.resources.files("mirbench.representations") / module
    tree = ast.parse(source.read_text(encoding="utf-8"))
    card: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "CARD" for target in targets):
                card = ast.literal_eval(node.value)
        elif isinstance(node, ast.FunctionDef) and node.name == "load_model":
            defaults = _defaults(node.args)
    sets = list(card.get("weights", {}))
    default = defaults.get(card.get("weights_parameter", ""))
    if default is None and len(sets) == 1:
        default = sets[0]
    return card, default


def _defaults(arguments: ast.arguments) -> dict[str, Any]:
    """Defaults that are constants, by the names of their arguments."""
    named = arguments.args[len(arguments.args) - len(arguments.defaults) :] + arguments.kwonlyargs
    values = [*arguments.defaults, *arguments.kw_defaults]
    return {
        argument.arg: value.value
        for argument, value in zip(named, values, strict=True)
        if isinstance(value, ast.Constant)
    }
