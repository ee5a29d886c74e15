"""Whether a model computes with the sample rate that it declares."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from mirbench.benchmark.api import FloatArray
from mirbench.benchmark.conformance.findings import Finding
from mirbench.benchmark.conformance.subject import Subject
from mirbench.benchmark.embedding.difference import alike
from mirbench.benchmark.embedding.listening import SAME

#: What libraries call the rate of the audio that a function is given.
_NAMES = ("sr", "sample_rate", "sampling_rate", "orig_sr", "orig_freq", "fs", "samplerate")

#: Hz below which a number of such a name is no rate of audio: a ratio, or a rate of frames.
_LEAST = 1000


class _Rates:
    """Watches which rates the plugin hands on with the audio."""

    def __init__(self, subject: Subject, audio: FloatArray) -> None:
        source = subject.plugin.source
        self._files = {str(path) for path in source.files()} if source is not None else set()
        self._length = len(audio)
        #: Function and rate.
        self.seen: dict[str, int] = {}

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        code, caller = frame.f_code, frame.f_back
        if event != "call" or caller is None or caller.f_code.co_filename not in self._files:
            return
        count = code.co_argcount + code.co_kwonlyargcount
        values = {name: frame.f_locals.get(name) for name in code.co_varnames[:count]}
        if not any(self._is_audio(value) for value in values.values()):
            return
        for name in _NAMES:
            rate = values.get(name)
            if isinstance(rate, int | float) and rate >= _LEAST:
                self.seen[code.co_name] = int(rate)

    def _is_audio(self, value: Any) -> bool:
        shape = getattr(value, "shape", None)
        return isinstance(shape, tuple) and bool(shape) and shape[-1] == self._length


def check_rate(subject: Subject, audio: FloatArray, row: FloatArray) -> Finding:
    """Watch which rates the model computes with, and call it with another.

    Parameters
    ----------
    subject : Subject
    audio : ndarray of float32, shape [n_samples]
    row : ndarray of float32, shape [dims] or [n_layers, dims]
        Its embedding.
    """
    declared = subject.info.sample_rate
    if subject.info.batch_dependent:
        return Finding("rate", "skipped", "embeddings depend on the batch, and may need one")
    rates, before = _Rates(subject, audio), sys.getprofile()
    with subject.plugin.running():
        sys.setprofile(rates)
        try:
            subject.model.embed(audio.copy(), declared)
        finally:
            sys.setprofile(before)
    wrong = {name: rate for name, rate in rates.seen.items() if rate != declared}
    if wrong:
        name, rate = next(iter(wrong.items()))
        return Finding(
            "rate",
            "failed",
            f"{name} is given the audio as if it were at {rate} Hz, but it is at {declared} Hz",
            f"pass sr on ({name}(…, sr=sr)), or declare sample_rate = {rate}",
        )
    other = declared // 2
    try:
        with subject.plugin.running():
            value = subject.model.embed(audio.copy(), other)
    except Exception:
        return Finding("rate", "passed", f"{declared} Hz; another rate is refused")
    same = getattr(value, "shape", None) == row.shape and alike(row, value, SAME)
    if not same:
        return Finding("rate", "passed", f"{declared} Hz; embed heeds sr")
    if subject.plugin.origin == "built-in":  # which mirbench alone calls, with their own rate
        return Finding("rate", "passed", f"{declared} Hz, whatever sr says")
    return Finding(
        "rate",
        "warning",
        f"embed gives the same numbers whatever sr says; it is right only at {declared} Hz",
        "mirbench always gives the declared rate, others may not: begin embed with "
        "`if sr != self.sample_rate: raise ValueError(sr)`, or compute with sr. See that "
        "sample_rate is the rate that the model was trained at",
    )
