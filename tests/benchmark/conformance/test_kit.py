"""The conformance kit as a whole: its command, its report, its tests for pytest."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.faulty_models import FAULTS, write_model

from mirbench.benchmark.api import Clip
from mirbench.benchmark.conformance import calls, sounds
from mirbench.benchmark.conformance.cards import check_card
from mirbench.benchmark.conformance.findings import CHECKS
from mirbench.benchmark.conformance.kit import check_representation
from mirbench.benchmark.conformance.subject import Question
from mirbench.benchmark.embedding.pair import ModelKey
from mirbench.benchmark.machine.process import WorkerProcess
from mirbench.benchmark.registry import parse_representation

if TYPE_CHECKING:
    from conftest import TinyPackage


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


@pytest.mark.slow
def test_the_network_is_named_where_nothing_else_can_be_tried(
    tiny: TinyPackage, tmp_path: Path
) -> None:
    chatty = FAULTS["needs the network"][1].replace("import urllib", "print(sr); import urllib")
    path = write_model(tmp_path / "mine.py", chatty)
    done = tiny.mirbench("check", "--rep", path, "--json", "-", MIRBENCH_CACHE=tmp_path / "cache")
    found = json.loads(done.stdout)  # what a plugin prints is not among it
    states = {each["check"]: each["state"] for each in found["findings"]}
    assert (done.returncode, states["contract"], states["network"]) == (1, "failed", "failed")
    assert states["repeat"] == "skipped"


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
