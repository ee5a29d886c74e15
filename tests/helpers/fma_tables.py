"""Tables of FMA keys and of the Free Music Archive in small, in their published form."""

from __future__ import annotations

import csv
from pathlib import Path

KEYS = ("C Major", "F# minor", "Bb Major", "A minor")

#: Tracks by number; the last two are a pair of identical files.
TRACKS = (10, *range(141, 258), 50972, 50990)

#: Line ends, commas and quotation marks stand in biographies.
BIOGRAPHY = 'Born in "Bruges",\nlives\r\nelsewhere'


def artist_of(track: int) -> str:
    """Name the artist; four tracks each."""
    return f"Band {'abcdefghij'[track % 10]}{'klm'[track // 10 % 3]}"


def write_fma(root: Path, metadata: str = "fma_metadata") -> None:
    """Write the table of keys, and that of tracks in the folder `metadata`."""
    (root / metadata).mkdir(parents=True, exist_ok=True)
    rows = [f"{t},spotify:track:x,{KEYS[n % 4]}\n" for n, t in enumerate(TRACKS)]
    (root / "fma_keys_metadata.csv").write_text(
        "track_id,spotify_uri,key_and_mode\n" + "".join(rows)
    )
    with (root / metadata / "tracks.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["", "album", "artist", "artist", "track"])
        table.writerow(["", "id", "bio", "name", "title"])
        table.writerow(["track_id", "", "", "", ""])
        for track in TRACKS:
            table.writerow([track, 1, BIOGRAPHY, artist_of(track), "A song"])
