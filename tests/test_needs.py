"""Skips: only for what is known to be lacking, listed, and a failure where tox should have it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.needs import NEEDS, PREFIX, is_allowed

TESTS = Path(__file__).resolve().parent

CONFTEST = """
from helpers import needs

pytest_plugins = ["helpers.skip_report"]
needs.NEEDS["luck"] = needs.Need("luck", lambda: False)
needs.NEEDS["tool"] = needs.Need("the tool", lambda: False, always=True)
"""

MODULE = """
from helpers import needs

@needs.needs("luck")
def test_lucky():
    raise AssertionError

def test_in_its_midst():
    needs.require("luck")
    raise AssertionError

def test_without():
    pass
"""

#: Skips that must not be, and what is said of them.
OTHERS = {
    "tool": ("@needs.needs('tool')\ndef test_other(): ...", "needs the tool"),
    "plain skip": ("def test_other(): pytest.skip('too hard')", "too hard"),
    "a module": ("pytest.importorskip('surely_absent')", "could not import 'surely_absent'"),
}


def run(folder: Path, more: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_lucky.py").write_text(MODULE)
    (folder / "test_other.py").write_text(f"import pytest\nfrom helpers import needs\n{more}\n")
    (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = {TESTS} .\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=120,
    )


def listed(output: str) -> list[str]:
    section = re.search(r"=+ skipped =+\n(.*?)\n(?:=|\d+ (?:passed|failed))", output, re.DOTALL)
    assert section is not None, output
    return section[1].splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_skips_are_listed_by_reason(tmp_path: Path, workers: tuple[str, ...]) -> None:
    done = run(tmp_path, "", *workers)
    assert done.returncode == 0, done.stdout
    assert "1 passed, 2 skipped" in done.stdout
    assert listed(done.stdout) == ["2 × needs luck"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("other", "workers"),
    [("tool", ()), ("plain skip", ("-n", "2")), ("a module", ()), ("a module", ("-n", "2"))],
)
def test_other_skips_are_failures_where_tox_runs(
    tmp_path: Path, other: str, workers: tuple[str, ...]
) -> None:
    code, reason = OTHERS[other]
    done = run(tmp_path, code, "--strict-skips", *workers)
    assert done.returncode == 1, done.stdout
    lines = listed(done.stdout)
    (number,) = [n for n, line in enumerate(lines) if reason in line]
    assert lines[number + 1].startswith("  a failure with --strict-skips")
    assert lines[number + 2].startswith("  test_other.py")
    assert len(lines) == 4  # needs luck: no failure


def test_other_skips_are_none_where_one_works(tmp_path: Path) -> None:
    done = run(tmp_path, OTHERS["tool"][0])
    assert done.returncode == 0, done.stdout
    assert listed(done.stdout) == ["2 × needs luck", "1 × needs the tool"]


def test_tests_are_skipped_through_needs_alone() -> None:
    other = re.compile(r"pytest\.(skip|importorskip)\(|mark\.skip(if)?\b|skipTest|SkipTest")
    found = [
        str(path.relative_to(TESTS))
        for path in TESTS.rglob("*.py")
        if other.search(path.read_text(encoding="utf-8"))
    ]
    assert sorted(found) == ["helpers/needs.py", "test_needs.py"]


def test_what_tox_installs_is_no_reason_to_skip() -> None:
    allowed = {name for name, need in NEEDS.items() if is_allowed(PREFIX + need.what)}
    assert {"shared", "gpu"} <= allowed
    assert not allowed & {"playwright", "transformers", "zizmor"}
