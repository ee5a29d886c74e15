"""How a worker ended: what is said of its status, of what it was at, and what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirbench.benchmark.machine.ended import Ended
from mirbench.benchmark.machine.last_words import LastWords, doing, open_notes, read_notes
from mirbench.benchmark.machine.limits import memory_kills


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (-11, "had a segmentation fault (SIGSEGV)"),
        (139, "had a segmentation fault (SIGSEGV)"),  # as a sandbox tells it
        (-6, "aborted (SIGABRT)"),
        (-15, "was ended by signal SIGTERM"),
        (3, "exited with status 3"),
        (0, "exited with status 0"),
    ],
)
def test_an_end_has_a_name_and_is_not_for_want_of_memory(status: int, said: str) -> None:
    text = Ended(status).text(4)
    assert text.startswith(f"a worker process {said}")
    assert "memory" not in text
    assert "--jobs" not in text


def test_fewer_workers_are_advised_where_one_was_killed() -> None:
    assert "by the kernel for want of memory or by somebody" in Ended(-9).text(4)
    assert "by the kernel for want of memory (SIGKILL)" in Ended(-9, out_of_memory=True).text(4)
    assert "(--jobs 2)" in Ended(-9).text(4)
    assert "--jobs" not in Ended(-9).text(1)
    assert Ended(-9).may_lack_memory
    assert not Ended(-11, out_of_memory=True).may_lack_memory


def test_what_it_was_at_and_where_is_told() -> None:
    words = LastWords("embedding clip 'a'", "/x/mine.py, line 3", late=True)
    assert Ended(1, words).text(1) == (
        "a worker process was ended, since it took longer than --clip-timeout allows, while "
        "embedding clip 'a' (/x/mine.py, line 3); mend the representation, or allow more "
        "seconds; what is finished is kept"
    )


def test_kills_are_counted_in_the_group_or_else_on_the_machine(
    tmp_path: Path,
) -> None:
    own, events = tmp_path / "cgroup", tmp_path / "memory.events"
    own.write_text("0::/absent\n")
    events.write_text("low 0\noom 4\noom_kill 3\noom_group_kill 9\n")
    assert memory_kills(tmp_path, own) == 3
    events.write_text("low 0\n")
    assert memory_kills(tmp_path, own) >= 0


def test_notes_hold_the_last_that_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from mirbench.benchmark.machine import last_words

    handle = open_notes()
    try:
        assert read_notes(handle) == LastWords()
        monkeypatch.setattr(last_words._NOTES, "handle", handle)
        with doing("embedding a clip with a long name"):
            with doing("decoding"):
                assert read_notes(handle).doing == "decoding"
            assert read_notes(handle).doing == "embedding a clip with a long name"
        assert read_notes(handle) == LastWords()
        trace = (
            "Timeout (0:00:02)!\nThread 0x1 (most recent call first):\n"
            '  File "/x/other.py", line 1 in wait\n\nThread 0x2 (most recent call first):\n'
            '  File "/x/net.py", line 3 in forward\n  File "/x/mine.py", line 2 in embed\n'
        )
        os.pwrite(handle, trace.encode(), last_words._SAID)
        assert read_notes(handle) == LastWords("", "/x/net.py, line 3", late=True)
    finally:
        os.close(handle)


def test_nothing_is_told_where_nobody_listens() -> None:
    with doing("anything", limit=0.001):
        pass
