"""Which files of a folder are opened, and which of them are only written."""

from __future__ import annotations

from pathlib import Path

from helpers.needs import needs

from mirbench.benchmark.machine.folder_watch import opened_below


@needs("inotify")
def test_what_is_only_written_is_told_from_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "weights").write_text("1")
    (tmp_path / "untouched").write_text("1")
    with opened_below(tmp_path) as places:
        (tmp_path / "below" / "weights").read_text()
        (tmp_path / "fetched").write_text("1")
        (tmp_path / "fetched").read_text()
        with (tmp_path / "log").open("a") as log:
            log.write("loaded")
    assert {Path(place).name: read for place, read in places.items()} == {
        "weights": True,
        "fetched": True,
        "log": False,
    }
