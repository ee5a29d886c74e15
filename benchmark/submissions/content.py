"""A row against this version: task, split, counts; and what is plausible for the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import SPLITS
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.plugins.naming import allowed_characters
from mirbench.benchmark.progress import count
from mirbench.benchmark.registry import task_origin
from mirbench.benchmark.result import Cost, Environment, RepresentationRecord, Result
from mirbench.benchmark.submissions.ground import AGAIN, Ground
from mirbench.benchmark.submissions.selection import check_selection

#: Share of a split's clips that a row of the board may lack, as ``--max-missing`` has it.
MAX_MISSING = 0.05

#: Whether a missing clip counts as wrong, and why.
_MISSING = {
    True: "is a test clip that is not known to be faulty: it must count as wrong in every score",
    False: "must not count as wrong: it is no test clip, or is known to be faulty",
}


def check_content(result: Result, ground: Ground) -> list[str]:
    """Say everything about a row that is impossible, except for its scores."""
    return [
        *_check_task(result, ground),
        *_check_counts(result, ground),
        *check_selection(result, ground),
        *_check_representation(result),
        *_check_cost(result.cost),
        *_check_environment(result.environment),
    ]


def why_off_the_board(result: Result) -> str | None:
    """Say why a row stays off the board whatever it holds; None if it need not."""
    if result.protocol.limit is not None:
        return (
            f"protocol.limit: the row is of {count(result.protocol.limit, 'clip')} of each "
            "split, to try things, and stays off the board; run it without --limit"
        )
    if result.representation.live or result.representation.origin == "live":
        return (
            "representation.live: it was a model object in Python, which no name brings back, so "
            "nobody can repeat the row; make a plugin file of the model (mirbench new "
            "representation NAME) and measure that: mirbench run --rep ./NAME.py"
        )
    return None


def check_path(path: Path, result: Result) -> list[str]:
    """Say where a row should lie, if it lies elsewhere."""
    expected, actual = result.place, Path(*path.absolute().parts[-2:])
    if actual.parts == expected.parts:
        return []
    return [
        f"a row of {show(result.representation.name)} on task {show(result.task.name)}, split "
        f"{show(result.task.split)}, lies at {expected}, not at {actual}; move it, or let "
        "mirbench leaderboard submit do so"
    ]


def _check_task(result: Result, ground: Ground) -> Iterator[str]:
    record, task = result.task, ground.task
    for name in ("title", "version", "kind", "labels", "metrics", "window", "board"):
        stated, expected = getattr(record, name), getattr(task, name)
        if stated != expected:
            yield (
                f"task.{name}: is {show(stated)}, but task {task.name} of this version has "
                f"{show(expected)}; {AGAIN}"
            )
    origin, _ = task_origin(task)
    if record.origin != origin:
        yield (
            f"task.origin: is {show(record.origin)}, but task {task.name} of this version is "
            f"{origin}; {AGAIN}, with --task {task.name}"
        )
    if record.split_sha256 != ground.split.sha256:
        yield (
            f"task.split_sha256: is {show(record.split_sha256, 24)}, but "
            f"splits/{task.name}.{ground.split.name}.csv of this version has "
            f"{ground.split.sha256[:16]}…: it is another split; {AGAIN}"
        )
    if not re.fullmatch("[0-9a-f]{64}", record.embeddings_sha256):
        shown = show(record.embeddings_sha256, 24)
        yield f"task.embeddings_sha256: {shown} is no SHA-256; {AGAIN}"


def _check_counts(result: Result, ground: Ground) -> Iterator[str]:
    record, split = result.task, ground.split
    missing = [clip.clip_id for clip in record.missing]
    foreign = [clip_id for clip_id in missing if clip_id not in split.of]
    if foreign:
        yield f"task.missing: {show(foreign[0])} is no clip of the split; remove it"
    if missing != sorted(set(missing)):
        yield "task.missing: the clips must be sorted by id, each named once"
    if missing and ground.task.never_missing:
        yield (
            f"task.missing: {count(len(missing), 'clip', of=len(split.of))}, the first "
            f"{show(missing[0])}, but mirbench makes the audio of {record.name} itself, so none "
            f"can be missing; {AGAIN}"
        )
    if len(missing) > MAX_MISSING * len(split.of):
        yield (
            f"task.missing: {count(len(missing), 'clip', 'has', of=len(split.of))} no embedding; "
            f"on the board at most {100 * MAX_MISSING:.0f} % may be missing; mend the audio files "
            "(mirbench data doctor)"
        )
    for clip in record.missing:
        expected = split.of.get(clip.clip_id) == "test" and clip.clip_id not in ground.task.faulty
        if clip.wrong != expected:
            yield (
                f"task.missing: {show(clip.clip_id)} {_MISSING[expected]}; {AGAIN}, which "
                "decides that itself"
            )
            break
    if set(record.counts) != set(SPLITS) or set(record.rows) != set(SPLITS):
        yield "task.counts and task.rows must have exactly train, valid and test"
        return
    for note, noted in record.notes.items():
        if not 0 < noted < 10**9:
            yield f"task.notes: {show(note)} on {count(noted, 'row')} cannot be; {AGAIN}"
    lost = set(missing)
    for name in SPLITS:
        present = sum(clip_id not in lost for clip_id in split.ids(name))
        if record.counts[name] != present:
            yield (
                f"task.counts.{name}: is {record.counts[name]}, but the split has "
                f"{count(present, 'clip')} without those that task.missing names; name every "
                "missing clip there"
            )
        rows = record.rows[name]
        if rows < record.counts[name] or (record.window is None and rows != record.counts[name]):
            least = "the number of clips" if record.window is None else "at least one a clip"
            yield f"task.rows.{name}: is {rows}, must be {least}, {record.counts[name]}; {AGAIN}"


def _check_representation(result: Result) -> Iterator[str]:
    record = result.representation
    if not re.fullmatch("[0-9a-f]{16}", record.fingerprint):
        yield f"representation.fingerprint: {show(record.fingerprint, 24)} is none; {AGAIN}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,99}", record.origin):
        yield (
            f"representation.origin: {show(record.origin)} must be built-in, file, precomputed or "
            "the name of a distribution"
        )
    for file, sha256 in record.weights.items():
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            yield f"representation.weights.{show(file)[1:-1]}: {show(sha256, 24)} is no SHA-256"
    if record.dims > 1_000_000 or record.layers > 1000:
        layers = count(record.layers, "layer")
        yield f"representation: {count(record.dims, 'dimension')} in {layers} are too many"
    if not all(_is_plain(value) for value in record.params.values()):
        yield "representation.params: values must be text, numbers, true, false or null"
    elif record.origin != "precomputed" and not _named(record.name, record.params):
        yield (
            f"representation.params: are {show(record.params)}, but the name says "
            f"{show(record.name)}; {AGAIN}"
        )


def missing_trained_on(record: RepresentationRecord) -> str | None:
    """Ask what a representation was trained on, where its row does not say."""
    if record.trained_on is not None:
        return None
    if record.origin == "precomputed":
        how = "measure it with: mirbench probe --embeddings FILE --trained-on TEXT"
    elif record.origin == "built-in":
        how = "measure it with: mirbench probe --rep NAME --trained-on TEXT"
    else:
        how = 'write "trained_on" into the CARD of the plugin and run it again'
    return (
        "representation.trained_on: not stated, so a score on data that the model has seen goes "
        f'unmarked; {how} (names of data sets, or "none")'
    )


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _named(name: str, params: Mapping[str, Any]) -> bool:
    """Whether a name has these parameters. A file stands there with part of its digest."""
    if "target" in params and not re.search("[:,]target=", name):
        # An adapter's name begins with what it runs.
        target = f":{allowed_characters(str(params['target']))}"
        base, _, rest = name.partition(":")
        if not f":{rest},".startswith(f"{target},"):
            return False
        name = base + f":{rest}".removeprefix(target)
        params = {key: value for key, value in params.items() if key != "target"}
    shown = dict(re.findall(r"[:,]([A-Za-z_]\w*)=([^,]*)", name))
    return set(shown) == set(params) and all(
        shown[key] == str(value) or re.search(r"-[0-9a-f]{8}$", shown[key])
        for key, value in params.items()
    )


def _check_cost(cost: Cost) -> Iterator[str]:
    for name in ("embedding_seconds", "probing_seconds", "peak_memory_bytes"):
        value = getattr(cost, name)
        if not 0 <= value < 1e15:
            yield f"cost.{name}: {value} cannot be: a cost is not negative; {AGAIN}"
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
        yield f"environment.commit: {show(environment.commit)} is no commit of Git; {AGAIN}"
