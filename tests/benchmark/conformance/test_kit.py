"""The conformance kit finds each fault, and nothing in what is sound."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.faulty_models import FAULTS, SOUND, write_model
from helpers.near_misses import NAMED, NEAR_MISSES

from mirbench.benchmark.api import Clip
from mirbench.benchmark.conformance import calls, growth, kit, sounds
from mirbench.benchmark.conformance.asking import Process, Step
from mirbench.benchmark.conformance.cards import check_card
from mirbench.benchmark.conformance.findings import CHECKS, Answer, Finding
from mirbench.benchmark.conformance.kit import check_representation
from mirbench.benchmark.conformance.subject import Question
from mirbench.benchmark.embedding.pair import ModelKey
from mirbench.benchmark.machine.process import WorkerProcess
from mirbench.benchmark.registry import parse_representation

if TYPE_CHECKING:
    from conftest import TinyPackage

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


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clip, ...]:
    return kit._write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def process() -> Iterator[WorkerProcess]:
    worker = WorkerProcess()
    yield worker
    worker.close()


@pytest.fixture
def question(
    tmp_path: Path, clips: tuple[Clip, ...], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Question]:
    """Make a question about a model with these methods."""
    monkeypatch.setenv("MIRBENCH_CACHE", str(tmp_path / "cache"))

    def make(methods: str) -> Question:
        spec = parse_representation(str(write_model(tmp_path / "mine.py", methods)))
        key = ModelKey(spec.text, spec.fingerprint(), "cpu")
        return Question(key, spec.label, os.getcwd(), clips, 30.0)

    return make


def finding_of(answer: Answer, check: str) -> Finding:
    (finding,) = (each for each in answer.findings if each.check == check)
    return finding


@pytest.fixture
def ask(process: WorkerProcess) -> Iterator[Callable[[Step, Question], Answer]]:
    """Ask the process, or one of its own where its network is to be taken from it."""
    other: list[WorkerProcess] = []

    def call(step: Step, asked: Question) -> Answer:
        if step is calls.without_network:
            other.append(WorkerProcess())
        worker = other[-1] if step is calls.without_network else process
        answer: Answer = worker.call(step, asked)
        return answer

    yield call
    for worker in other:
        worker.close()


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


def test_a_card_must_say_what_the_model_was_trained_on(tmp_path: Path) -> None:
    path = write_model(tmp_path / "mine.py")
    assert check_card(parse_representation(str(path))).state == "passed"
    text = path.read_text()
    path.write_text(text.replace('"trained_on": "none", ', ""))
    assert check_card(parse_representation(str(path))).state == "failed"
    path.write_text(text.replace('"licence": "MIT", ', ""))
    finding = check_card(parse_representation(str(path)))
    assert (finding.state, finding.found) == ("warning", "CARD has no licence")


def test_the_card_of_an_adapter_cannot_say_it() -> None:
    finding = check_card(parse_representation("hear:my_model"))
    assert finding.state == "passed"
    assert "mirbench probe --rep NAME --trained-on TEXT" in finding.found


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


def test_the_command_tells_prints_and_writes(
    main: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    write_model(tmp_path / "mine.py", FAULTS["process"][1])
    options = ("--json", "found.json", "--report", "report.md", "-q")
    status, out, err = main("check", "--rep", "./mine.py", *options)
    assert status == 1
    assert "failed   process" in out
    assert "Traceback" not in err
    content = json.loads((tmp_path / "found.json").read_text())
    states = {each["check"]: each["state"] for each in content["findings"]}
    assert list(states) == list(CHECKS)
    assert [check for check, state in states.items() if state == "failed"] == ["process"]
    assert content["passed"] is False
    assert content["measures"]["seconds_per_clip"] > 0
    page = (tmp_path / "report.md").read_text()
    assert f"| fingerprint | `{content['fingerprint']}` |" in page
    assert "| numpy |" in page
    assert page.startswith("# `mine` does not conform")


def test_a_model_that_cannot_be_loaded_is_a_finding(
    main: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    path = write_model(tmp_path / "mine.py")
    path.write_text(path.read_text().replace("return Model()", "return Model().nothing"))
    status, out, _ = main("check", "--rep", "./mine.py", "--json", "-")
    findings = {each["check"]: each for each in json.loads(out)["findings"]}
    assert status == 1
    assert findings["loading"]["state"] == "failed"
    assert "AttributeError" in findings["loading"]["found"]
    assert findings["end"]["state"] == "skipped"


def test_what_a_plugin_says_stays_in_its_place(
    main: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    said = "def embed(self, audio, sr):\n    raise RuntimeError('a | b <script> `x\\x1b[31m')"
    write_model(tmp_path / "mine.py", said)
    status, out, _ = main("check", "--rep", "./mine.py", "--report", "report.md", "-q")
    page = (tmp_path / "report.md").read_text()
    assert status == 1
    assert "\x1b" not in out + page
    assert "<script>" in out
    assert r"a \| b &lt;script> \`x" in page


def test_a_file_that_cannot_be_written_is_told_first(
    main: Callable[..., tuple[int, str, str]],
) -> None:
    status, _, err = main("check", "--rep", "mfcc", "--report", "nowhere/report.md")
    assert status == 2
    assert "nowhere/report.md" in err


@pytest.mark.slow
def test_nothing_is_found_in_mfcc() -> None:
    report = check_representation("mfcc")
    assert not [each for each in report.findings if each.state in ("warning", "failed")]
    assert report.counts()["passed"] >= len(CHECKS) - 2  # no GPU; a busy machine


@pytest.mark.slow
def test_nothing_is_found_in_chroma(process: WorkerProcess, clips: tuple[Clip, ...]) -> None:
    spec = parse_representation("chroma")
    asked = Question(
        ModelKey("chroma", spec.fingerprint(), "cpu"), "chroma", os.getcwd(), clips, 200.0
    )
    # All but what takes longest: ten minutes of audio, and hundreds of clips.
    steps = (calls.load, calls.first_calls, calls.repeat, sounds.sounds, sounds.short)
    found = [each for step in steps for each in process.call(step, asked).findings]
    assert {each.state for each in found} == {"passed"}, found


@pytest.mark.slow
def test_a_test_class_has_a_test_per_check(tmp_path: Path, tiny: TinyPackage) -> None:
    write_model(tmp_path / "mine.py", FAULTS["process"][1])
    (tmp_path / "test_mine.py").write_text(
        "from mirbench.benchmark.conformance.testing import Conformance\n"
        "class TestMine(Conformance):\n    rep = './mine.py'\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "--rootdir", "."],
        cwd=tmp_path,
        env=tiny.env | {"MIRBENCH_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.findall(r"FAILED .*test_conforms\[(\w+)\]", done.stdout) == ["process"]
    told = re.findall(r"^(?:PASSED|FAILED|SKIPPED)\b", done.stdout, re.MULTILINE)
    assert len(told) == len(CHECKS), done.stdout
