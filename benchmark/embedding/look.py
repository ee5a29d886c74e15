"""A look at a model before it embeds: its embeddings must depend on the audio alone.

A few clips of the shortest task of the run are embedded twice, by themselves and in a
batch, in two processes. A model whose numbers are another clip's, another call's or
another process's stops the run with what to do; what rounding leaves is noted, and
goes into the row. The store remembers for each fingerprint and kind of device that it
was found sound.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mirbench.benchmark.api import Clip, MirbenchError, PluginError, Task, UnusableClip
from mirbench.benchmark.datasets.audio import audio_info
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.embedding.trial import (
    CLIPS,
    Difference,
    Seen,
    Trial,
    difference,
    try_out,
)
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.claims import in_turn
from mirbench.benchmark.files.foreign import DAMAGES
from mirbench.benchmark.files.strict_json import read_note
from mirbench.benchmark.machine.ended import WorkerDied
from mirbench.benchmark.machine.memory import free_main_memory, peak_memory
from mirbench.benchmark.machine.process import WorkerProcess

#: Raised whenever more is looked at, or less is let pass.
LOOK_VERSION = 1

#: Clips to choose from, since some may be unusable.
CANDIDATES = 3 * CLIPS

#: Seconds of loading and embedding a clip above which no process is started just to look.
TOO_SLOW = 60.0

#: How far numbers may be apart by the kind of device, see `Difference.share`: those of
#: one call and the next, and those of a clip by itself and in a batch.
AGAIN, IN_BATCH = {"cpu": 1e-4, "cuda": 1e-2}, {"cpu": 1e-3, "cuda": 1e-2}


def look_before(pair: Pair, settings: EmbeddingSettings) -> None:
    """Look at a model, unless it was found sound before.

    Raises
    ------
    PluginError
        If it breaks the contract; in one sentence with the clip, the difference and what to do.
    """
    path = _place(settings.store, pair.fingerprint, settings.device)
    if _remembered(path) is not None:
        return
    waiting = f"{{}} is looking at {pair.spec.label}; waiting for what it finds"
    with in_turn(path, lambda: _remembered(path) is not None, waiting) as mine:
        if mine:
            _look_and_remember(pair, settings, path)


def _look_and_remember(pair: Pair, settings: EmbeddingSettings, path: Path) -> None:
    data = _shortest([pair.data, *pair.others])
    clips = _candidates(data.clips)
    if not clips:
        return
    model = pair.model(settings.device)
    limit = settings.clip_timeout
    trial = Trial(model, data.task.window, clips, os.getcwd(), clip_timeout=limit)
    here, *elsewhere = _look(trial, settings)
    if not here.rows:
        return  # every clip is unusable, and will be told as missing
    judge = _Judge(pair.spec.label, data.task, _kind(settings.device), here)
    found = {"clips": f"{len(here.rows)} of {data.task.name}", "twice": judge.again()}
    if here.in_batch is not None:
        found["in a batch"] = judge.in_batch(here.in_batch)
    found["in another process"] = "not looked at"
    for other in elsewhere:
        found["in another process"] = judge.elsewhere(other)
    write_atomic(path, json.dumps({"version": LOOK_VERSION, "found": found}).encode())


@dataclass(frozen=True)
class _Judge:
    """Says in a word how alike embeddings are, or stops the run."""

    label: str
    task: Task
    kind: str
    seen: Seen

    def again(self) -> str:
        what = "embed gives other numbers for the same clip at another call"
        if self.seen.batch_dependent:
            what = "embed_batch gives other numbers for the same batch at another call"
        return self._word(
            self.seen.again,
            AGAIN,
            what,
            "an embedding must depend on the audio alone. Turn dropout off (model.eval()), seed "
            "what is drawn at random at every call, and keep nothing from one call to the next",
        )

    def in_batch(self, apart: Difference) -> str:
        return self._word(
            apart,
            IN_BATCH,
            "embed_batch gives other numbers than embed",
            "mend embed_batch (the order of the clips, the padding of shorter ones, statistics "
            "of the batch) or leave it out; if embeddings are meant to depend on the other clips "
            "of a batch, declare batch_dependent = True and a batch_size",
        )

    def elsewhere(self, other: Seen) -> str:
        both = self.seen.rows.keys() & other.rows.keys()
        return self._word(
            difference({id_: self.seen.rows[id_] for id_ in sorted(both)}, other.rows),
            AGAIN,
            "another process gives other numbers for the same clip",
            "an embedding must depend on the audio alone. Seed what load_model draws at random "
            "(weights that are not read from a file, say), and let nothing hang on hash(), the "
            "order of a set, the time or the process",
        )

    def _word(self, apart: Difference, most: Mapping[str, float], what: str, how: str) -> str:
        if apart.share > most[self.kind]:
            raise PluginError(
                f"representation {self.label!r}, clip {apart.clip!r} of {self.task.name}: {what} "
                f"(they differ by up to {_percent(apart.share)}); {how}"
            )
        return "equal" if apart.share == 0 else f"within {apart.share:.0e}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1g} %"


def what_was_found(store: Store, fingerprint: str, devices: Iterable[str]) -> dict[str, str]:
    """Read what the looks at a model have found; empty where there was none.

    Parameters
    ----------
    store : Store
    fingerprint : str
        Of the representation.
    devices : iterable of str
        On which it was embedded.
    """
    kinds = sorted({_kind(device) for device in devices})
    found: dict[str, str] = {}
    for kind in kinds:
        facts = _remembered(_place(store, fingerprint, kind)) or {}
        found |= {key if len(kinds) == 1 else f"{key} ({kind})": facts[key] for key in facts}
    return found


def _place(store: Store, fingerprint: str, device: str) -> Path:
    return store.model_facts(fingerprint).with_name(f"look-{_kind(device)}.json")


def _kind(device: str) -> str:
    return device.partition(":")[0]


def _look(trial: Trial, settings: EmbeddingSettings) -> Iterator[Seen]:
    """Try a model out in two processes, or in one where another would be dear.

    The first is a worker, which keeps the model; as may the second be.
    """
    with settings.model_workers(most=2) as workers:
        seen, *others = workers.unordered(try_out, [trial] * workers.count)
        yield seen
        # One worker may have been quick enough to do both.
        others = [other for other in others if other.pid != seen.pid]
        (room,) = [True] if others else workers.unordered(room_for_another, [settings.device])
    if others:
        yield from others
    elif seen.seconds <= TOO_SLOW and room and settings.cluster is None:
        yield from _elsewhere(trial)


def _elsewhere(trial: Trial) -> Iterator[Seen]:
    """Try a model out in a process of its own, which ends with that."""
    process = WorkerProcess()
    try:
        yield process.call(try_out, replace(trial, once=True))
    except WorkerDied as error:
        if not error.ended.may_lack_memory:
            raise MirbenchError(error.ended.text(1)) from error
        # The run needs no second model.
    finally:
        process.close()


def room_for_another(device: str) -> bool:
    """Whether the memory has room for what this process has taken of it, once more; in a worker."""
    if device == "cpu":
        return free_main_memory() > peak_memory() + 2**30
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return False  # what other libraries take is not known
    free, _ = torch.cuda.mem_get_info(device)
    taken: int = torch.cuda.max_memory_reserved(device)
    return bool(free > 2 * taken + 2**30)


def _shortest(datasets: Sequence[Dataset]) -> Dataset:
    """Pick the dataset with the shortest clips, by its first clip or its windows."""
    if len(datasets) == 1:
        return datasets[0]
    return min(datasets, key=_seconds)


def _seconds(data: Dataset) -> float:
    if data.task.window is not None:
        return data.task.window
    for clip in data.clips:
        if clip.path is not None and clip.path.is_file():
            try:
                return clip.duration or audio_info(clip.path).duration - clip.start
            except UnusableClip:
                continue
    return float("inf")


def _candidates(clips: Sequence[Clip]) -> tuple[Clip, ...]:
    """Pick clips whose audio is here, evenly over the dataset."""
    here = [clip for clip in clips if clip.path is not None and clip.path.is_file()]
    count = min(CANDIDATES, len(here))
    return tuple(here[number * len(here) // count] for number in range(count))


def _remembered(path: Path) -> dict[str, str] | None:
    """Read what was found; None where there was no look, or the file is not what one wrote."""
    try:
        content = read_note(path)
        found = {str(key): str(value) for key, value in content["found"].items()}
        return found if content["version"] == LOOK_VERSION else None
    except (OSError, *DAMAGES):
        return None
