"""Rows whose embeddings are computed again, and what is kept of that."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import REPRESENTATION
from helpers.submitted_rows import put, submit_row

from mirbench.benchmark.result import read_verification, standing_of

Main = Callable[..., tuple[int, str, str]]
RUN = ("run", "--rep", "tinyrep", "--task", "tinytask", "--protocol", "quick", "--jobs", "1")


@pytest.fixture
def row(main: Main, tmp_path: Path) -> Path:
    """Make a row where a board's lie."""
    status, _, err = main(*RUN, "--out", tmp_path / "results")
    assert status == 0, err
    return tmp_path / "results" / "tinyrep" / "tinytask.paper.quick.json"


@pytest.mark.slow
def test_a_row_is_verified(main: Main, row: Path, tmp_path: Path) -> None:
    assert standing_of(row).words == "self-reported"
    before = sorted((tmp_path / "cache").rglob("*"))
    sketches = json.loads(row.read_text())["commitment"]["sketches"]
    assert len(sketches) == 10

    verify = ("leaderboard", "verify", row, "--jobs", 1)
    status, _, err = main(*verify)
    assert status == 2
    assert "is not built in (origin: tinypackage); name its plugin with --rep FILE.py" in err
    status, out, err = main(*verify, "--rep", "tinyrep")
    assert status == 0, err
    assert [line.split(":")[0] for line in out.splitlines()[:10]] == [
        f"same     {clip_id}" for clip_id in sketches
    ]
    assert out.splitlines()[10] == f"{row}: its embeddings are those of tinyrep"
    assert not (tmp_path / "verified").exists()
    assert sorted((tmp_path / "cache").rglob("*")) == before

    status, out, err = main(*verify, "--rep", "tinyrep", "--by", "A. Maintainer")
    assert status == 0, err
    place = tmp_path / "verified" / "tinyrep" / row.name
    assert f"wrote {place}; commit it, signed, in a change without rows" in out
    kept = read_verification(place)
    assert (kept.by, kept.clips, kept.device) == ("A. Maintainer", 10, "cpu")
    assert kept.difference < 0.001
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    assert standing_of(row).words == f"verified by A. Maintainer ({today})"

    # Of a row that was changed since, it says nothing.
    row.write_text(row.read_text().replace("Tiny task", "Tiny tusk"))
    assert standing_of(row).words == "self-reported"


@pytest.mark.slow
def test_a_row_of_another_model_is_not(main: Main, row: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(REPRESENTATION.replace("np.log1p(", "1.1 * np.log1p("))
    status, out, err = main("leaderboard", "verify", row, "--rep", other, "--by", "x", "--jobs", 1)
    assert status == 1
    assert out.count("differs  clip") == 10
    assert "note: the row is of fingerprint " in out
    assert "10 of 10 clips have another embedding than the row says" in err
    assert not (tmp_path / "verified").exists()


@pytest.mark.slow
def test_rows_that_cannot_be_verified(main: Main, row: Path, tmp_path: Path) -> None:
    verify = ("leaderboard", "verify", row, "--rep", "tinyrep", "--jobs", 1)
    status, _, err = main(*verify, "--by", "<script>")
    assert status == 2
    assert "--by '<script>': a name has letters, digits, spaces and . _ @ - only" in err
    elsewhere = tmp_path / "rows" / "tinyrep" / row.name
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_bytes(row.read_bytes())
    status, _, err = main("leaderboard", "verify", elsewhere, "--rep", "tinyrep", "--by", "me")
    assert status == 1
    assert "lies in no folder of a board (leaderboard/results), beside which" in err
    content = json.loads(row.read_text())
    del content["commitment"]
    row.write_text(json.dumps(content))
    status, _, err = main(*verify)
    assert status == 1
    assert "commits itself to nothing that could be recomputed: it is of an older version" in err


@pytest.mark.parametrize("name", ["./evil.py", "choi:evil.py:x=1", "hear:evil,batch=1", "evil"])
def test_a_row_names_no_code_that_is_run(main: Main, tmp_path: Path, name: str) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('it ran')\n")
    (tmp_path / "choi:evil.py").write_text("raise SystemExit('it ran')\n")
    row = submit_row(tmp_path / "results", rep="mfcc", origin="built-in")
    put("representation.name", name)(row)
    status, _, err = main("leaderboard", "verify", row, "--jobs", 1)
    assert status == 2
    assert f"the row is of '{name}', which names no representation that mirbench itself" in err
    assert "name its plugin with --rep FILE.py" in err
    assert "and read it first, or add --sandbox" in err
    assert "it ran" not in err


def test_the_task_of_a_row_is_no_file(main: Main, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('it ran')\n")
    row = submit_row(tmp_path / "results", rep="mfcc", origin="built-in")
    put("task.name", "./evil.py")(row)
    status, _, err = main("leaderboard", "verify", row, "--rep", "mfcc", "--jobs", 1)
    assert status == 1
    assert "is of task './evil.py', which is no task that is installed here" in err


@pytest.mark.slow
def test_a_row_does_not_choose_its_clips(main: Main, row: Path) -> None:
    verify = ("leaderboard", "verify", row, "--rep", "tinyrep", "--jobs", 1, "--by", "me")
    whole = json.loads(row.read_text())
    sketches = whole["commitment"]["sketches"]
    one = dict(list(sketches.items())[:1])
    for fewer in ({}, one, one | {"nowhere": one[min(one)]}):
        put("commitment.sketches", fewer)(row)
        status, _, err = main(*verify)
        assert status == 1
        assert "does not commit itself to the 10 clips that its split names, as '" in err
    put("commitment.sketches", one)(row)
    others = [f"clip{number:03d}" for number in range(150) if f"clip{number:03d}" not in one]
    put("task.missing", [{"clip_id": clip_id, "reason": "lost"} for clip_id in others])(row)
    status, _, err = main(*verify)
    assert status == 1
    assert "149 of 150 clips are missing; at most 5 % may be" in err
    assert not (row.parents[2] / "verified").exists()
