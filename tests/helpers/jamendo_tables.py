"""MTG-Jamendo's tables of moods in small, in the published form."""

from __future__ import annotations

from pathlib import Path

HEADER = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\r\n"

#: Published part to its tracks: number, artist, seconds, tags.
SMALL: dict[str, list[tuple[int, int, float, tuple[str, ...]]]] = {
    "train": [
        (948, 87, 212.7, ("background",)),
        (3, 5, 30.0, ("slow", "happy")),
        (4, 5, 31.5, ("sad",)),
        (12, 9, 100.0, ("sad",)),
    ],
    "validation": [(5, 6, 60.0, ("epic",))],
    "test": [(1009600, 7, 3966.3, ("dark", "film")), (8, 7, 90.0, ("dark",))],
}

#: Tracks, each with the file of another.
SAME = {8: 4, 12: 948}


def write_tables(
    root: Path,
    tables: str = "splits/split-0",
    sums: str = "download",
    parts: dict[str, list[tuple[int, int, float, tuple[str, ...]]]] | None = None,
) -> None:
    """Write the three tables of split 0 and the list of SHA-256 below `root`."""
    for folder in (tables, sums):
        (root / folder).mkdir(parents=True, exist_ok=True)
    digests = []
    for part, tracks in (SMALL if parts is None else parts).items():
        lines = [
            f"track_{number:07d}\tartist_{artist:06d}\talbum_000001\t{place(number)}.mp3\t{seconds}\t"
            + "\t".join(f"mood/theme---{tag}" for tag in tags)
            for number, artist, seconds, tags in tracks
        ]
        table = root / tables / f"autotagging_moodtheme-{part}.tsv"
        table.write_bytes((HEADER + "\r\n".join(lines) + "\r\n").encode())
        digests += [f"{SAME.get(n, n):064x} {place(n)}.low.mp3" for n, *_ in tracks]
    path = root / sums / "autotagging_moodtheme_audio-low_sha256_tracks.txt"
    path.write_text("\n".join(digests) + "\n")


def place(number: int) -> str:
    """Path of a track below the folder of audio, without its ending."""
    return f"{number % 100:02d}/{number}"
