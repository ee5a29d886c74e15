"""What the workflows of the repository may do, and that they do it.

docs/security.md says what each rule is for. The scripts that meet files of
strangers are run here as a runner would run them.
"""

from __future__ import annotations

import datetime
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from helpers.needs import needs, program
from helpers.submitted_rows import put, submit_row

from mirbench.benchmark.cli.app import app
from mirbench.benchmark.cli.links_report import links_json
from mirbench.benchmark.files.links import Finding, Link
from mirbench.benchmark.reproduction.published_features import DATASETS, REPRESENTATIONS
from mirbench.benchmark.result import Verification, row_sha256, write_verification

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))

#: Triggers under which a workflow has more than the pull request's own rights.
PRIVILEGED = {"pull_request_target", "workflow_run", "issue_comment", "issues", "discussion"}

#: What the jobs that publish may do, by workflow and job; all others only read.
WRITING = {
    ("board", "deploy"): {"pages": "write", "id-token": "write"},
    ("release", "publish"): {"id-token": "write"},
    ("reproduce", "propose"): {"contents": "write", "pull-requests": "write"},
    ("links", "report"): {"issues": "write"},
}

#: Jobs whose scripts have the token, in the steps that need it: they meet nothing of strangers.
WITH_TOKEN = {("reproduce", "propose"), ("links", "report")}

#: Minutes that a job may take, where that is more than 90: GitHub ends any after 360.
LONG = {("reproduce", "cell"): 345}
UPLOADER = "pypa/gh-action-pypi-publish"


def load(path: Path) -> dict[str, Any]:
    content: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["on"] = content.pop(True)  # YAML 1.1 reads the key as a boolean
    return content


def workflow(name: str) -> dict[str, Any]:
    return load(ROOT / ".github" / "workflows" / f"{name}.yml")


def steps(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in content["jobs"].values() for step in job["steps"]]


def test_there_are_six() -> None:
    names = ["board", "links", "release", "reproduce", "submissions", "test"]
    assert [path.stem for path in WORKFLOWS] == names


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_the_rules_for_all(path: Path) -> None:
    content, text = load(path), path.read_text(encoding="utf-8")
    assert content["permissions"] == {"contents": "read"}
    assert not set(content["on"]) & PRIVILEGED
    for word in ("secrets.", "GITHUB_TOKEN", "GITHUB_ENV", "GITHUB_PATH"):
        assert word not in text
    assert text.count("github.token") == sum(job[0] == path.stem for job in WITH_TOKEN)
    for name, job in content["jobs"].items():
        assert job["timeout-minutes"] <= LONG.get((path.stem, name), 90), name
        holders = [step for step in job["steps"] if "github.token" in str(step)]
        assert len(holders) == ((path.stem, name) in WITH_TOKEN)
        assert all(step["env"]["GH_TOKEN"] == "${{ github.token }}" for step in holders)
        assert job["runs-on"] == "ubuntu-24.04", name
        assert job.get("permissions", {}) == WRITING.get((path.stem, name), {})
    for step in steps(content):
        assert ("run" in step) != ("uses" in step)
        assert "${{" not in step.get("run", ""), "an expression is pasted into the script"
        if "uses" in step:
            action, commit = step["uses"].split("@")
            assert action == UPLOADER or re.fullmatch(r"actions/[a-z-]+(/[a-z]+)?", action)
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
    folders = ["/leaderboard/results/", "/leaderboard/verified/"]
    assert rows["with"]["sparse-checkout"].split() == folders
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


def test_the_table_is_measured_cell_by_cell() -> None:
    content = workflow("reproduce")
    assert set(content["on"]) == {"workflow_dispatch"}
    cell, propose = content["jobs"].values()
    assert cell["strategy"]["matrix"] == {"rep": list(REPRESENTATIONS), "task": list(DATASETS)}
    assert cell["strategy"]["fail-fast"] is False
    restore, save = (step for step in cell["steps"] if "actions/cache/" in step.get("uses", ""))
    assert restore["with"]["path"] == save["with"]["path"]
    assert restore["with"]["key"] == save["with"]["key"]
    assert save["with"]["key"].startswith(restore["with"]["restore-keys"])
    assert "!cancelled()" in save["if"]  # of a cell that failed, too
    assert (propose["needs"], propose["if"]) == ("cell", "${{ !cancelled() }}")


