"""Steps of the kit about calls: loading, the first ones, the same again, and elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import FloatArray, MirbenchError, PluginError
from mirbench.benchmark.conformance.again import explained
from mirbench.benchmark.conformance.findings import Answer, Finding, failure, without_label
from mirbench.benchmark.conformance.outside import CHANCE, OF_IMPORTS, Outside
from mirbench.benchmark.conformance.rates import check_rate
from mirbench.benchmark.conformance.subject import (
    Network,
    Printed,
    Question,
    Subject,
    judge_of,
)
from mirbench.benchmark.embedding.judge import Judge
from mirbench.benchmark.embedding.model import embed_clips
from mirbench.benchmark.embedding.trial import try_out
from mirbench.benchmark.embedding.verdicts import kind_of
from mirbench.benchmark.embedding.worker import Chunk, decode_chunk
from mirbench.benchmark.machine.answers import why_unpicklable
from mirbench.benchmark.machine.device import visible_gpus
from mirbench.benchmark.progress import count

_CONTRACT = (
    "return a new array of finite float32 numbers (x.astype(np.float32)) of the shape that is "
    "declared; see mirbench/benchmark/api/representation.py"
)


def load(question: Question) -> Answer:
    """Load the model."""
    started = time.perf_counter()
    with Printed() as printed:
        subject = Subject(question)
    info = subject.info
    try:
        unused = judge_of(question, info).loading(info.loading)
    except PluginError as error:
        loading = failure("loading", error, question.label, "load the whole checkpoint")
    else:
        words = f"in {time.perf_counter() - started:.1f} s"
        loading = Finding("loading", "passed", "; ".join([words, *unused.values()]))
    own = sorted(subject.plugin.state.changed - OF_IMPORTS - CHANCE)
    declared = {"sample_rate": f"{info.sample_rate} Hz", "dims": str(info.dims)}
    if info.layers:
        declared["layers"] = ", ".join(info.layers)
    for name in ("max_seconds", "heard_seconds", "batch_size"):
        if getattr(info, name) is not None:
            declared[name] = f"{getattr(info, name):g}"
    if info.batch_dependent:
        declared["batch_dependent"] = "True"
    measures = {"load_seconds": round(info.load_seconds, 3)}
    return Answer((loading,), measures, declared, (tuple(own), printed.text))


def first_calls(question: Question) -> Answer:
    """Hold the first calls to the contract, and see what they do besides."""
    subject = Subject(question)
    audio = _decoded(subject)
    outside = Outside(subject)
    try:
        row = outside.embed(audio)
        if row is None:
            advice = "refuse only what cannot be embedded; nothing else can be checked"
            text = "a clip of 12 s of chords is refused (UnusableClip)"
            return Answer((Finding("contract", "failed", text, advice),))
        again = outside.embed(audio)
        findings = [_contract(subject, row), *outside.findings(), _input(subject, audio)]
    except PluginError as error:
        return Answer((failure("contract", error, question.label, _CONTRACT),))
    if again is not None and _changes(subject, audio):
        found = "the array that embed returned is another after the next call"
        advice = "return a new array at each call: x.copy()"
        findings[0] = Finding("contract", "failed", found, advice)
    findings.append(check_rate(subject, audio, row))
    with subject.plugin.running():
        why = why_unpicklable(subject.model)
    findings.append(_pickled(why, subject.plugin.origin))
    return Answer(tuple(findings))


def _decoded(subject: Subject) -> FloatArray:
    question = subject.question
    chunk = Chunk(question.model, None, question.clips[:1], 0, folder=question.folder)
    return decode_chunk((chunk, subject.info)).audio[0, 0]


def _contract(subject: Subject, row: FloatArray) -> Finding:
    names = subject.info.layers
    if len(set(names)) < len(names):
        found = f"layers has a name twice: {', '.join(names)}"
        return Finding("contract", "failed", found, "give every layer a name of its own")
    shape = "dims" if not names else f"{count(len(names), 'layer')} of dims"
    return Finding("contract", "passed", f"float32 {list(row.shape)}, finite; {shape} as declared")


def _input(subject: Subject, audio: FloatArray) -> Finding:
    """Embed a clip by itself, and two in a batch, without making copies of them first."""
    info, limit = subject.info, subject.question.limit
    for number in (1, 2):
        given = [audio.copy() for _ in range(number)]
        with subject.plugin.running():
            embed_clips(subject.model, info, given, ["chords"] * number, limit)
        if not all(np.array_equal(audio, each) for each in given):
            method = "embed" if number == 1 else "embed_batch"
            return Finding(
                "input",
                "failed",
                f"{method} changes the audio that it is given",
                "work on a copy: audio = audio.copy(), or x = x * 2 in place of x *= 2",
            )
    return Finding("input", "passed", "unchanged")


def _changes(subject: Subject, audio: FloatArray) -> bool:
    """Whether an array that was returned is another after the next call."""
    if subject.info.batch_dependent:
        return False
    with subject.plugin.running():
        value = subject.model.embed(audio.copy(), subject.info.sample_rate)
        kept = value.copy()
        subject.model.embed(0.5 * audio[::-1].copy(), subject.info.sample_rate)
    return not np.array_equal(value, kept)


def _pickled(why: str, origin: str) -> Finding:
    if not why:
        return Finding("pickle", "passed", "can be pickled")
    if origin == "built-in":  # which mirbench alone uses
        text = "not as it is, nor need it: mirbench loads it anew in each process"
        return Finding("pickle", "passed", text)
    return Finding(
        "pickle",
        "warning",
        f"the model cannot be pickled ({why[:200]})",
        "mirbench loads it anew in each process, so rows are right; but pools, DataLoaders and "
        "clusters of others cannot take it. Keep open files, locks and lambdas out of the model, "
        "or make them in embed",
    )


def repeat(question: Question) -> Answer:
    """Embed clips again, in another order and in batches, as the look before a run does."""
    subject = Subject(question)
    batches = callable(getattr(subject.model, "embed_batch", None))
    try:
        seen = try_out(question.trial())
    except PluginError as error:
        check = "batch" if "embed_batch" in str(error) else "repeat"
        return Answer((failure(check, error, question.label, _CONTRACT),))
    if not seen.rows:
        return Answer()
    judge = Judge(question.label, "the kit", kind_of(question.model.device), seen)
    again = judged("repeat", judge.again, question.label)
    if again.state == "failed":
        again = explained(again, subject)
    findings = [again]
    if seen.in_batch is not None:
        apart = seen.in_batch
        findings.append(judged("batch", lambda: judge.in_batch(apart), question.label))
    elif seen.info.batch_dependent:
        findings.append(Finding("batch", "passed", "declared to depend on the batch"))
    elif not batches:
        findings.append(Finding("batch", "passed", "has no embed_batch"))
    return Answer(tuple(findings), seen=seen)


def judged(check: str, judge: Callable[[], str], label: str) -> Finding:
    """Make a finding of a judgement: a word, or an error that says what is wrong."""
    try:
        return Finding(check, "passed", judge())
    except PluginError as error:
        return failure(check, error, label, _CONTRACT)


def without_network(question: Question) -> Answer:
    """Load and embed once more in this other process, which is kept off the network."""
    network = Network()
    try:
        Subject(question)
        seen = try_out(question.trial(once=True))
    except MirbenchError as error:
        if not network.wanted:
            raise
        text = without_label(error, question.label)
        found = f"it needs {_hosts(network.wanted)}: {text[:300]}"
        advice = (
            "name its weights in CARD['weights'] (docs/weights.md), or install them with a "
            "package; compute nodes have no network"
        )
        return Answer((Finding("network", "failed", found, advice),))
    if network.wanted:
        found = f"it asks {_hosts(network.wanted)}, and does without an answer"
        advice = "load from local files only (local_files_only=True), or every process asks anew"
        return Answer((Finding("network", "warning", found, advice),), seen=seen)
    return Answer((Finding("network", "passed", "none"),), seen=seen)


def _hosts(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names))[:3])


def in_process(question: Question) -> Answer:
    """Load and embed once more in this other process."""
    Subject(question)
    return Answer(seen=try_out(question.trial(once=True)))


def find_gpu(question: Question) -> Answer:
    """Say whether there is a GPU that PyTorch finds."""
    del question
    if not any(Path(place).exists() for place in ("/dev/nvidiactl", "/dev/nvidia0")):
        return Answer(seen=False)
    try:
        return Answer(seen=visible_gpus() > 0)
    except ImportError:
        return Answer(seen=False)
