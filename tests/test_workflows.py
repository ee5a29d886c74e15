"""What the workflows of the repository may do, and that they do it.

docs/security.md says what each rule is for. The scripts that meet files of
strangers are run here as a runner would run them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.needs import needs, program
from helpers.submitted_rows import put, submit_row

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))

#: Triggers under which a workflow has more than the pull request's own rights.
PRIVILEGED = {"pull_request_target", "workflow_run", "issue_comment", "issues", "discussion"}

#: What the jobs that publish may do, by workflow and job; all others only read.
WRITING = {
    ("board", "deploy"): {"pages": "write", "id-token": "write"},
    ("release", "publish"): {"id-token": "write"},
}
UPLOADER = "pypa/gh-action-pypi-publish"


def load(path: Path) -> dict[str, Any]:
    content: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["on"] = content.pop(True)  # YAML 1.1 reads the key as a boolean
    return content


def workflow(name: str) -> dict[str, Any]:
    return load(ROOT / ".github" / "workflows" / f"{name}.yml")


def steps(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in content["jobs"].values() for step in job["steps"]]


def test_there_are_four() -> None:
    names = ["board.yml", "release.yml", "submissions.yml", "test.yml"]
    assert [path.name for path in WORKFLOWS] == names


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_the_rules_for_all(path: Path) -> None:
    content, text = load(path), path.read_text(encoding="utf-8")
    assert content["permissions"] == {"contents": "read"}
    assert not set(content["on"]) & PRIVILEGED
    for word in ("secrets.", "github.token", "GITHUB_TOKEN", "GITHUB_ENV", "GITHUB_PATH"):
        assert word not in text
    for name, job in content["jobs"].items():
        assert job["timeout-minutes"] <= 90, name
        assert job["runs-on"] == "ubuntu-24.04", name
        assert job.get("permissions", {}) == WRITING.get((path.stem, name), {})
    for step in steps(content):
        assert ("run" in step) != ("uses" in step)
        assert "${{" not in step.get("run", ""), "an expression is pasted into the script"
        if "uses" in step:
            action, commit = step["uses"].split("@")
            assert action == UPLOADER or re.fullmatch(r"actions/[a-z-]+", action)
            assert re.fullmatch(r"[0-9a-f]{40}", commit)
            assert re.search(re.escape(step["uses"]) + r" # v\d+\.\d+\.\d+\n", text)
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_submissions_are_checked_by_the_code_of_the_base_branch() -> None:
    content = workflow("submissions")
    assert set(content["on"]) == {"pull_request"}
    (job,) = content["jobs"].values()
    base, rows, python, install, validate = job["steps"]
    assert base["with"]["ref"] == "${{ github.base_ref }}"
    assert base["with"]["path"] == "base"
    assert rows["with"]["path"] == "submission"
    assert rows["with"]["sparse-checkout"].split() == ["/leaderboard/results/"]
    assert (rows["with"]["submodules"], rows["with"]["lfs"]) == (False, False)
    # A cache or a requirements file would be a way in.
    assert set(python["with"]) == {"python-version"}
    assert "submission" not in install["run"]
    assert re.findall(r"submission\S*", validate["run"]) == ["submission/leaderboard/results"]
    assert "working-directory" not in str(content)


def test_only_rendered_pages_are_published() -> None:
    content = workflow("board")
    assert set(content["on"]) == {"push", "schedule", "workflow_dispatch"}
    assert content["on"]["push"]["branches"] == ["main"]
    deploy = content["jobs"]["deploy"]
    assert deploy["needs"] == "build"
    assert len(deploy["steps"]) == 1
    assert deploy["steps"][0]["uses"].startswith("actions/deploy-pages@")


def test_what_was_tested_is_released_and_nothing_else() -> None:
    content = workflow("release")
    assert content["on"] == {"push": {"tags": ["v*"]}}
    build, check, publish = content["jobs"].values()
    assert (check["needs"], publish["needs"]) == ("build", "check")
    assert publish["environment"]["name"] == "pypi"
    download, upload = publish["steps"]
    assert download in check["steps"]
    assert download["with"]["name"] == build["steps"][-1]["with"]["name"]
    # A cache could be filled by another workflow; without inputs the uploader takes dist/.
    assert set(upload) == {"uses"}
    assert upload["uses"].startswith(f"{UPLOADER}@")
    assert "cache" not in str(content)


def test_tests_run_on_every_python_that_the_package_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [c.rpartition(" ")[2] for c in project["classifiers"] if "Python :: 3." in c]
    jobs = workflow("test")["jobs"]
    assert jobs["tests"]["strategy"]["matrix"]["python-version"] == named
    lowest = next(
        step["with"] for step in jobs["lowest"]["steps"] if "setup-python" in step.get("uses", "")
    )
    assert project["requires-python"] == f">={lowest['python-version']}"
    assert lowest["python-version"] == named[0]


@pytest.mark.parametrize(
    ("tag", "heading", "message"),
    [
        ("v1.2.3", "## 1.2.3 (2026-12-31)", ""),
        ("v1.2.4", "## 1.2.3 (2026-12-31)", "The tag is v1.2.4, but pyproject.toml has"),
        ("v1.2.3", "## 1.2.3 (unreleased)", "CHANGELOG.md has no heading '## 1.2.3 (YYYY"),
        ("v1.2.3", "## 1.2x3 (2026-12-31)", "CHANGELOG.md has no heading '## 1.2.3 (YYYY"),
    ],
)
def test_the_tag_of_a_release(runner: Path, tag: str, heading: str, message: str) -> None:
    (runner / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.2.3"\n')
    (runner / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n\n- Something.\n")
    name = "The tag is the version, and the change log has its date"
    done = run_step(workflow("release"), name, runner, GITHUB_REF_NAME=tag)
    assert (done.returncode == 0) == (message == ""), done.stderr
    assert done.stderr.startswith(message)


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """Give a workspace with mirbench installed where the workflows install it."""
    programs = tmp_path / "temp" / "venv" / "bin"
    programs.mkdir(parents=True)
    program = programs / "mirbench"
    program.write_text(f"#!{sys.executable}\nfrom mirbench.benchmark.cli import main\nmain()\n")
    program.chmod(0o755)
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return workspace


def run_step(
    content: dict[str, Any], name: str, workspace: Path, **env: str
) -> subprocess.CompletedProcess:
    """Run the script of a step as a runner on Linux does."""
    (script,) = [step["run"] for step in steps(content) if step.get("name") == name]
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
        cwd=workspace,
        env=os.environ | {"RUNNER_TEMP": str(workspace.parent / "temp")} | env,
        capture_output=True,
        text=True,
        timeout=120,
    )


def validate_in(workspace: Path) -> subprocess.CompletedProcess:
    done = run_step(workflow("submissions"), "Validate the rows that changed", workspace)
    lines = done.stdout.splitlines()
    # Between the first line and the last but its end, the log takes no commands.
    token = lines[0].removeprefix("::stop-commands::")
    assert re.fullmatch("[0-9a-f]{32}", token)
    assert lines[-1] == f"::{token}::"
    assert not any(line.lstrip().startswith("::") for line in lines[1:-1])
    assert done.stderr == ""
    return done


@pytest.mark.slow
def test_the_submission_script(runner: Path) -> None:
    base = runner / "base" / "leaderboard" / "results"
    rows = runner / "submission" / "leaderboard" / "results"
    submit_row(base, "theirs")
    shutil.copytree(base, rows)
    assert validate_in(runner).returncode == 0
    path = submit_row(rows, "mine", seed=1)
    done = validate_in(runner)
    assert done.returncode == 0
    assert "accepted  submission/leaderboard/results/mine/rendered_key.paper.json" in done.stdout
    assert "theirs" not in done.stdout
    put("environment.platform", "x\n::error::y\r\n::set-env name=PATH::z ##[set-env]")(path)
    done = validate_in(runner)
    assert done.returncode == 1
    assert "REJECTED  submission/leaderboard/results/mine/rendered_key.paper.json" in done.stdout
    assert "##[" not in done.stdout


def test_nothing_of_a_submission_is_run(runner: Path) -> None:
    """Not as a module that Python would import, not by its name, not as a program."""
    submit_row(runner / "base" / "leaderboard" / "results", "theirs")
    rows = runner / "submission" / "leaderboard" / "results"
    path = submit_row(rows, "mine", seed=1)
    canary = runner / "canary"
    code = f"#!/bin/sh\nopen({str(canary)!r}, 'w')\n"
    names = ("json.py", "sitecustomize.py", "conftest.py", "mirbench/__init__.py", "setup.py")
    for place in (runner / "submission", rows, path.parent):
        for name in names:
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text(code)
    hostile = (f"$(touch {canary.name}).json", "-rf", ";touch canary;.json", "::error::x\n.json")
    for name in hostile:
        (path.parent / name).write_text("{}")
    done = validate_in(runner)
    assert done.returncode == 1
    assert not canary.exists()
    for name in ("sitecustomize.py", "-rf", "$(touch canary).json", ";touch canary;.json"):
        assert name in done.stdout


def test_the_board_is_rendered_from_the_rows(runner: Path) -> None:
    submit_row(runner / "leaderboard" / "results", "mine")
    done = run_step(workflow("board"), "Render the rows", runner)
    assert done.returncode == 0, done.stderr
    assert "mine" in (runner / "site" / "board" / "index.html").read_text(encoding="utf-8")
    assert (runner / "site" / "board" / "results" / "mine" / "rendered_key.paper.json").is_file()


@needs("zizmor")
def test_zizmor_finds_nothing() -> None:
    options = ["--offline", "--persona", "auditor", "--no-progress"]
    done = subprocess.run(
        [str(program("zizmor")), *options, str(ROOT / ".github")],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
