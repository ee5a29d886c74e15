"""Claims on work: one at a time, renewed, taken over when they expire or their owner has ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.files import claims as module
from mirbench.benchmark.files.claims import SUFFIX, Claims, in_turn
from mirbench.benchmark.files.owners import this_host


class Time:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "00000-ab.safetensors"


def claim_of(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)


def claim_by(path: Path, host: str, pid: int, born: str = "") -> None:
    path.parent.mkdir(exist_ok=True)
    facts = {"host": host, "pid": pid, "born": born, "token": "1"}
    claim_of(path).write_text(json.dumps(facts))


def test_one_has_it_until_it_lets_go(shard: Path) -> None:
    with Claims() as one, Claims() as other:
        assert one.take(shard)
        assert not other.take(shard)
        assert str(os.getpid()) in other.owner(shard)
        one.release(shard)
        assert other.take(shard)
    assert list(shard.parent.iterdir()) == []


def test_many_threads_get_it_once(shard: Path) -> None:
    got: list[bool] = []
    start = threading.Barrier(8)

    def take(claims: Claims) -> None:
        start.wait()
        got.append(claims.take(shard))

    every = [Claims() for _ in range(8)]
    threads = [threading.Thread(target=take, args=(claims,)) for claims in every]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 7 + [True]
    for claims in every:
        claims.__exit__(None, None, None)


@pytest.mark.parametrize("by_wall_clock", [-1e9, 0.0, 1e9], ids=["past", "now", "future"])
def test_another_host_has_it_as_long_as_it_changes(shard: Path, by_wall_clock: float) -> None:
    claim_by(shard, "elsewhere", 1)
    time = Time()
    with Claims(expires=60, clock=time) as claims:
        for second in range(0, 300, 50):
            time.now = second
            stamp = 2e9 + by_wall_clock + second
            os.utime(claim_of(shard), (stamp, stamp))
            assert not claims.take(shard), "it changes, whatever its clock says"
        time.now += 59
        assert not claims.take(shard)
        time.now += 2
        assert claims.take(shard)


def test_a_process_of_this_host_that_has_ended_has_it_no_more(shard: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with Claims() as claims:
        claim_by(shard, this_host(), ended.pid)
        assert claims.take(shard)


def test_a_killed_process_that_its_parent_has_not_waited_for_has_it_no_more(shard: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    claim_by(shard, this_host(), process.pid)
    with Claims() as claims:
        assert not claims.take(shard)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert claims.take(shard)
    process.communicate()


def test_a_process_that_got_the_number_of_an_ended_one_has_it_not(shard: Path) -> None:
    claim_by(shard, this_host(), os.getpid(), born="1")
    with Claims() as claims:
        assert claims.take(shard)


def test_the_number_of_a_process_of_another_host_says_nothing(shard: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    claim_by(shard, "elsewhere", ended.pid)
    with Claims() as claims:
        assert not claims.take(shard)


def test_it_is_touched_while_it_is_held(shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RENEWED_EVERY", 0.01)
    with Claims() as claims:
        claims.take(shard)
        os.utime(claim_of(shard), ns=(1, 1))
        until = 500
        while claim_of(shard).stat().st_mtime_ns == 1 and until:
            threading.Event().wait(0.02)
            until -= 1
        assert claim_of(shard).stat().st_mtime_ns > 1


def test_who_lost_it_neither_touches_nor_removes_that_of_the_next(shard: Path) -> None:
    time = Time()
    with Claims() as slow:
        slow.take(shard)
        with Claims(expires=60, clock=time, host="elsewhere") as next_:
            assert not next_.take(shard)
            time.now = 61
            assert next_.take(shard)
            held = claim_of(shard).read_bytes()
            slow.release(shard)
            assert claim_of(shard).read_bytes() == held


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"[1]", b'{"host": 1}', b"[" * 100_000])
def test_a_foreign_file_in_its_place_expires(shard: Path, content: bytes) -> None:
    shard.parent.mkdir()
    claim_of(shard).write_bytes(content)
    time = Time()
    with Claims(expires=60, clock=time) as claims:
        assert not claims.take(shard)
        assert claims.owner(shard) == ""
        time.now = 61
        assert claims.take(shard)


def test_a_foreign_folder_in_its_place_is_put_aside(shard: Path) -> None:
    claim_of(shard).mkdir(parents=True)
    (claim_of(shard) / "something").write_text("of somebody's")
    time = Time()
    with Claims(expires=60, clock=time) as claims:
        assert not claims.take(shard)
        time.now = 61
        assert claims.take(shard)
    assert [path.read_text() for path in shard.parent.glob("*/something")] == ["of somebody's"]


def test_where_nothing_can_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file")
    with Claims() as claims, pytest.raises(MirbenchError, match=r"^cannot write .*a\.claim: "):
        claims.take(tmp_path / "folder" / "a")


def test_in_turn_the_second_finds_what_the_first_has_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, made = tmp_path / "look.json", []

    def make(name: str) -> None:
        with in_turn(path, path.exists, "{} is at it") as mine:
            if mine:
                ready.set()
                go.wait(10)
                path.write_text(name)
                made.append(name)

    ready, go = threading.Event(), threading.Event()
    first = threading.Thread(target=make, args=("first",))
    first.start()
    ready.wait(10)
    second = threading.Thread(target=make, args=("second",))
    second.start()
    while "is at it" not in (said := capsys.readouterr().err):
        threading.Event().wait(0.02)
    assert said.startswith(f"process {os.getpid()} of ")
    go.set()
    first.join(), second.join()
    assert made == ["first"]


def test_a_claim_that_cannot_be_removed_is_no_endless_wait(
    shard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_by(shard, "here", 2**22 + 1)

    def refuse(old: Path, new: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "rename", refuse)
    with (
        Claims(host="here") as claims,
        pytest.raises(MirbenchError, match=r"cannot remove .*\.claim, the claim of a run that has"),
    ):
        claims.take(shard)


def test_a_claim_that_cannot_be_read_expires_all_the_same(
    shard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_by(shard, "elsewhere", 1)
    time, read = Time(), Path.open

    def refuse(path: Path, *args: Any, **options: Any) -> object:
        if path.name.endswith(SUFFIX) and not path.name.startswith("."):
            raise PermissionError(13, "Permission denied")
        return read(path, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with Claims(clock=time, host="here", expires=60) as claims:
        assert not claims.take(shard)
        time.now = 61
        assert claims.take(shard)


def test_others_can_read_claims_whatever_the_umask(shard: Path) -> None:
    before = os.umask(0o077)
    try:
        with Claims() as claims:
            assert claims.take(shard)
            assert claim_of(shard).stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(before)