def commands() -> list[tuple[str, list[str]]]:
    """Every command of mirbench in the workflows, with its arguments."""
    found = []
    for path in WORKFLOWS:
        for step in steps(load(path)):
            script = step.get("run", "").replace("\\\n", " ")
            for line in re.findall(r'bin/mirbench"(.*?)(?:\|\||2>|>|$)', script, re.MULTILINE):
                found.append((path.stem, shlex.split(line)))
    return found


def test_every_command_of_the_workflows_is_one() -> None:
    asked = commands()
    assert {name for name, _ in asked} == {"board", "links", "reproduce", "submissions"}
    assert len(asked) >= 7
    for _, arguments in asked:
        command: Any = typer.main.get_command(app)
        while hasattr(command, "commands"):
            command = command.commands[arguments.pop(0)]
        # Options that there are not, or values that cannot be, are refused.
        command.make_parser(typer.Context(command)).parse_args(arguments)


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
    assert "results/theirs" not in done.stdout
    put("environment.platform", "x\n::error::y\r\n::set-env name=PATH::z ##[set-env]")(path)
    done = validate_in(runner)
    assert done.returncode == 1
    assert "REJECTED  submission/leaderboard/results/mine/rendered_key.paper.json" in done.stdout
    assert "##[" not in done.stdout


@pytest.mark.slow
def test_verifications_do_not_come_with_rows(runner: Path) -> None:
    base = runner / "base" / "leaderboard" / "results"
    rows = runner / "submission" / "leaderboard" / "results"
    submit_row(base, "theirs")
    shutil.copytree(base, rows)
    path = verify_row(next(rows.glob("*/*.json")))
    done = validate_in(runner)
    assert done.returncode == 0
    assert "verification changed: verified/theirs/rendered_key.paper.json: verified by A. M" in (
        done.stdout
    )
    assert "merge them only if their author is the maintainer that they name" in done.stdout
    content = path.read_text(encoding="utf-8")
    for spoilt, message in (
        (content.replace("A. Maintainer", "<b>"), "is no verification of a row: "),
        (content.replace('"row_sha256": "', '"row_sha256": "0'), "is no verification of a row"),
        (re.sub("[0-9a-f]{64}", "0" * 64, content), "is of another row than lies there"),
    ):
        path.write_text(spoilt, encoding="utf-8")
        done = validate_in(runner)
        assert done.returncode == 1
        assert message in done.stdout
    path.write_text(content, encoding="utf-8")
    submit_row(rows, "mine", seed=1)
    done = validate_in(runner)
    assert done.returncode == 1
    assert "accepted  submission/leaderboard/results/mine/" in done.stdout
    assert "1 verification is changed together with rows: who hands in rows does not verify" in (
        done.stdout
    )


def verify_row(row: Path) -> Path:
    """Write a verification of a row as a maintainer's command would."""
    verification = Verification(
        row_sha256=row_sha256(row),
        by="A. Maintainer",
        date=datetime.date(2026, 12, 1),
        mirbench="0.1.0",
        device="cpu",
        fingerprint="0123456789abcdef",
        clips=10,
        difference=0.0001,
    )
    return write_verification(row, verification)


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


def fake(workspace: Path, name: str, script: str) -> str:
    """Put a program that runs a script where the steps look first; give the folder."""
    folder = workspace.parent / "programs"
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("script", "status", "notice"),
    [
        ("exec sleep 60", 0, "::notice::choi on gtzan is not finished; start this workflow again"),
        ("echo no such address >&2; exit 1", 1, ""),
        ('echo "$@"', 0, "reproduce castellon2021 --rep choi --task gtzan --data data --cache"),
    ],
)
def test_a_cell_that_is_not_finished_goes_on_later(
    runner: Path, script: str, status: int, notice: str
) -> None:
    program = runner.parent / "temp" / "venv" / "bin" / "mirbench"
    program.write_text(f"#!/bin/bash\n{script}\n")
    variables = {"REP": "choi", "TASK": "gtzan", "LIMIT": "0.5s"}
    done = run_step(workflow("reproduce"), "Measure the cell", runner, **variables)
    assert done.returncode == status
    assert done.stdout.startswith(notice)


