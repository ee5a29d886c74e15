"""Compute the split files of a dataset from its annotation files.

``python -m mirbench.splits.make TASK --data DIR`` prints how the computed
splits compare with the frozen ones and exits with 1 if they differ;
``--write`` freezes what was computed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mirbench.benchmark.api import MirbenchError
from mirbench.splits import (
    emomusic,
    giantsteps,
    giantsteps_tempo,
    gtzan,
    magnatagatune,
    medley_solos,
    tinysol_pitch,
)
from mirbench.splits.table import Assignment, format_split, sizes

#: What makes each split, from the folder of the dataset.
RULES: dict[str, Mapping[str, Callable[[Path], Assignment]]] = {
    module.__name__.rpartition(".")[2]: {
        "paper": module.paper_split,
        "artist": module.artist_split,
    }
    for module in (
        *(magnatagatune, gtzan, giantsteps, emomusic),
        *(giantsteps_tempo, medley_solos, tinysol_pitch),
    )
}
RULES["gtzan_tempo"] = RULES["gtzan"]


def split_path(task: str, split: str) -> Path:
    """Where a split is frozen."""
    return Path(__file__).parent / f"{task}.{split}.csv"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m mirbench.splits.make", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("task", choices=sorted(RULES))
    parser.add_argument("--data", type=Path, required=True, help="folder of the dataset")
    parser.add_argument("--write", action="store_true", help="write the files")
    options = parser.parse_args(arguments)
    status = 0
    for split, rule in RULES[options.task].items():
        try:
            assignment = rule(options.data)
        except MirbenchError as error:
            print(error, file=sys.stderr)
            return 1
        path, text = split_path(options.task, split), format_split(assignment)
        same = path.is_file() and path.read_bytes() == text.encode()
        if options.write:
            path.write_bytes(text.encode())
        elif not same:
            status = 1
        state = "same as frozen" if same else "written" if options.write else "DIFFERS from frozen"
        print(f"{path.name}: {' / '.join(map(str, sizes(assignment)))} clips, {state}")
    return status


if __name__ == "__main__":
    sys.exit(main())
