"""Which variables look like secrets, and that they are hidden for the time of a call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.toy_task import toy_task

from mirbench.benchmark.api import Clip, Split
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.datasets.splits import compute_split
from mirbench.benchmark.machine.launch import Rules, plugin_environment, rules, under
from mirbench.benchmark.machine.secret_names import is_secret, secrets_hidden
from mirbench.benchmark.registry import load_representation, load_task

SECRET = {
    "HF_TOKEN": "x",
    "HUGGING_FACE_HUB_TOKEN": "x",
    "GITHUB_TOKEN": "x",
    "WANDB_API_KEY": "x",
    "OPENAI_APIKEY": "x",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "GOOGLE_APPLICATION_CREDENTIALS": "/home/me/key.json",
    "AZURE_CLIENT_SECRET": "x",
    "PGPASSWORD": "x",
    "db_passwd": "x",
    "MYSQL_PWD": "x",
    "DB_PWD": "x",
    "TS_AUTHKEY": "x",
    "SECRETKEY": "x",
    "PRIVATEKEY": "x",
    "AZURE_STORAGE_CONNECTION_STRING": "AccountName=me;AccountKey=eA==;EndpointSuffix=x",
    "DATABASE": "Server=here;User Id=me;Password=x",
    "SSH_AUTH_SOCK": "/tmp/agent",
    "SLURM_JWT": "x",
    "SENTRY_DSN": "x",
    "https_proxy": "http://me:word@proxy:3128",
    "PIP_INDEX_URL": "https://token@index.example/simple",
    "NAMELESS": "ghp_0123456789abcdef0123456789abcdef0123",
    "CERTIFICATE": "-----BEGIN RSA PRIVATE KEY-----\nMII",
}
NONE = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/home/me",
    "PWD": "/home/me/passwords",
    "OLDPWD": "/home/me/keys",
    "TOKENIZERS_PARALLELISM": "false",
    "KEYBOARD": "de",
    "PASSENGERS": "3",
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "0",
    "HF_HOME": "/data/hf",
    "MIRBENCH_CACHE": "/data/cache",
    "http_proxy": "http://proxy:3128",
    "AUTHOR": "me@example.org",
}


@pytest.mark.parametrize("name", SECRET)
def test_secrets_are_known(name: str) -> None:
    assert is_secret(name, SECRET[name])


@pytest.mark.parametrize("name", NONE)
def test_others_are_left(name: str) -> None:
    assert not is_secret(name, NONE[name])


def test_workers_are_started_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "x")
    monkeypatch.setenv("MY_PLACE", "y")
    assert "MY_TOKEN" not in plugin_environment()
    assert plugin_environment()["MY_PLACE"] == "y"
    with under(Rules(frozenset({"MY_TOKEN"}))):
        assert plugin_environment()["MY_TOKEN"] == "x"
    assert rules() == Rules()


def test_they_are_hidden_for_a_time_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "x")
    monkeypatch.setenv("YOUR_TOKEN", "y")
    with secrets_hidden({"YOUR_TOKEN"}):
        assert "MY_TOKEN" not in os.environ
        assert os.environ["YOUR_TOKEN"] == "y"
    assert os.environ["MY_TOKEN"] == "x"


def test_code_of_tasks_sees_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "x")
    seen: list[str | None] = []

    def read(root: Path) -> Iterator[Clip]:
        seen.append(os.environ.get("MY_TOKEN"))
        yield Clip("a", root / "a.wav", "x", "a")

    task = replace(load_task("gtzan"), read_clips=read)
    assert [clip.id for clip in read_clips(task, tmp_path)] == ["a"]
    assert seen == [None]
    assert os.environ["MY_TOKEN"] == "x"


def test_models_in_this_process_see_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "x")
    file = tmp_path / "mine.py"
    file.write_text(
        "import os\nSEEN = [os.environ.get('MY_TOKEN')]\n"
        "def load_model(device='cpu'):\n    return SEEN + [os.environ.get('MY_TOKEN')]\n"
    )
    assert load_representation(str(file)) == [None, None]
    with under(Rules(frozenset({"MY_TOKEN"}))):
        file.write_text(file.read_text() + "\n")
        assert load_representation(str(file)) == ["x", "x"]
    assert os.environ["MY_TOKEN"] == "x"


def test_a_task_that_computes_its_split_sees_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MY_TOKEN", "x")
    seen = []

    def split(root: Path, name: str) -> dict[str, Split]:
        seen.append(os.environ.get("MY_TOKEN"))
        return {"a": "train", "b": "valid", "c": "test"}

    compute_split(toy_task(compute_split=split), "paper", tmp_path)
    assert seen == [None]
    assert os.environ["MY_TOKEN"] == "x"
