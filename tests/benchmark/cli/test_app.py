"""The command line, in processes of its own as a user meets it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.embedding.pair import Pair
from mirbench.benchmark.evaluation.settings import Settings
from mirbench.benchmark.result import Row, read_predictions, read_result
from mirbench.benchmark.runs import commands, each

if TYPE_CHECKING:
    from conftest import TinyPackage

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Finished:
    """A first and an identical second run."""

    cache: Path
    out: Path
    first: Done
    second: Done
    row: bytes
    log: Path

    @property
    def options(self) -> list[str]:
        return [
            *("--rep", "tinyrep", "--task", "tinytask", "--protocol", "quick"),
            *("--cache", str(self.cache), "--out", str(self.out), "--jobs", "1"),
        ]


@pytest.fixture(scope="module")
def finished(tiny_task_package: TinyPackage, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    root = tmp_path_factory.mktemp("run")
    out = root / "results"
    empty = subprocess.CompletedProcess([], 0, "", "")
    log = root / "embedded.txt"
    options = Finished(root / "cache", out, empty, empty, b"", log).options
    first = tiny_task_package.mirbench("run", *options, TINYREP_LOG=root)
    assert first.returncode == 0, first.stderr
    row = (out / "tinyrep" / "tinytask.paper.quick.json").read_bytes()
    second = tiny_task_package.mirbench(
        "run", *options, TINYREP_LOG=root, PYTHONPROFILEIMPORTTIME=1
    )
    return Finished(root / "cache", out, first, second, row, log)


def imported(done: Done) -> set[str]:
    """Top-level names that a process run with PYTHONPROFILEIMPORTTIME imported."""
    lines = (line.split("|") for line in done.stderr.splitlines() if line.startswith("import time"))
    return {parts[2].strip().partition(".")[0] for parts in lines}


def test_run_end_to_end(finished: Finished, tiny_task_package: TinyPackage) -> None:
    path = finished.out / "tinyrep" / "tinytask.paper.quick.json"
    result = read_result(path)
    assert result.to_json().encode() == finished.row
    assert result.representation.origin == "tinypackage"
    assert result.task.counts == {"train": 90, "valid": 30, "test": 30}
    assert result.protocol.probes_run == 3
    assert result.scores["accuracy"].value > 0.9
    assert result.scores["accuracy"].groups == 6
    predictions = read_predictions(path)
    right = (predictions.outputs.argmax(axis=1) == predictions.targets).mean()
    assert result.scores["accuracy"].value == pytest.approx(right)
    assert re.search(r"tinyrep +tinytask \(paper\) +accuracy +\d+\.\d", finished.first.stdout)
    assert "not for the main board" in finished.first.stdout
    pages = [finished.out / name for name in ("README.md", "index.html")]
    assert all("tinyrep" in page.read_text("utf-8") for page in pages)


def test_an_identical_run_finds_its_row(finished: Finished) -> None:
    assert finished.second.returncode == 0
    assert "found, identical" in finished.second.stdout
    assert "found, identical" not in finished.first.stdout
    assert (finished.out / "tinyrep" / "tinytask.paper.quick.json").read_bytes() == finished.row
    # Three clips twice in one process, once in another; one to see which files are read; and two
    # synthetic ones.
    looked_at = 3 * 2 + 3 + 1 + 2
    assert len(finished.log.read_text().splitlines()) == 150 + looked_at
    names = imported(finished.second)
    assert "numpy" in names
    assert not names & {"torch", "librosa", "sklearn"}


def test_help_is_light(tiny_task_package: TinyPackage) -> None:
    done = tiny_task_package.mirbench("--help", PYTHONPROFILEIMPORTTIME=1)
    assert done.returncode == 0
    for name in ("run", "list", "embed", "probe", "leaderboard"):
        assert re.search(rf"^ *{name}\b", done.stdout, flags=re.MULTILINE)
    heavy = {"torch", "librosa", "sklearn", "pandas", "scipy", "pydantic", "tinypackage"}
    assert "typer" in imported(done)
    assert not imported(done) & heavy


@pytest.mark.slow
def test_dry_run_writes_nothing(tiny_task_package: TinyPackage, tmp_path: Path) -> None:
    done = tiny_task_package.mirbench(
        *("run", "--rep", "tinyrep", "--rep", "tinyrep:delay=0.01", "--task", "tinytask"),
        *("--dry-run", "--cache", tmp_path / "cache", "--out", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stderr
    first = re.search(r"^tinyrep +tinytask \(paper\) +150 +0 +(\S+ \S+) +", done.stdout, re.M)
    assert first
    assert first[1] == "10 kB"
    assert re.search(r"^tinyrep:delay=0.01 .* 216 +about \S.* +new", done.stdout, re.MULTILINE)
    assert "nothing was written" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_dry_run_knows_what_is_there(finished: Finished, tiny_task_package: TinyPackage) -> None:
    done = tiny_task_package.mirbench("run", *finished.options, "--dry-run")
    pattern = r"^tinyrep +tinytask \(paper\) +150 +150 +0 B +0 s +3 +about \S+ s +there"
    assert re.search(pattern, done.stdout, re.MULTILINE)


RUN = ("run", "--task", "tinytask", "--protocol", "quick", "--rep")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*RUN, "tinyrop"), "there is no representation 'tinyrop'; did you mean tinyrep?"),
        ((*RUN, "absent.py"), "there is no file absent.py"),
        ((*RUN, "tinyrep:speed=1"), "has no parameter 'speed'; its parameters: delay, log"),
        ((*RUN, "tinyrep", "--rep", "tinyrep"), "'tinyrep' is named twice: tinypackage"),
        ((*RUN, "tinyrep", "--split", "artist"), "has no split 'artist'; it offers: paper"),
        ((*RUN, "tinyrep", "--protocol", "slow"), "there is no protocol 'slow'; choose one of"),
        ((*RUN, "tinyrep", "--device", "gpu"), "there is no device 'gpu'; choose one of: cpu"),
        (("run", "--rep", "tinyrep", "--task", "tinytusk"), "there is no task 'tinytusk'; did y"),
        ((*RUN, "tinyrep", "--max-missing", "7"), "--max-missing"),
        ((*RUN, "tinyrep", "--jobs", "0"), "--jobs"),
        ((*RUN, "tinyrep", "--fast"), "--fast"),
        (("run",), "--rep"),
        (("rum",), "rum"),
        (("probe", "--task", "tinytask"), "either --embeddings FILE.npz or --rep NAME"),
        (("list", "metrics"), "list representations or tasks, not 'metrics'"),
        (("leaderboard", "build", "--results", "absent"), "there is no folder absent"),
    ],
)
def test_wrong_usage(
    main: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], message: str
) -> None:
    status, out, err = main(*arguments)
    assert status == 2
    assert message in err
    assert out == ""
    assert not Path("mirbench-results").exists()


def test_a_wrong_label_shows_before_anything_is_embedded(
    main: Callable[..., tuple[int, str, str]],
    tiny: TinyPackage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_distribution: Callable[[Path, str, str], None],
) -> None:
    make_distribution(tmp_path, "mislabelled", "[mirbench.tasks]\nmislabelled = mislabelled:TASK\n")
    (tmp_path / "mislabelled.py").write_text(
        "from dataclasses import replace\nfrom tinypackage.task import TASK as T\n"
        "TASK = replace(T, name='mislabelled', labels=('high', 'low'))\n"
    )
    split = tiny.site / "tinypackage" / "splits" / "tinytask.paper.csv"
    shutil.copy(split, tmp_path / "mislabelled.paper.csv")
    monkeypatch.syspath_prepend(tmp_path)
    status, _, err = main("run", "--rep", "tinyrep", "--task", "mislabelled")
    assert status == 1
    assert "clip 'clip002' has the label 'middle'; expected one of its labels (high, low)" in err
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("probe", "--task", "tinytask", "--embeddings", "no.npz"), "there is no file no.npz"),
        (("probe", "--task", "tinytask", "--rep", "tinyrep"), "the store has no embeddings of"),
        ((*RUN, "tinyrep", "--jobs", "1", "--data", "absent"), "150 of 150 clips are missing"),
        (("run", "--rep", "tinyrep", "--data", "absent", "--split", "own"), "no task with a split"),
        (("embed", "--rep", "tinyrep", "--task", "tinytask", "--data", "absent"), "are missing"),
    ],
)
def test_failures(
    main: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], message: str
) -> None:
    Path("absent").mkdir()
    Path("absent/tinytask").mkdir()
    for number in range(150):
        Path(f"absent/tinytask/clip{number:03d}.wav").touch()
    status, _, err = main(*arguments)
    assert status == 1
    assert message in err
    assert "Traceback" not in err


def test_folders_that_cannot_be_written_show_at_once(
    main: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYREP_LOG", str(tmp_path))
    Path("file").touch()
    for option in ("--out", "--cache"):
        status, out, err = main(*RUN, "tinyrep", "--jobs", "1", option, "file")
        assert (status, out, err) == (1, "", "mirbench: cannot write into file: File exists\n")
    assert not (tmp_path / "embedded.txt").exists()


def test_a_gpu_that_is_not_there(main: Callable[..., tuple[int, str, str]]) -> None:
    status, _, err = main(*RUN, "tinyrep", "--device", "cuda:99")
    assert (status, err) == (
        1,
        "mirbench: PyTorch finds no GPU for --device cuda:99 on this machine\n",
    )


def test_one_broken_representation_does_not_stop_the_others(
    main: Callable[..., tuple[int, str, str]], finished: Finished
) -> None:
    Path("broken.py").write_text("def load_model(device='cpu'): raise OSError('no weights')\n")
    status, out, err = main("run", "--rep", "broken.py", *finished.options)
    assert status == 1
    assert re.search(r"tinyrep +tinytask .* found, identical", out)
    assert "1 of 2 failed:\nbroken on tinytask: representation 'broken': load_model raised" in err
    assert "OSError: no weights" in err
    assert err.endswith("\nmade:\ntinyrep on tinytask\n")


def test_what_is_not_foreseen_does_not_stop_the_others(
    main: Callable[..., tuple[int, str, str]],
    finished: Finished,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evaluate = each.evaluate_pair

    def sometimes(pair: Pair, settings: Settings) -> Row:
        if pair.spec.label == "tinyrep":
            return evaluate(pair, settings)
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(each, "evaluate_pair", sometimes)
    status, out, err = main("run", "--rep", "mfcc", *finished.options)
    assert status == 1
    assert re.search(r"tinyrep +tinytask .* found, identical", out)
    assert "\nmirbench: 1 of 2 failed:\nmfcc on tinytask: ZeroDivisionError: a mistake" in err
    assert "Traceback" not in err
    assert "sometimes" in main("run", "--rep", "mfcc", *finished.options, "--debug")[2]


def test_a_summary_has_one_line_for_each_and_rows_before_a_failure_are_told(
    main: Callable[..., tuple[int, str, str]],
    finished: Finished,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(pair: Pair, *_: object) -> Row:
        raise MirbenchError("3 of 7 clips are missing:\n  a: lost\n  b: lost")

    monkeypatch.setattr(each, "evaluate_deformed", fail)
    Path("broken.py").write_text("def load_model(device='cpu'): raise OSError('no weights')\n")
    options = [*finished.options, "--rep", "broken.py", "--deform", "gain"]
    status, out, err = main("run", *options)
    assert status == 1
    assert re.search(r"tinyrep +tinytask .* found, identical", out)  # though its other row is not
    _, _, summary = err.rpartition("mirbench: ")
    first, *failed = summary.splitlines()
    assert first == "2 of 2 failed:"
    assert failed[0] == "tinyrep on tinytask: 3 of 7 clips are missing"
    assert len(failed) == 2


def test_an_interruption_ends_the_whole_run(
    main: Callable[..., tuple[int, str, str]],
    finished: Finished,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = []

    def interrupt(pair: Pair, *_: object) -> Row:
        begun.append(pair.spec.label)
        raise KeyboardInterrupt

    monkeypatch.setattr(each, "evaluate_pair", interrupt)
    status, _, err = main("run", "--rep", "mfcc", *finished.options)
    assert (status, begun) == (130, ["mfcc"])
    assert "interrupted; what is finished is kept" in err


@pytest.mark.slow
def test_without_a_task_all_that_are_ready_are_run(
    main: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def note(pair: Pair, *_: object) -> None:
        seen.append(pair.task.name)
        raise MirbenchError("noted")

    monkeypatch.setattr(each, "evaluate_pair", note)
    status, _, err = main("run", "--rep", "tinyrep", "--protocol", "quick")
    assert status == 1
    assert "tinytask" in seen
    assert "gtzan" not in seen
    assert (
        "data is not here: emomusic, fma_keys, giantsteps, giantsteps_tempo, gtzan, gtzan_tempo, "
        "jamendo_mood, magnatagatune, medley_solos, nsynth_family, nsynth_pitch, openmic, "
        "tinysol_pitch, vocalset_technique ("
    ) in err


def test_list(main: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = main("list")
    assert status == 0
    assert re.search(r"^  mfcc +ready +MFCC$", out, re.MULTILINE)
    assert re.search(r"^  tinyrep +ready +Tiny spectrum \[tinypackage\]$", out, re.MULTILINE)
    assert re.search(r"^  tinytask +ready +Tiny task \[tinypackage\]", out, re.MULTILINE)
    assert re.search(r"^  gtzan +not yet", out, re.MULTILINE)
    assert "Tasks" not in main("list", "representations")[1]
    assert "Representations" not in main("list", "tasks")[1]


@pytest.mark.slow
def test_embed_then_probe_in_two_ways(
    main: Callable[..., tuple[int, str, str]], tmp_path: Path, finished: Finished
) -> None:
    status, out, _ = main(
        "embed", "--rep", "tinyrep", "--task", "tinytask", "--jobs", "1", "--out", "npz"
    )
    assert (status, out) == (0, "tinytask: 150 clips embedded (150 now), 0 missing\n")
    shutil.copytree(finished.out, "out")
    probe = ("probe", "--task", "tinytask", "--protocol", "quick", "--out", "out")
    status, out, _ = main(*probe, "--rep", "tinyrep")
    assert status == 0
    assert "found, identical" in out
    elsewhere = (*probe, "--embeddings", "npz/tinytask.npz", "--name")
    assert main(*elsewhere, "from elsewhere")[0] == 0
    rows = [read_result(path) for path in tmp_path.glob("out/*/*.json")]
    own, other = sorted(rows, key=lambda row: row.representation.name == "from elsewhere")
    assert (own.representation.origin, other.representation.origin) == (
        "tinypackage",
        "precomputed",
    )
    assert other.scores == own.scores
    assert other.probe == own.probe
    status, _, err = main(*elsewhere, "tinyrep:x=1")
    assert status == 2
    assert "'tinyrep:x=1' is the name of a representation; give another by --name" in err


def test_probe_with_too_few_clips(main: Callable[..., tuple[int, str, str]]) -> None:
    ids = [f"clip{n:03d}" for n in range(0, 150, 2)]
    np.savez("half.npz", clip_id=ids, embedding=np.zeros((75, 3)))
    probe = ("probe", "--task", "tinytask", "--protocol", "quick", "--embeddings", "half.npz")
    status, _, err = main(*probe, "--out", "out")
    assert status == 1
    assert "75 of 150 clips are missing, more than 5% (--max-missing)" in err
    assert "clip001: not in half.npz" in err
    assert main(*probe, "--out", "out", "--max-missing", "0.5")[0] == 0
    row = read_result(Path("out/half/tinytask.paper.quick.json"))
    assert len(row.task.missing) == 75
    assert sum(row.task.counts.values()) == 75


def test_leaderboard_build(main: Callable[..., tuple[int, str, str]], finished: Finished) -> None:
    shutil.copytree(finished.out, "copy")
    status, out, _ = main("leaderboard", "build", "--results", "copy", "--out", "pages")
    names = ("README.md", "index.html", "compare.html", "rep")
    assert (status, out) == (0, "".join(f"wrote pages/{name}\n" for name in names))
    (Path("copy") / "tinyrep" / "bad.json").write_text("{}")
    status, _, err = main("leaderboard", "build", "--results", "copy")
    assert status == 1
    assert "bad.json is not a result row" in err


def test_ctrl_c_is_no_success(tiny_task_package: TinyPackage, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mirbench.benchmark.cli", "embed", "--rep", "tinyrep"]
    process = subprocess.Popen(
        [*command, "--task", "tinytask", "--cache", str(tmp_path / "cache"), "--jobs", "1"],
        env=tiny_task_package.env | {"TINYREP_DELAY": "0.5", "TINYREP_LOG": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 90
    while not (tmp_path / "embedded.txt").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "interrupted; what is finished is kept" in err
    assert "Traceback" not in err


def test_errors_of_ours_are_one_message(
    main: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, status in ((MirbenchError("it failed"), 1), (UsageError("it failed"), 2)):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(commands, "run", fail)
        assert main("run", "--rep", "tinyrep") == (status, "", "mirbench: it failed\n")


def test_embeddings_do_not_take_the_row_of_a_file(
    main: Callable[..., tuple[int, str, str]], tiny: TinyPackage, tmp_path: Path
) -> None:
    shutil.copy(tiny.site / "tinypackage" / "rep.py", "mine.py")
    status, _, err = main(*RUN, "./mine.py", "--out", "rows")
    assert status == 0, err
    ids = np.array([path.stem for path in tiny.wavs])
    values = np.random.default_rng(0).normal(size=(len(ids), 4)).astype(np.float32)
    np.savez("mine.npz", clip_id=ids, embedding=values)
    probe = ("probe", "--task", "tinytask", "--embeddings", "mine.npz", "--protocol", "quick")
    status, _, err = main(*probe, "--out", "rows")
    assert status == 2
    assert "is the row of another 'mine' (origin: file)" in err
    assert main(*probe, "--out", "rows", "--force")[0] == 0
    assert main(*probe, "--out", "rows", "--name", "other")[0] == 0


def test_there_are_two_engines(main: Callable[..., tuple[int, str, str]]) -> None:
    status, _, err = main(*RUN, "tinyrep", "--engine", "dask")
    assert status == 2
    assert err == "mirbench: there is no engine 'dask'; choose one of: local, ray\n"
