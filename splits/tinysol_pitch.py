"""Split of TinySOL pitch: instruments of valid and of test are not in train."""

from __future__ import annotations

from pathlib import Path

from mirbench.benchmark.api import Split
from mirbench.splits.table import Assignment
from mirbench.tasks.tinysol_pitch import read_notes

#: One to three instruments of each family on each side. The accordion, alone in its family
#: and the only one with nearly all pitches, is in train.
SIDES: dict[str, Split] = {
    "Accordion": "train",
    "Alto Saxophone": "train",
    "Bass Tuba": "train",
    "Bassoon": "train",
    "Cello": "train",
    "Trumpet in C": "train",
    "French Horn": "valid",
    "Oboe": "valid",
    "Violin": "valid",
    "Clarinet in Bb": "test",
    "Contrabass": "test",
    "Flute": "test",
    "Trombone": "test",
    "Viola": "test",
}


def artist_split(root: Path) -> Assignment:
    """Hold instruments out; notes that were retuned digitally are in no split."""
    return {note.id: SIDES[note.instrument] for note in read_notes(root) if not note.retuned}


#: The published folds share sounds, so there is one split.
paper_split = artist_split
