"""What ``mirbench weights`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mirbench.benchmark.api import PluginError
from mirbench.benchmark.cli.tables import size
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.plugins.naming import plugin_argument
from mirbench.benchmark.progress import count
from mirbench.benchmark.runs.named_weights import named_sets
from mirbench.benchmark.weights.fetch import FetchedWeights
from mirbench.benchmark.weights.first_seen import first_seen
from mirbench.benchmark.weights.sets import WeightFile, WeightSet, weight_sets


def weights_report(rep: str | None = None, cache: Path | None = None) -> str:
    """List the weights of one representation, or of all; no plugin is imported."""
    if rep is not None:
        named = named_sets(rep, cache)
        sets = [named.chosen] if named.chosen is not None else list(named.sets.values())
        return "\n".join(line for weights in sets for line in _set_lines(weights))
    lines = []
    for plugin in find_plugins("representation"):
        try:
            sets = list(weight_sets(plugin, cache).values())
        except PluginError as error:
            lines.append(str(error))
            continue
        lines += [line for weights in sets for line in _set_lines(weights)]
    return "\n".join(lines) or "no representation has weights"


def _set_lines(weights: WeightSet) -> list[str]:
    seen = first_seen(weights)
    lines = [
        f"{plugin_argument(weights.plugin)}:{weights.name}  {_state(weights)}",
        f"  licence: {weights.licence}",
    ]
    for file in weights.files:
        lines += _file_lines(weights, file, seen.get(file.name))
    return lines


def _state(weights: WeightSet) -> str:
    if weights.ready:
        return f"ready ({size(weights.path.stat().st_size)}): {weights.path}"
    if weights.in_package() is not None:
        return f"ready: in the installed package {weights.package}, converted on first use"
    return f"absent: {weights.command('fetch')}"


def _file_lines(weights: WeightSet, file: WeightFile, seen: str | None) -> list[str]:
    original = weights.originals().get(file.name)
    bytes_ = file.bytes or (original.bytes if original is not None else None)
    known = "size not published" if bytes_ is None else f"{size(bytes_)} ({count(bytes_, 'byte')})"
    if file.sha256 is not None:
        sha256 = file.sha256.lower()
    else:
        sha256 = f"first seen {seen}" if seen is not None else "not published"
    within = "in " if file.zipped else ""
    return [
        f"  {file.name}  {known}",
        *(f"    {within}{source}" for source in file.sources),
        f"    sha256: {sha256}",
    ]


def fetch_report(done: FetchedWeights) -> str:
    """Say what a fetch did."""
    weights = done.weights
    if done.already_here:
        return f"{weights.spoken}: its weights are here: {weights.path}"
    kept = "deleted" if done.originals is None else f"kept in {done.originals}"
    lines = [
        f"{weights.spoken}: its weights are now here, converted: {weights.path}",
        f"the downloaded files were {kept}",
    ]
    unpublished = [file.name for file in weights.files if file.sha256 is None]
    if unpublished:
        lines.append(
            f"no checksum is published for {', '.join(unpublished)}; what came now is recorded, "
            "and anything else will be refused"
        )
    return "\n".join(lines)


def added_report(added: Sequence[tuple[WeightSet, dict[str, Path]]]) -> str:
    """Say which weights were added, from which files."""
    lines = []
    for weights, files in added:
        lines.append(f"{weights.spoken}: its weights are now here, converted: {weights.path}")
        lines += [f"  {name}: {path}" for name, path in files.items() if name != path.name]
    lines.append("your own files were left as they are, and are no longer needed")
    return "\n".join(lines)
