"""OpenMIC's tables in the published form: its partition, with labels and artists made up.

The labels are not among the development data, but how many of each instrument are present and
absent in each part is: made-up ones are as many.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Mapping
from pathlib import Path

from mirbench.tasks.openmic import INSTRUMENTS

#: Clips of an artist.
CLIPS = 4

#: Instrument to the clips that lack it and have it, by part.
Counts = Mapping[str, Mapping[str, tuple[int, int]]]


def real_tables(folder: Path) -> tuple[dict[str, list[str]], Counts]:
    """Read the real partition, and the real numbers of labels."""
    parts = {part: (folder / f"split01_{part}.csv").read_text().split() for part in PARTS}
    with (folder / "label_counts_derived.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    counts = {
        part: {
            row["instrument"]: (int(row[f"{part}_absent"]), int(row[f"{part}_present"]))
            for row in rows
        }
        for part in PARTS
    }
    return parts, counts


PARTS = ("train", "test")

#: What a small tree has: 240 and 80 clips, with two known labels each.
SMALL = (
    {
        "train": [f"{n:06d}_{n}" for n in range(240)],
        "test": [f"{n:06d}_{n}" for n in range(240, 320)],
    },
    {
        "train": dict.fromkeys(INSTRUMENTS, (14, 10)),
        "test": dict.fromkeys(INSTRUMENTS, (5, 3)),
    },
)


def write_openmic(root: Path, parts: Mapping[str, list[str]], counts: Counts) -> None:
    """Write the folder ``openmic-2018`` of the archive below `root`, without audio.

    Known labels go round the clips of a part, so that each has some; an artist has `CLIPS`
    neighbours in the list.
    """
    base = root / "openmic-2018"
    (base / "partitions").mkdir(parents=True)
    labels = ["sample_key,instrument,relevance,num_responses"]
    metadata = ["sample_key,start_time,artist_name,artist_id,license_title"]
    for part, keys in parts.items():
        (base / "partitions" / f"split01_{part}.csv").write_text("\n".join(keys) + "\n")
        turn = itertools.cycle(keys)
        for instrument, (absent, present) in counts[part].items():
            answers = [0.17104999999999998] * absent + [0.5] * (present // 2)
            answers += [1.0] * (present - present // 2)
            labels += [f"{next(turn)},{instrument},{answer},3" for answer in answers]
        metadata += [
            f'{key},{number}.0,"Artist, {part}",{PARTS.index(part)}{number // CLIPS},CC BY'
            for number, key in enumerate(keys)
        ]
    (base / "openmic-2018-aggregated-labels.csv").write_text("\n".join(labels) + "\n")
    (base / "openmic-2018-metadata.csv").write_text("\n".join(metadata) + "\n")
