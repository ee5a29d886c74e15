"""What ``mirbench weights`` is told: a representation, and perhaps one of its sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.plugins.naming import base_name, named_adapter, split_name
from mirbench.benchmark.registry import RepresentationSpec, parse_representation
from mirbench.benchmark.weights.sets import WeightSet, weight_sets


@dataclass(frozen=True)
class Named:
    """The sets of a representation, and the one that was named, if one was."""

    spec: RepresentationSpec
    sets: dict[str, WeightSet]
    chosen: WeightSet | None

    @property
    def weights(self) -> WeightSet:
        """The set that is named, or that the representation uses by default.

        Raises
        ------
        UsageError
            If there are several, and none is the default.
        """
        weights = self.chosen or self.spec.weights
        if weights is None:
            names = ", ".join(f"{self.spec.text}:{name}" for name in self.sets)
            raise UsageError(f"say which: {names}")
        return weights

    @property
    def candidates(self) -> dict[str, WeightSet]:
        """The sets that are meant: the named one, or all that can be told apart by their files.

        Of sets made from the same files, the one that is used by default is meant.
        """
        if self.chosen is not None:
            return {self.chosen.name: self.chosen}
        usual = self.spec.weights
        return {
            name: weights
            for name, weights in self.sets.items()
            if usual is None or name == usual.name or weights.files != usual.files
        }


def named_sets(text: str, cache: Path | None = None) -> Named:
    """Read ``REP``, ``REP:SET`` or ``REP:parameter=value``.

    Raises
    ------
    UsageError
        If there is no such representation or set, or it has no weights.
    """
    plugins = find_plugins("representation")
    if named_adapter(text, plugins) is not None:
        name = base_name(text)
        raise UsageError(f"{name!r} runs other models, whose weights mirbench does not keep")
    parts = split_name(text, plugins)
    names_set = bool(parts.rest) and "=" not in parts.rest
    spec = parse_representation(parts.base if names_set else text, cache)
    sets = weight_sets(spec.plugin, cache)
    if not sets:
        raise UsageError(f"representation {spec.plugin.name!r} has no weights, and needs none")
    if names_set and parts.rest not in sets:
        raise UsageError(
            f"representation {spec.plugin.name!r} has no weights {parts.rest!r}; "
            f"there are: {', '.join(sets)}"
        )
    chosen = sets[parts.rest] if names_set else spec.weights if parts.rest else None
    return Named(spec, sets, chosen)