@pytest.mark.slow
def test_measured_rows_become_a_pull_request(runner: Path) -> None:
    content = workflow("reproduce")
    log = runner.parent / "log"
    path = fake(runner, "gh", f'echo "$@" >> {log}')
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "init", "-q", "--bare", runner.parent / "origin"], check=True)
    submit_row(runner / "leaderboard" / "results", "theirs")
    shutil.copy(ROOT / "pyproject.toml", runner)
    for arguments in (
        ["init", "-q"],
        ["remote", "add", "origin", str(runner.parent / "origin")],
        ["add", "pyproject.toml", "leaderboard"],
        ["commit", "-qm", "start"],
    ):
        subprocess.run([*git, *arguments], cwd=runner, check=True)
    name = "Check the rows and put them in their places"
    done = run_step(content, name, runner)
    assert (done.returncode, done.stdout) == (0, "::notice::no cell is finished yet\n")
    submit_row(runner / "measured", "choi-published-features", seed=1, origin="precomputed")
    done = run_step(content, name, runner)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run_step(content, "Open a pull request", runner, PATH=path, GH_TOKEN="x")
    assert done.returncode == 0, done.stdout + done.stderr
    calls = log.read_text().splitlines()
    assert [call.split()[:2] for call in calls] == [
        ["auth", "setup-git"],
        ["pr", "list"],
        ["pr", "create"],
    ]
    listed = subprocess.run(
        ["git", "--git-dir", runner.parent / "origin", "ls-tree", "-r", "--name-only", BRANCH],
        capture_output=True,
        text=True,
        check=True,
    )
    place = "leaderboard/results/choi-published-features/rendered_key.paper.json"
    assert place in listed.stdout.splitlines()
    # The same rows again are no change.
    done = run_step(content, "Open a pull request", runner, PATH=path, GH_TOKEN="x")
    assert done.stdout == "::notice::the board has these rows already\n"


BRANCH = "rows-from-published-features"

ALIVE = Link("https://example.org/a.zip", ("gtzan",))
DEAD = Link("https://example.org/b.zip", ("choi",))


@pytest.mark.parametrize(
    ("findings", "dead", "said"),
    [
        ([Finding(ALIVE, "alive"), Finding(DEAD, "unclear", why="no answer")], 0, ""),
        (
            [Finding(ALIVE, "moved"), Finding(DEAD, "gone", why="404 ```\n@everyone")],
            1,
            "Of 2 addresses that are declared, 1 lead nowhere:\n\n```\n"
            "gone: https://example.org/b.zip\n    of choi\n    404 '''\n@everyone\n```\n",
        ),
    ],
)
def test_dead_addresses_become_an_issue(
    runner: Path, findings: list[Finding], dead: int, said: str
) -> None:
    content = workflow("links")
    answer = runner / "answer.json"
    answer.write_text(links_json(findings), encoding="utf-8")
    program = runner.parent / "temp" / "venv" / "bin" / "mirbench"
    program.write_text(f"#!/bin/bash\ncat {answer}\nexit {min(1, dead)}\n")
    assert run_step(content, "Ask", runner).returncode == 0
    path = fake(runner, "python", f'exec {sys.executable} "$@"')
    output = runner / "output"
    done = run_step(content, "Sort out what is dead", runner, PATH=path, GITHUB_OUTPUT=str(output))
    assert done.returncode == 0, done.stderr
    assert output.read_text() == f"dead={dead}\n"
    assert said in (runner / "issue.md").read_text(encoding="utf-8")
    program.write_text("#!/bin/bash\necho wrong usage >&2\nexit 2\n")
    assert run_step(content, "Ask", runner).returncode == 2


@pytest.mark.parametrize(("number", "call"), [("", "issue create"), ("12", "issue comment 12")])
def test_there_is_one_issue(runner: Path, number: str, call: str) -> None:
    log = runner.parent / "log"
    path = fake(runner, "gh", f'echo "$@" >> {log}\n[ "$2" = list ] && echo "{number}" || true')
    name = "Open an issue, or write into the one that is open"
    done = run_step(workflow("links"), name, runner, PATH=path, GH_TOKEN="x", GH_REPO="a/b")
    assert done.returncode == 0, done.stderr
    assert log.read_text().splitlines()[1].startswith(call)


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
