"""Which layer of a representation is best: every layer is probed, validation chooses.

A sweep is a run of a representation that gives all its layers, with a
protocol of a few linear probes unless another is named; its rows are those of
`mirbench.benchmark.run` and hold the score of every layer.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.machine.device import check_device
from mirbench.benchmark.machine.share import share_of
from mirbench.benchmark.plugins.naming import split_name, write_name
from mirbench.benchmark.protocol import get_protocol
from mirbench.benchmark.registry import RepresentationSpec, load_task, parse_representation
from mirbench.benchmark.result import Result
from mirbench.benchmark.runs.commands import run
from mirbench.benchmark.runs.each import count_layers
from mirbench.benchmark.runs.pairs import Names, as_list

#: Protocol of a sweep: a few linear probes suffice to compare layers with each other.
SWEEP_PROTOCOL = "quick"


def sweep(
    rep: str,
    task: Names | None = None,
    *,
    device: str = "cpu",
    protocol: str = SWEEP_PROTOCOL,
    cache: Path | None = None,
    engine: str = "local",
    **options: Any,
) -> list[Result]:
    """Probe every layer of a representation on tasks; the rows' `curve` has the scores.

    What is returned and raised is as for `mirbench.benchmark.run`.

    Parameters
    ----------
    rep, task, device, protocol, cache, engine, **options
        As for `mirbench.benchmark.run`, but one representation.

    Raises
    ------
    UsageError
        If the representation has no layers.
    """
    get_protocol(protocol)
    share_of(options.get("part"))
    for name in as_list(task or []):
        load_task(name)  # a mistake should show before a model is loaded
    # The GPUs of a cluster need not be those of this machine.
    spec = with_layers(rep, cache, device if engine == "local" else "cpu")
    options |= {"device": device, "engine": engine}
    return run(spec.text, task, protocol=protocol, cache=cache, **options)


def with_layers(
    rep: str, cache: Path | None = None, device: str = "cpu", only_plan: bool = False
) -> RepresentationSpec:
    """Find the form of a representation that gives several layers.

    That is ``layers=all`` where it has a parameter `layers` that is not set
    (of an adapter, ``layer=all``), or else the representation as it is named.
    Its model is loaded to see, unless the store has embeddings of it.

    Parameters
    ----------
    rep : str
        The representation, as on the command line.
    cache : Path, optional
        The cache folder.
    device : str
        Where its model is loaded, if it must be.
    only_plan : bool
        Nothing will be embedded: a representation that tells its cost is not loaded.

    Raises
    ------
    UsageError
        If neither has at least two layers.
    """
    check_device(device)
    store = Store(cache)
    # With the folder that a run uses, so that its model is the one that is loaded here.
    named, failure = parse_representation(rep, store.cache.root), ""
    for spec in filter(None, (_all_layers(named), named)):
        try:
            count = _count_layers(spec, store, device, only_plan)
        except MirbenchError as error:
            if spec is named:
                raise
            failure = f" ({spec.text} fails: {error})"
            continue
        if count > 1:
            return spec
    raise UsageError(
        f"representation {named.label!r} has no layers to sweep{failure}; "
        f"probe it with: mirbench run --rep {shlex.quote(rep)}"
    )


def _count_layers(spec: RepresentationSpec, store: Store, device: str, only_plan: bool) -> int:
    if only_plan and spec.tells_cost:
        *layers, _ = spec.cost(1.0, device).shape
        return math.prod(layers)
    spec.prepare_weights()  # the fingerprint depends on them
    return count_layers(spec, store, device)


def single_layer(rep: str, layer: str) -> str | None:
    """How to name one layer of a representation as a representation; None if it has no such name.

    That is its parameter `layer`, where `load_model` has one.
    """
    named = parse_representation(rep)
    if "layer" not in _defaults(named):
        return None
    params = {key: value for key, value in named.params.items() if key not in ("layer", "layers")}
    try:
        return parse_representation(_named(named, params | {"layer": layer})).text
    except MirbenchError:
        return None


def _all_layers(named: RepresentationSpec) -> RepresentationSpec | None:
    key = "layers" if named.target is None else "layer"
    if key not in _defaults(named) or key in named.params:
        return None
    try:
        return parse_representation(_named(named, named.params | {key: "all"}), named.cache)
    except MirbenchError:
        return None


def _named(spec: RepresentationSpec, params: Mapping[str, object]) -> str:
    """Name of the same representation with other parameters."""
    name = split_name(spec.text, [spec.plugin])
    fixed = {"target"} if name.target is not None else set()
    others = {key: value for key, value in params.items() if key not in fixed}
    return write_name(name.base, others, name.target)


def _defaults(spec: RepresentationSpec) -> dict[str, object]:
    return (spec.plugin.source and spec.plugin.source.parameters()) or {}
