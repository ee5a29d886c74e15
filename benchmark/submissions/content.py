"""A row against this version: task, split, protocol, probe, counts, plausibility."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import SPLITS, MirbenchError, Task
from mirbench.benchmark.metrics import WAYS
from mirbench.benchmark.protocol import PROTOCOLS, Protocol
from mirbench.benchmark.registry import load_task, split_folder
from mirbench.benchmark.result import Cost, Environment, ProbeRow, Result, result_path
from mirbench.benchmark.splits import SplitTable, load_split
from mirbench.benchmark.submissions.verdict import show

#: Share of a split's clips that a row of the board may lack, as ``--max-missing`` has it.
MAX_MISSING = 0.05

_AGAIN = "run the row again with this version of mirbench"


@dataclass(frozen=True)
class Ground:
    """What this version of mirbench knows about a row's task and protocol."""

    task: Task
    split: SplitTable
    protocol: Protocol


def find_ground(result: Result) -> tuple[Ground | None, list[str]]:
    """Look up task, split and protocol of a row, or say which of them there is not."""
    errors = []
    protocol = PROTOCOLS.get(result.protocol.name)
    if protocol is None:
        main = ", ".join(name for name, one in PROTOCOLS.items() if one.main_board)
        errors.append(
            f"protocol.name: there is no protocol {show(result.protocol.name)}; the board has "
            f"rows of: {main}"
        )
    elif not protocol.main_board:
        errors.append(
            f"protocol.name: {protocol.name} is for trying things out and stays off the board; "
            "run the row without --protocol"
        )
    try:
        task = load_task(result.task.name)
        split = load_split(task, result.task.split, split_folder(task.name))
    except MirbenchError as error:
        return None, [*errors, f"task: {error}"]
    return (None if protocol is None else Ground(task, split, protocol)), errors


def check_content(result: Result, ground: Ground) -> list[str]:
    """Say everything about a row that cannot be, but for its scores."""
    return [
        *_check_task(result, ground),
        *_check_counts(result, ground),
        *_check_protocol(result, ground.protocol),
        *_check_probe(result, ground),
        *_check_representation(result),
        *_check_cost(result.cost),
        *_check_environment(result.environment),
    ]


def check_path(path: Path, result: Result) -> list[str]:
    """Say where a row should lie, if it lies elsewhere."""
    expected = result_path(
        Path(),
        result.representation.name,
        result.task.name,
        result.task.split,
        result.protocol.name,
    )
    if path.absolute().parts[-2:] == expected.parts:
        return []
    own = Path(*path.absolute().parts[-2:])
    return [
        f"a row of {show(result.representation.name)} on task {show(result.task.name)}, split "
        f"{show(result.task.split)}, lies at {expected}, not at {own}; move it, or let "
        "mirbench leaderboard submit do so"
    ]


def _check_task(result: Result, ground: Ground) -> Iterator[str]:
    record, task = result.task, ground.task
    for name in ("title", "version", "kind", "labels", "metrics", "window", "board"):
        stated, own = getattr(record, name), getattr(task, name)
        if stated != own:
            yield (
                f"task.{name}: is {show(stated)}, but task {task.name} of this version has "
                f"{show(own)}; {_AGAIN}"
            )
    if record.split_sha256 != ground.split.sha256:
        yield (
            f"task.split_sha256: is {show(record.split_sha256, 24)}, but "
            f"splits/{task.name}.{ground.split.name}.csv of this version has "
            f"{ground.split.sha256[:16]}…: it is another split; {_AGAIN}"
        )
    if not re.fullmatch("[0-9a-f]{64}", record.embeddings_sha256):
        shown = show(record.embeddings_sha256, 24)
        yield f"task.embeddings_sha256: {shown} is no SHA-256; {_AGAIN}"


def _check_counts(result: Result, ground: Ground) -> Iterator[str]:
    record, split = result.task, ground.split
    missing = [clip.clip_id for clip in record.missing]
    foreign = [clip_id for clip_id in missing if clip_id not in split.of]
    if foreign:
        yield f"task.missing: {show(foreign[0])} is no clip of the split; remove it"
    if missing != sorted(set(missing)):
        yield "task.missing: the clips must be sorted by id, each named once"
    if len(missing) > MAX_MISSING * len(split.of):
        yield (
            f"task.missing: {len(missing)} of {len(split.of)} clips have no embedding; on the "
            f"board at most {100 * MAX_MISSING:.0f} % may be missing; mend the audio files "
            "(mirbench data doctor)"
        )
    if set(record.counts) != set(SPLITS) or set(record.rows) != set(SPLITS):
        yield "task.counts and task.rows must have exactly train, valid and test"
        return
    lost = set(missing)
    for name in SPLITS:
        expected = sum(clip_id not in lost for clip_id in split.ids(name))
        if record.counts[name] != expected:
            yield (
                f"task.counts.{name}: is {record.counts[name]}, but the split has {expected} "
                "clips without those that task.missing names; name every missing clip there"
            )
        rows = record.rows[name]
        if rows < record.counts[name] or (record.window is None and rows != record.counts[name]):
            wanted = "the number of clips" if record.window is None else "at least one a clip"
            yield f"task.rows.{name}: is {rows}, must be {wanted}, {record.counts[name]}; {_AGAIN}"


