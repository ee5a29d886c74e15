"""Defaults of options from a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.cli import app
from mirbench.benchmark.cli.defaults import KEYS, Defaults, find_defaults
from mirbench.benchmark.embedding import first_use
from mirbench.benchmark.files.cache import CacheFolder

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the user's configuration; no variable is set."""
    config = tmp_path / "config"
    (config / "mirbench").mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    for name in ("MIRBENCH_DATA", "MIRBENCH_CACHE"):
        monkeypatch.delenv(name, raising=False)
    return config / "mirbench" / "mirbench.toml"


def test_the_nearest_file_up_to_the_repository_is_read(home: Path, tmp_path: Path) -> None:
    below = tmp_path / "repository" / "a" / "b"
    below.mkdir(parents=True)
    home.write_text("jobs = 1\n")
    assert find_defaults(below) == Defaults(home, {"jobs": 1}, own=True)
    (tmp_path / "mirbench.toml").write_text("jobs = 2\n")
    (tmp_path / "repository" / "mirbench.toml").write_text("jobs = 3\n")
    assert find_defaults(below).values == {"jobs": 1}  # without a repository, nothing above
    (tmp_path / "repository" / ".git").mkdir()
    assert find_defaults(below).values == {"jobs": 3}
    (below / "mirbench.toml").write_text("jobs = 4\n")
    assert find_defaults(below).values == {"jobs": 4}
    (below / "mirbench.toml").unlink()
    (tmp_path / "repository" / "mirbench.toml").unlink()
    assert find_defaults(below).path == home  # and nothing above the repository


def test_there_need_be_no_file(home: Path, tmp_path: Path) -> None:
    assert find_defaults(tmp_path) == Defaults()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rep = './evil.py'", "there is no key 'rep'; there are: data, cache"),
        ("address = 'auto'", "there is no key 'address'"),
        ("[run]\njobs = 2", "there is no key 'run'"),
        ("jobs = '4'", "jobs must be a whole number from 1, not '4'"),
        ("jobs = true", "jobs must be a whole number from 1, not True"),
        ("jobs = 0", "jobs must be a whole number from 1"),
        ("memory = nan", "memory must be a number of GiB"),
        ("data = 3", "data must be the name of a folder, not 3"),
        ("data = '~nobody-of-that-name/x'", "data must be the name of a folder, not '~nobody"),
        ("cache = ''", "cache must be the name of a folder"),
        ("device = 'gpu'", 'device must be "cpu", "cuda" or "cuda:1"'),
        ("quiet = 1", "quiet must be true or false"),
        ("jobs = ", "cannot be read as TOML: "),
        ("jobs = 1\njobs = 2", "cannot be read as TOML: "),
    ],
)
def test_mistakes_name_the_file_and_the_key(
    text: str, message: str, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "mirbench.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        find_defaults(tmp_path)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'mirbench.toml'}")
    assert message in said
    assert "\n" not in said


def test_a_mistake_ends_a_command_but_not_its_help(main: Main, home: Path) -> None:
    Path("mirbench.toml").write_text("job = 2")
    status, _, err = main("schema")
    assert status == 2
    assert "mirbench.toml: there is no key 'job'" in err
    assert main("schema", "--help")[0] == 0
    assert main("--version")[0] == 0


def test_option_before_variable_before_file(
    main: Main, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("mirbench.toml").write_text('cache = "in-file"\nquiet = true\n')

    def folder(*options: object) -> object:
        return json.loads(main("cache", "info", "--json", *options)[1])["folder"]

    assert folder() == str(tmp_path / "in-file")
    monkeypatch.setenv("MIRBENCH_CACHE", str(tmp_path / "in-variable"))
    assert folder() == str(tmp_path / "in-variable")
    assert folder("--cache", tmp_path / "in-option") == str(tmp_path / "in-option")
    monkeypatch.setenv("MIRBENCH_CACHE", "")
    assert folder() == str(tmp_path / "in-file")
    assert os.environ["MIRBENCH_CACHE"] == ""


def test_options_take_their_defaults(main: Main, home: Path, tmp_path: Path) -> None:
    Path("mirbench.toml").write_text('device = "cuda:99"\n')
    run = ("run", "--rep", "tinyrep", "--task", "tinytask", "--protocol", "quick")
    assert "--device cuda:99" in main(*run)[2]
    assert "--device cuda:98" in main(*run, "--device", "cuda:98")[2]


def test_every_key_is_an_option() -> None:
    command = typer.main.get_command(app)
    options = Defaults(values=dict.fromkeys(KEYS, 1)).of_options(command)
    run = {"device", "jobs", "memory", "clip_timeout", "sandbox", "quiet"}
    assert set(options["run"]) == run
    assert "data" not in options["cache"]["prune"]  # --made-data is none of them
    assert options["quiet"] == 1


def test_doctor_says_which_file_was_read(main: Main, home: Path, tmp_path: Path) -> None:
    assert json.loads(main("doctor", "--json")[1])["defaults"] is None
    Path("mirbench.toml").write_text('data = "datasets"\n')
    found = json.loads(main("doctor", "--json")[1])
    assert found["defaults"] == str(tmp_path / "mirbench.toml")
    assert found["data"]["path"] == str(tmp_path / "datasets")


def test_compiled_code_of_a_cache_that_a_working_folder_names_is_not_run(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(first_use, "_can_write", lambda folder: False)
    text = f'cache = "{tmp_path / "cache"}"\n'
    home.write_text(text)
    with find_defaults(tmp_path).as_environment():
        first_use.keep_compiled(CacheFolder.find())
    assert os.environ.pop("NUMBA_CACHE_DIR") == str(tmp_path / "cache" / "numba")
    (tmp_path / "mirbench.toml").write_text(text)
    with find_defaults(tmp_path).as_environment():
        first_use.keep_compiled(CacheFolder.find())
        code = (
            "from mirbench.benchmark.files.cache import CacheFolder as c; print(c.find().trusted)"
        )
        worker = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert worker.stdout == "False\n"
    assert CacheFolder.find().trusted
    assert not Path(os.environ.pop("NUMBA_CACHE_DIR")).is_relative_to(tmp_path / "cache")


def test_reading_it_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "mirbench.toml").write_text("jobs = 2\n")
    code = (
        "import sys; from mirbench.benchmark.cli.defaults import find_defaults; "
        "assert find_defaults().values; "
        "assert not {'torch', 'librosa', 'pydantic', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=100)
