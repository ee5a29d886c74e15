"""The conformance kit: one step after the other in a worker process, whatever happens to it."""

from __future__ import annotations

import os
import tempfile
import time
import wave
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import Clip
from mirbench.benchmark.conformance.asking import Process, Step
from mirbench.benchmark.conformance.calls import (
    find_gpu,
    first_calls,
    in_process,
    judged,
    load,
    repeat,
    without_network,
)
from mirbench.benchmark.conformance.cards import check_card
from mirbench.benchmark.conformance.findings import Answer, Finding, Report, complete
from mirbench.benchmark.conformance.growth import growth
from mirbench.benchmark.conformance.outside import first_line
from mirbench.benchmark.conformance.sounds import long, short, sounds
from mirbench.benchmark.conformance.subject import CLIP_SECONDS, Question
from mirbench.benchmark.embedding.first_use import announce, keep_compiled
from mirbench.benchmark.embedding.judge import Judge
from mirbench.benchmark.embedding.pair import ModelKey
from mirbench.benchmark.embedding.sounds import chords
from mirbench.benchmark.embedding.trial import CLIPS
from mirbench.benchmark.embedding.verdicts import kind_of, versions_of
from mirbench.benchmark.evaluation.environment import describe_environment
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.machine.device import check_device
from mirbench.benchmark.progress import bar
from mirbench.benchmark.registry import RepresentationSpec, parse_representation

#: What is done after loading and the first calls, in order, and what each is first about.
_STEPS: tuple[tuple[str, Step], ...] = (
    ("end", sounds),
    ("short", short),
    ("memory", growth),
    ("long", long),
)


_RATE = 44_100


def check_representation(
    name: str, *, device: str = "cpu", cache: Path | None = None, clip_timeout: float = 60.0
) -> Report:
    """Check whether a representation does what it should.

    Its code runs in worker processes; whatever it does there, crash and hang included,
    becomes a finding.

    Parameters
    ----------
    name : str
        As on the command line: a name or ``./model.py``, either with ``:key=value``.
    device : str
        ``cpu``, or ``cuda``.
    cache : Path, optional
        The cache folder; default: ``MIRBENCH_CACHE``, or the platform's.
    clip_timeout : float
        Seconds that the model may take for a clip of 12 s; longer ones may take more.

    Raises
    ------
    UsageError
        If there is no such representation or device.
    MirbenchError
        If its weights are not on this machine, or its file cannot be read.
    """
    check_device(device)
    started = time.monotonic()
    spec = parse_representation(name, cache)
    spec.prepare_weights()
    keep_compiled(CacheFolder.find(cache))
    announce(spec)
    with tempfile.TemporaryDirectory(prefix="mirbench-check-") as folder:
        key = ModelKey(spec.text, spec.fingerprint(), device, spec.cache)
        clips = _write_clips(Path(folder))
        question = Question(key, spec.label, os.getcwd(), clips, clip_timeout)
        kit = _Kit(question)
        try:
            kit.run(check_card(spec))
        finally:
            kit.close()
    return Report(
        representation=spec.label,
        fingerprint=key.fingerprint,
        device=device,
        environment=describe_environment({}),
        requires=_versions(spec),
        declared=kit.declared,
        measures=kit.measures,
        findings=complete(kit.findings, kit.why),
        seconds=time.monotonic() - started,
    )


def _versions(spec: RepresentationSpec) -> dict[str, str]:
    return dict(sorted(versions_of(spec).items()))


def _write_clips(folder: Path) -> tuple[Clip, ...]:
    clips = []
    for number in range(CLIPS):
        path = folder / f"chords{number}.wav"
        audio = chords(CLIP_SECONDS, _RATE, seed=number)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(_RATE)
            file.writeframes(np.round(32767 * audio).astype("<i2").tobytes())
        clips.append(Clip(path.stem, path, "none", f"group{number}"))
    return tuple(clips)


