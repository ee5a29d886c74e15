"""NSynth's tables in small: names and facts of notes in the published form."""

from __future__ import annotations

import json
from pathlib import Path

FAMILIES = [
    "bass",
    "brass",
    "flute",
    "guitar",
    "keyboard",
    "mallet",
    "organ",
    "reed",
    "string",
    "synth_lead",
    "vocal",
]

#: Numbers of the instruments of each family, by published part; valid and test share one.
INSTRUMENTS = {"train": range(4), "valid": (10, 11), "test": (11, 12)}

#: Velocity of the notes of each part: no note is in two.
VELOCITIES = {"train": 100, "valid": 75, "test": 127}

#: MIDI numbers; the last is on no piano.
PITCHES = (40, 52, 60, 110)


def make_notes(part: str) -> dict[str, dict[str, object]]:
    """Name the notes of a part, with what the published table says of each."""
    families = FAMILIES if part == "train" else [f for f in FAMILIES if f != "synth_lead"]
    return {
        f"{family}_acoustic_{number:03d}-{pitch:03d}-{VELOCITIES[part]:03d}": {
            "note": 7,
            "note_str": f"{family}_acoustic_{number:03d}-{pitch:03d}-{VELOCITIES[part]:03d}",
            "sample_rate": 16000,
            "pitch": pitch,
            "velocity": VELOCITIES[part],
            "instrument": number,
            "instrument_str": f"{family}_acoustic_{number:03d}",
            "instrument_family": FAMILIES.index(family),
            "instrument_family_str": family,
            "instrument_source": 0,
            "instrument_source_str": "acoustic",
            "qualities": [0] * 10,
            "qualities_str": [],
        }
        for family in families
        for number in INSTRUMENTS[part]
        for pitch in PITCHES
    }


def write_nsynth(root: Path) -> None:
    """Write the tables of the three parts, as the published archives do."""
    for part in INSTRUMENTS:
        folder = root / f"nsynth-{part}"
        folder.mkdir(parents=True)
        (folder / "examples.json").write_text(json.dumps(make_notes(part)))
