"""The conformance kit finds each fault and names it, and finds nothing in what is nearly one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from helpers.faulty_models import FAULTS, SOUND
from helpers.near_misses import NAMED, NEAR_MISSES

from mirbench.benchmark.conformance import calls, growth, sounds
from mirbench.benchmark.conformance.asking import Process, Step
from mirbench.benchmark.conformance.findings import Answer, Finding
from mirbench.benchmark.conformance.subject import Question
from mirbench.benchmark.machine.process import WorkerProcess

#: The step in which a check is made.
STEPS: dict[str, Step] = {
    **dict.fromkeys(
        ["contract", "input", "rate", "output", "settings", "pickle"], calls.first_calls
    ),
    **dict.fromkeys(["repeat", "batch"], calls.repeat),
    **dict.fromkeys(["end", "silence", "gain"], sounds.sounds),
    "short": sounds.short,
    "long": sounds.long,
    "memory": growth.growth,
    "network": calls.without_network,
}

#: Steps that are about every model.
ALWAYS: tuple[Step, ...] = (calls.load, calls.first_calls, calls.repeat, sounds.sounds)

#: Faults whose rows are right all the same.
WARNINGS = {"whatever the rate", "seeds", "cannot be pickled"}


def finding_of(answer: Answer, check: str) -> Finding:
    (finding,) = (each for each in answer.findings if each.check == check)
    return finding


@pytest.mark.parametrize("fault", [name for name in FAULTS if FAULTS[name][0] in STEPS])
def test_a_fault_is_found_and_told_what_to_do_about(
    fault: str, ask: Callable[[Step, Question], Answer], question: Callable[[str], Question]
) -> None:
    check, methods = FAULTS[fault]
    finding = finding_of(ask(STEPS[check], question(methods)), check)
    assert finding.state == ("warning" if fault in WARNINGS else "failed"), finding
    found, advice = NAMED.get(fault, ("", ""))
    assert found in finding.found
    assert finding.advice
    assert advice in finding.advice


def test_fifteen_faults_are_named_and_have_near_misses() -> None:
    assert len(NEAR_MISSES) == 15
    assert NEAR_MISSES.keys() <= NAMED.keys() <= FAULTS.keys()


@pytest.mark.parametrize(
    ("fault", "number"), [(name, n) for name in NEAR_MISSES for n in range(len(NEAR_MISSES[name]))]
)
def test_nothing_is_found_in_what_nearly_has_a_fault(
    fault: str,
    number: int,
    ask: Callable[[Step, Question], Answer],
    question: Callable[[str], Question],
) -> None:
    asked, check = question(NEAR_MISSES[fault][number]), FAULTS[fault][0]
    found = [each for step in {*ALWAYS, STEPS[check]} for each in ask(step, asked).findings]
    assert check in {each.check for each in found if each.state == "passed"}
    assert not [each for each in found if each.state in ("warning", "failed")], found


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import torch; self.layer = torch.nn.Linear(8, 8)", ()),  # draws its first weights
        ("np.seterr(all='ignore')", ("numpy.errors",)),
    ],
)
def test_what_loading_sets_is_told_but_for_first_weights(
    line: str, told: tuple[str, ...], process: WorkerProcess, question: Callable[[str], Question]
) -> None:
    answer = process.call(calls.load, question(f"def __init__(self):\n    {line}\n{SOUND}"))
    assert answer.seen == (told, "")


@pytest.mark.slow
def test_nothing_is_found_in_a_sound_model(
    ask: Callable[[Step, Question], Answer], question: Callable[[str], Question]
) -> None:
    sound = question(SOUND)
    found = [each for step in set(STEPS.values()) for each in ask(step, sound).findings]
    assert {each.check for each in found} == {*STEPS, "speed"}
    assert all(each.state == "passed" for each in found), found


def test_silence_is_embedded_once(
    process: WorkerProcess, question: Callable[[str], Question]
) -> None:
    counting = """
silent = 0

def embed(self, audio, sr):
    self.silent += not audio.any()
    assert self.silent < 2
    return bands(audio, sr)
"""
    found = process.call(sounds.sounds, question(counting)).findings
    assert {each.check: each.state for each in found} == dict.fromkeys(
        ("silence", "end", "gain"), "passed"
    )


def test_only_mirbench_takes_its_own_models_to_other_processes() -> None:
    assert calls._pickled("a lock", "my_package").state == "warning"
    assert calls._pickled("a lock", "built-in").state == "passed"


ENDS = {
    "crash": ("import ctypes; ctypes.string_at(0)", "segmentation fault"),
    "exit": ("os._exit(3)", "exited with status 3"),
    "hang": ("import time; time.sleep(1000)", "took too long"),
    "memory": ("np.ones((1 << 40,), np.uint8)", "MemoryError"),
    "error": ("{}['missing']", "mine.py, line"),
}


@pytest.mark.parametrize("end", ENDS)
def test_whatever_a_plugin_does_is_a_finding(end: str, question: Callable[[str], Question]) -> None:
    what, said = ENDS[end]
    asked = question(f"def embed(self, audio, sr):\n    {what}")
    if end == "hang":
        asked = replace(asked, limit=1.0)
    process = Process()
    try:
        finding = finding_of(process.ask("contract", calls.first_calls, asked), "contract")
        assert finding.state == "failed"
        assert said in finding.found
        assert finding.advice
        # The next step has a process again.
        answer = process.ask("loading", calls.load, replace(asked, limit=30.0))
        assert answer.declared["dims"] == "8"
    finally:
        process.close()
