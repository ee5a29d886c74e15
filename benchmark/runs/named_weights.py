"""What ``mirbench weights`` is told: a representation, and perhaps one of its sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.plugins.adapters import adapter_form
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.registry import RepresentationSpec, parse_representation
from mirbench.benchmark.weights.sets import WeightSet, weight_sets


@dataclass(frozen=True)
class Named:
    """The sets of a representation, and the one that was named, if one was."""

    spec: RepresentationSpec
    sets: dict[str, WeightSet]
    chosen: WeightSet | None

    @property
    def one(self) -> WeightSet:
        """The set that is named, or that the representation uses by default.

        Raises
        ------
        UsageError
            If there are several, and none is the default.
        """
        found = self.chosen or self.spec.weights
        if found is None:
            names = ", ".join(f"{self.spec.text}:{name}" for name in self.sets)
            raise UsageError(f"say which: {names}")
        return found

    @property
    def candidates(self) -> dict[str, WeightSet]:
        """The sets that are meant: the named one, or all that can be told apart by their files.

        Of sets made from the same files, the one that is used by default is meant.
        """
        if self.chosen is not None:
            return {self.chosen.name: self.chosen}
        usual = self.spec.weights
        return {
            name: one
            for name, one in self.sets.items()
            if usual is None or name == usual.name or one.files != usual.files
        }


def named_sets(text: str, cache: Path | None = None) -> Named:
    """Read ``REP``, ``REP:SET`` or ``REP:parameter=value``.

    Raises
    ------
    UsageError
        If there is no such representation or set, or it has no weights.
    """
    head, colon, rest = text.rpartition(":")
    name = text.partition(":")[0]
    if any(p.name == name and adapter_form(p) for p in find_plugins("representation")):
        raise UsageError(f"{name!r} runs other models, whose weights mirbench does not keep")
    if not colon or "=" in rest or not rest:
        spec = parse_representation(text, cache)
        sets = weight_sets(spec.plugin, cache)
        chosen = spec.weights if rest and colon else None
    else:
        spec = parse_representation(head, cache)
        sets = weight_sets(spec.plugin, cache)
        if sets and rest not in sets:
            raise UsageError(
                f"representation {spec.plugin.name!r} has no weights {rest!r}; "
                f"there are: {', '.join(sets)}"
            )
        chosen = sets.get(rest)
    if not sets:
        raise UsageError(f"representation {spec.plugin.name!r} has no weights, and needs none")
    return Named(spec, sets, chosen)
