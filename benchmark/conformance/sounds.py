"""Steps of the kit about audio: long and short, silent, quiet and loud."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from mirbench.benchmark.api import FloatArray, PluginError
from mirbench.benchmark.conformance.findings import Answer, Finding, failure
from mirbench.benchmark.conformance.subject import Question, Subject, judge_of
from mirbench.benchmark.embedding.difference import alike
from mirbench.benchmark.embedding.judge import Judge
from mirbench.benchmark.embedding.listening import SAME, Heard, listen
from mirbench.benchmark.embedding.room import room_for_another
from mirbench.benchmark.embedding.sounds import chords
from mirbench.benchmark.machine.memory import peak_memory
from mirbench.benchmark.progress import duration

#: Seconds of the long clip, and what embedding it may take.
TEN_MINUTES, AFFORDABLE = 600.0, 120.0

#: Seconds of very short clips; the last is a single sample.
VERY_SHORT = (1.0, 0.1, 0.01, 0.0)

#: Seconds of the shortest clip that a task may well have.
SHORTEST = 0.1

#: Factors of quiet audio, and of audio that is louder than [-1, 1].
QUIET, LOUD = 1e-3, 8.0

_REFUSE = "refuse it by raising mirbench.benchmark.api.UnusableClip, or embed it"
_FINITE = "guard logarithms and divisions (np.log(x + 1e-10), x / max(peak, 1e-10)), or " + _REFUSE


def sounds(question: Question) -> Answer:
    """Embed music, silence, quiet and loud audio, and clips with other ends."""
    subject = Subject(question)
    heard = listen(subject.rows, subject.info, room_for_another(question.model.device))
    if heard.vector is None:
        return Answer((Finding("gain", "skipped", "clips of 5 and 12 s are refused"),))
    return Answer((*_listened(subject, heard), _gain(subject, heard.vector, heard)))


def _listened(subject: Subject, heard: Heard) -> list[Finding]:
    label = subject.question.label
    judge = judge_of(subject.question, subject.info)
    found = []
    if heard.why is not None:
        found.append(failure("silence", heard.why, label, _FINITE))
    else:
        found.append(_doubted("silence", judge, judge.silence(heard.silence)))
    if heard.long is not None:
        try:
            word = judge.end(heard.long)
        except PluginError as error:
            found.append(failure("end", error, label, ""))
        else:
            found.append(_end(subject, judge, word))
    return found


def _doubted(check: str, judge: Judge, word: str) -> Finding:
    if not judge.doubts:
        return Finding(check, "passed", word)
    text = judge.doubts.pop().removeprefix(f"representation {judge.label!r}: ")
    found, _, advice = text.partition(". ")
    return Finding(check, "failed", found, advice)


def _end(subject: Subject, judge: Judge, word: str) -> Finding:
    declared = {
        name: seconds
        for name in ("max_seconds", "heard_seconds")
        if (seconds := getattr(subject.info, name)) is not None
    }
    finding = _doubted("end", judge, word)
    if finding.state == "failed" or not declared:
        return finding
    words = ", ".join(f"{name} = {seconds:g}" for name, seconds in declared.items())
    return Finding("end", "passed", f"{word}; declared: {words}")


def _gain(subject: Subject, row: FloatArray, heard: Heard) -> Finding:
    """Embed the clip that `row` is of at other levels."""
    audio = chords(heard.seconds, subject.info.sample_rate)
    try:
        half = subject.row("chords, half as loud", np.float32(0.5) * audio)
        quiet = subject.row("chords at -60 dB", np.float32(QUIET) * audio)
        subject.row("chords beyond [-1, 1]", np.float32(LOUD) * audio)
    except PluginError as error:
        return failure("gain", error, subject.question.label, _FINITE)
    if half is None:
        return Finding("gain", "passed", "some levels are refused")
    if quiet is not None and heard.silent is not None and alike(quiet, heard.silent, SAME):
        return Finding(
            "gain",
            "warning",
            "audio at -60 dB gives the same numbers as silence",
            "see that samples are not rounded (to whole numbers, to 16 bits) on the way",
        )
    if alike(row, half, 1e-4):
        return Finding("gain", "passed", "level does not count; loud and quiet audio is embedded")
    return Finding("gain", "passed", "level counts; loud and quiet audio is embedded")


def short(question: Question) -> Answer:
    """Embed very short clips."""
    subject = Subject(question)
    rate, refused = subject.info.sample_rate, 0.0
    for seconds in VERY_SHORT:
        audio = chords(1.0, rate)[: max(1, round(seconds * rate))]
        name = f"{seconds:g} s" if seconds else "one sample"
        try:
            if subject.row(name, audio) is None:
                refused = max(refused, seconds, 1 / rate)
        except PluginError as error:
            advice = "fill it up with zeros to what the model needs, or " + _REFUSE
            finding = failure("short", error, question.label, advice)
            if seconds < SHORTEST:
                finding = replace(finding, state="warning")
            return Answer((finding,))
    words = "embedded, from one sample on"
    if refused:
        words = f"refused up to {refused:.2g} s (UnusableClip): counted as missing"
    return Answer((Finding("short", "passed", words),))


def long(question: Question) -> Answer:
    """Embed ten minutes, if that does not take too long."""
    subject = Subject(question)
    rate, seconds = subject.info.sample_rate, subject.at_most(TEN_MINUTES)
    if seconds < TEN_MINUTES:
        text = f"mirbench gives it the first {seconds:g} s only (max_seconds)"
        return Answer((Finding("long", "passed", text),))
    minute = chords(60.0, rate)
    try:
        started = time.perf_counter()
        subject.row("one minute", minute, times=5)
        foreseen = 10 * (time.perf_counter() - started)
        if foreseen > AFFORDABLE:
            text = f"it would take about {duration(foreseen)}"
            return Answer((Finding("long", "skipped", text),))
        started = time.perf_counter()
        row = subject.row("ten minutes", np.tile(minute, 10), times=10)
    except PluginError as error:
        advice = (
            "cut long clips into pieces, embed each and average; or declare max_seconds; or "
            "refuse them by raising mirbench.benchmark.api.UnusableClip"
        )
        return Answer((failure("long", error, question.label, advice),))
    took = time.perf_counter() - started
    if row is None:
        return Answer((Finding("long", "passed", "refused (UnusableClip): counted as missing"),))
    text = f"in {duration(took)}, with up to {peak_memory() / 2**30:.1f} GiB"
    measures = {"ten_minutes_seconds": round(took, 2)}
    return Answer((Finding("long", "passed", text),), measures)