def _check_protocol(result: Result, protocol: Protocol) -> Iterator[str]:
    record = result.protocol
    if record.hash != protocol.hash:
        yield (
            f"protocol.hash: is {show(record.hash, 24)}, but {protocol.name} of this version is "
            f"{protocol.hash}: it is another protocol; {_AGAIN}"
        )
    if record.main_board != protocol.main_board:
        yield f"protocol.main_board: must be {protocol.main_board} for {protocol.name}"
    probes = len(protocol.grid()) * max(1, result.representation.layers)
    for name in ("probes", "probes_run"):
        if getattr(record, name) != probes:
            yield (
                f"protocol.{name}: is {getattr(record, name)}, but {protocol.name} has {probes} "
                f"probes for {result.representation.layers or 'no'} layers; run the whole grid"
            )


def _check_probe(result: Result, ground: Ground) -> Iterator[str]:
    probe, protocol = result.probe, ground.protocol
    grid = protocol.grid()
    if probe.index >= len(grid):
        yield f"probe.index: {probe.index} is outside the grid of {len(grid)} probes; {_AGAIN}"
    else:
        config = grid[probe.index]
        for name in ("standardise", "hidden", "batch_size", "learning_rate", "dropout", "l2"):
            if getattr(probe, name) != getattr(config, name):
                yield (
                    f"probe.{name}: is {getattr(probe, name)}, but probe {probe.index} of "
                    f"{protocol.name} has {getattr(config, name)}; {_AGAIN}"
                )
    if (probe.layer is None) != (result.representation.layers == 0):
        yield (
            f"probe.layer: is {show(probe.layer)} for a representation of "
            f"{result.representation.layers} layers; {_AGAIN}"
        )
    if (probe.way is None) != (ground.task.window is None):
        windows = "has no windows" if ground.task.window is None else "merges windows"
        yield f"probe.way: is {show(probe.way)}, but task {ground.task.name} {windows}; {_AGAIN}"
    elif probe.way is not None and probe.way not in WAYS:
        yield f"probe.way: there is no way {show(probe.way)}; there are: {', '.join(WAYS)}"
    yield from _check_course(probe, protocol, ground.task)


def _check_course(probe: ProbeRow, protocol: Protocol, task: Task) -> Iterator[str]:
    every, patience = protocol.eval_every, protocol.patience
    stops = probe.best_update + every * (patience + 1)
    if probe.best_update < 0 or probe.best_update % every or probe.updates != stops:
        yield (
            f"probe.updates: {probe.updates} with the best at {probe.best_update} cannot be: "
            f"{protocol.name} evaluates every {every} updates and stops {patience} evaluations "
            f"after the best; {_AGAIN}"
        )
    if not _in_range(task.metrics[0], probe.valid):
        yield f"probe.valid: {probe.valid} is no {task.metrics[0]}; {_AGAIN}"


def _in_range(metric: str, value: float) -> bool:
    return math.isfinite(value) and value <= 1 and (value >= 0 or metric == "r2")


def _check_representation(result: Result) -> Iterator[str]:
    record = result.representation
    if not re.fullmatch("[0-9a-f]{16}", record.fingerprint):
        yield f"representation.fingerprint: {show(record.fingerprint, 24)} is none; {_AGAIN}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,99}", record.origin):
        yield (
            f"representation.origin: {show(record.origin)} must be built-in, file, precomputed or "
            "the name of a distribution"
        )
    if record.dims > 1_000_000 or record.layers > 1000:
        yield f"representation: {record.dims} dims in {record.layers} layers are too many"
    if not all(_is_plain(value) for value in record.params.values()):
        yield "representation.params: values must be text, numbers, true, false or null"
    elif record.origin != "precomputed" and not _named(record.name, record.params):
        yield (
            f"representation.params: are {show(record.params)}, but the name says "
            f"{show(record.name)}; {_AGAIN}"
        )


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _named(name: str, params: Mapping[str, Any]) -> bool:
    """Whether a name has these parameters. A file stands there with part of its digest."""
    shown = dict(re.findall(r"[:,]([A-Za-z_]\w*)=([^,]*)", name))
    return set(shown) == set(params) and all(
        shown[key] == str(value) or re.search(r"-[0-9a-f]{8}$", shown[key])
        for key, value in params.items()
    )


def _check_cost(cost: Cost) -> Iterator[str]:
    for name in ("embedding_seconds", "probing_seconds", "peak_memory_bytes"):
        value = getattr(cost, name)
        if not 0 <= value < 1e15:
            yield f"cost.{name}: {value} cannot be: a cost is not negative; {_AGAIN}"
    if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", cost.device):
        yield f"cost.device: {show(cost.device)} is none; it is cpu or cuda"


def _check_environment(environment: Environment) -> Iterator[str]:
    for name in ("packages", "embedded_with"):
        versions = getattr(environment, name)
        if len(versions) > 100:
            yield f"environment.{name}: {len(versions)} entries; at most 100 are kept"
        for key, value in versions.items():
            if len(key) > 100 or len(value) > 100:
                yield f"environment.{name}: {show(key)} is longer than a version is"
    for name in ("python", "platform"):
        if len(getattr(environment, name)) > 100:
            yield f"environment.{name}: {show(getattr(environment, name))} is too long"
    if environment.commit is not None and not re.fullmatch("[0-9a-f]{40}", environment.commit):
        yield f"environment.commit: {show(environment.commit)} is no commit of Git; {_AGAIN}"
