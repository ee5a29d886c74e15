"""Which pre-training data holds clips of which task, or songs of the same source.

The one place where names of datasets are read. A mark on the board says that
a representation may have heard the test set, not that it did.
"""

from __future__ import annotations

import re

#: Task to the names, in words, of datasets that overlap it: the dataset itself,
#: supersets, and the collections from which its clips were taken.
OVERLAPS: dict[str, tuple[str, ...]] = {
    "magnatagatune": ("magnatagatune", "magna tag a tune", "mtat", "mtt", "magnatune"),
    "gtzan": ("gtzan",),
    "gtzan_tempo": ("gtzan",),
    # Previews of tracks sold by Beatport; the training half is "MTG key".
    "giantsteps": ("giantsteps", "giant steps", "beatport"),
    "giantsteps_tempo": ("giantsteps", "giant steps", "beatport"),
    # Train and valid are of MedleyDB, which CREPE was trained on.
    "medley_solos": ("medley solos db", "medleydb", "solosdb"),
    "nsynth_pitch": ("nsynth",),
    "nsynth_family": ("nsynth",),
    "nsynth_pitch_full": ("nsynth",),
    "nsynth_family_full": ("nsynth",),
    "vocalset_technique": ("vocalset",),
    "fma_keys": ("fma", "fma keys", "free music archive"),
    "tinysol_pitch": ("tinysol", "orchideasol", "studio on line"),
    "jamendo_mood": ("jamendo",),
    "openmic": ("openmic", "fma", "free music archive"),
    # Clips of the Free Music Archive; the songs went into DEAM, the MediaEval sets of 2013 on.
    "emomusic": ("emomusic", "deam", "mediaeval", "fma", "free music archive"),
}


def overlaps(trained_on: str | None, task: str) -> bool:
    """Whether a card's `trained_on` names data that overlaps a task's clips."""
    words = _words(trained_on or "")
    return any(f" {name} " in words for name in OVERLAPS.get(task, (task.replace("_", " "),)))


def _words(text: str) -> str:
    return f" {' '.join(re.findall(r'[a-z0-9]+', text.casefold()))} "