class _Kit:
    """All steps, and what they have found."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._here, self._there = Process(), Process()
        self._threads = ThreadPoolExecutor(1, "mirbench-check")
        self.findings: list[Finding] = []
        self.measures: dict[str, float] = {}
        self.declared: dict[str, str] = {}
        self.why: dict[str, str] = {}

    def close(self) -> None:
        """End the processes."""
        self._here.close()
        self._there.close()
        self._threads.shutdown(cancel_futures=True)

    def run(self, card: Finding) -> None:
        """Do all steps; those that need an embedding only where there is one."""
        self.findings.append(card)
        total = len(_STEPS) + 4
        with bar(f"checking {self._question.label}", total, "step") as progress:

            def step(check: str, work: Step) -> Answer:
                progress.set_postfix_str(check)
                answer = self._take(self._here.ask(check, work, self._question))
                progress.update(1)
                return answer

            loaded = step("loading", load)
            if self._failed(loaded):
                self._lacks_network()
                return
            first = step("contract", first_calls)
            self._outside(loaded)
            if self._failed(first):
                self._lacks_network()
                return
            # Not before, since Numba's cache is not made for two processes that compile at once.
            there = self._threads.submit(self._elsewhere)
            judge = self._judge(step("repeat", repeat))
            for check, work in _STEPS:
                step(check, work)
            self._compare(judge, there)
            progress.update(1)
            self._gpu(judge)
            progress.update(1)

    def _take(self, answer: Answer) -> Answer:
        self.findings += answer.findings
        self.measures |= answer.measures
        self.declared |= answer.declared
        return answer

    @staticmethod
    def _failed(answer: Answer) -> bool:
        """Whether there is nothing that later steps could go on with."""
        return len(answer.findings) == 1 and answer.findings[0].state == "failed"

    def _lacks_network(self) -> None:
        """Add whether it asked for the network, which may be why nothing else can be tried."""
        found = self._elsewhere().findings
        self.findings += [each for each in found if each.check == "network"]

    def _outside(self, loaded: Answer) -> None:
        """Add what loading has set and printed, where embedding does not."""
        own, printed = loaded.seen
        for place, finding in enumerate(self.findings):
            if finding.state != "passed":
                continue
            if finding.check == "settings" and own:
                found = f"load_model sets {', '.join(own)}"
                advice = "set it back before load_model returns, or pass it to the functions called"
                self.findings[place] = Finding("settings", "warning", found, advice)
            if finding.check == "output" and printed:
                found = f"load_model prints {first_line(printed)}"
                advice = "take the print out: every worker process loads the model"
                self.findings[place] = Finding("output", "warning", found, advice)

    def _judge(self, answer: Answer) -> Judge | None:
        if answer.seen is None:
            return None
        kind = kind_of(self._question.model.device)
        return Judge(self._question.label, "the kit", kind, answer.seen)

    def _elsewhere(self) -> Answer:
        """Load and embed in another process, without a network and, if it needs one, with it."""
        answer = self._there.ask("process", without_network, self._question)
        if answer.seen is None and any(each.check == "network" for each in answer.findings):
            self._there.close()
            other = self._there.ask("process", in_process, self._question)
            answer = replace(other, findings=(*answer.findings, *other.findings))
        return answer

    def _compare(self, judge: Judge | None, there: Future[Answer]) -> None:
        answer = self._take(there.result())
        if answer.seen is None:
            return
        if judge is None:
            self.why["process"] = "there is nothing to compare with"
            return
        if any(each.check == "repeat" and each.state == "failed" for each in self.findings):
            self.why["process"] = "numbers are others at each call of one process already"
            return
        rows = answer.seen.rows
        label = self._question.label
        self.findings.append(judged("process", lambda: judge.elsewhere(rows), label))

    def _gpu(self, judge: Judge | None) -> None:
        """Compare with the embeddings of the other kind of device."""
        on_gpu = self._question.model.device != "cpu"
        found = on_gpu or self._there.ask("device", find_gpu, self._question).seen
        if not found:
            self.why["device"] = "there is no GPU on this machine that PyTorch finds"
        if not found or judge is None:
            return
        model = replace(self._question.model, device="cpu" if on_gpu else "cuda")
        other = replace(self._question, model=model)
        self._there.close()
        answer = self._take(self._there.ask("device", in_process, other))
        if answer.seen is None:
            return
        across = replace(judge, kind="cuda")
        rows = answer.seen.rows
        finding = judged("device", lambda: across.elsewhere(rows), self._question.label)
        if finding.state == "failed":
            found_text = finding.found.replace("another process", model.device)
            advice = "keep every tensor on the device that load_model is given, in float32"
            finding = replace(finding, found=found_text, advice=advice)
        self.findings.append(finding)
