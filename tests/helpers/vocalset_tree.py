"""VocalSet's folders, with an empty file for every singer and technique."""

from __future__ import annotations

from pathlib import Path

from mirbench.tasks.vocalset_technique import TECHNIQUES

SINGERS = (
    *(f"female{number}" for number in range(1, 10)),
    *(f"male{number}" for number in range(1, 12)),
)


def touch_vocalset(base: Path) -> Path:
    """Make the folder ``FULL`` and what lies in it; returns it."""
    for singer in SINGERS:
        short = singer.replace("female", "f").replace("male", "m")
        for technique in TECHNIQUES:
            folder = base / singer / "scales" / technique
            folder.mkdir(parents=True)
            (folder / f"{short}_scales_{technique}_a.wav").touch()
    return base
