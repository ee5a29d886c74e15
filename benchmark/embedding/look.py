"""A look at a model before it embeds: its embeddings must depend on the audio, and on it alone.

A few clips of the shortest task of the run are embedded twice, by themselves and in a
batch, in two processes; then synthetic ones, short and long. A model whose numbers are
another clip's, another call's, another process's or no clip's at all stops the run with
what to do; what rounding leaves is noted, and goes into the row. The store remembers for
each fingerprint and kind of device that it was found sound, and with which versions of
libraries: with others, there is another look, which compares (see
`mirbench.benchmark.embedding.verdicts`).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import Clip, MirbenchError, PluginError, UnusableClip
from mirbench.benchmark.datasets.audio import audio_info
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.embedding.difference import difference
from mirbench.benchmark.embedding.judge import IN_BATCH, Judge, percent, word
from mirbench.benchmark.embedding.listening import Heard
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.room import room_for_another
from mirbench.benchmark.embedding.trial import CLIPS, Seen, Trial, try_out
from mirbench.benchmark.embedding.verdicts import (
    Verdict,
    Versions,
    kind_of,
    read_vector,
    read_verdict,
    verdict_file,
    versions_of,
    write_vector,
    write_verdict,
)
from mirbench.benchmark.files.claims import in_turn
from mirbench.benchmark.machine.ended import WorkerDied
from mirbench.benchmark.machine.process import WorkerProcess
from mirbench.benchmark.progress import say
from mirbench.benchmark.registry.known_troubles import known_troubles

#: Clips to choose from, since some may be unusable.
CANDIDATES = 3 * CLIPS

#: Seconds of loading and embedding a clip above which no process is started just to look.
TOO_SLOW = 60.0


def look_before(pair: Pair, settings: EmbeddingSettings) -> None:
    """Look at a model, unless it was found sound before with the libraries that are here.

    Raises
    ------
    PluginError
        If it breaks the contract, or does not embed as it did with other versions; in one
        sentence with the difference and what to do.
    """
    for trouble in known_troubles(pair.spec):
        _say_once(f"{pair.spec.label}: {trouble}")
    path = verdict_file(settings.store, pair.fingerprint, settings.device)
    versions = versions_of(pair.spec)

    def sound() -> bool:
        verdict = read_verdict(path)
        return verdict is not None and versions in verdict.versions

    if sound():
        return
    waiting = f"{{}} is looking at {pair.spec.label}; waiting for what it finds"
    with in_turn(path, sound, waiting) as mine:
        if mine:
            _look_and_remember(pair, settings, path, versions)


@functools.cache
def _say_once(text: str) -> None:
    """Say something that holds for every task of a run, at the first."""
    say(text)


def _look_and_remember(
    pair: Pair, settings: EmbeddingSettings, path: Path, versions: Versions
) -> None:
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
    heard = next((seen.heard for seen in (here, *elsewhere) if seen.heard is not None), Heard())
    judge = Judge(pair.spec.label, data.task.name, kind_of(settings.device), here)
    found = judge.verdict(elsewhere, heard)
    for doubt in judge.doubts:
        say(f"{doubt}; the row will say so")
    troubles = known_troubles(pair.spec)
    if troubles:
        found["known of it"] = "; ".join(map(str, troubles))
    before = read_verdict(path)
    earlier = () if before is None else before.versions
    if heard.vector is not None:
        found |= _compared(pair, settings, heard, versions)
    write_verdict(path, Verdict(found, (*earlier, versions)))


def _compared(
    pair: Pair, settings: EmbeddingSettings, heard: Heard, versions: Versions
) -> dict[str, str]:
    """Compare the embedding of the synthetic clip with the one that is remembered, if any is.

    The first stays the one that counts: small steps must not add up.
    """
    assert heard.vector is not None
    path = verdict_file(settings.store, pair.fingerprint, settings.device)
    known = read_vector(path)
    if known is None:
        write_vector(path, heard.vector, versions)
        return {}
    vector, before = known
    share = np.inf
    if vector.shape == heard.vector.shape:
        apart = difference({"": vector}, {"": heard.vector})
        share = apart.share
    changed = sorted(name for name in before | versions if before.get(name) != versions.get(name))
    then, now = (
        ", ".join(f"{name} {of.get(name, 'absent')}" for name in changed)
        for of in (before, versions)
    )
    if share > IN_BATCH[kind_of(settings.device)]:
        why = f"then with {then}, now with {now}. Install that again"
        if not changed:
            why = (
                "with the same versions of the packages that its card requires, so something "
                "else decides that is not in its fingerprint. Find that"
            )
        raise PluginError(
            f"representation {pair.spec.label!r} embeds a synthetic clip otherwise than when its "
            f"embeddings in the store were begun (they differ by up to {percent(share)}): {why}, "
            "or let all of its embeddings be made anew by removing them: "
            f"mirbench cache prune --rep {pair.fingerprint}"
        )
    return {f"since {then}": word(apart)} if changed else {}


def _look(trial: Trial, settings: EmbeddingSettings) -> list[Seen]:
    """Try a model out in two processes, or in one where another would be dear.

    The first is a worker, which keeps the model; as may the second be. The second, where
    there is one, embeds the synthetic clips meanwhile.
    """
    with settings.model_workers(most=2) as workers:
        trials = [replace(trial, listens=True)]
        if workers.count > 1:
            trials = [trial, replace(trial, once=True, listens=True)]
        found = sorted(workers.unordered(try_out, trials), key=lambda seen: seen.once)
        here = replace(found[0], heard=found[-1].heard)
        # One worker may have been quick enough to do both.
        others = [seen for seen in found[1:] if seen.pid != here.pid]
        (room,) = [True] if others else workers.unordered(room_for_another, [settings.device])
    alone = settings.cluster is not None or settings.here
    if not others and here.seconds <= TOO_SLOW and room and not alone:
        others = _elsewhere(trial)
    return [here, *others]


def _elsewhere(trial: Trial) -> list[Seen]:
    """Try a model out in a process of its own, which ends with that."""
    process = WorkerProcess()
    try:
        return [process.call(try_out, replace(trial, once=True))]
    except WorkerDied as error:
        if not error.ended.may_lack_memory:
            raise MirbenchError(error.ended.text(1)) from error
        return []  # the run needs no second model
    finally:
        process.close()


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
