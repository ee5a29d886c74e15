"""One labelled excerpt of audio."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api.types import Label


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled excerpt of audio.

    Attributes
    ----------
    id : str
        Unique within the task, as used in ``splits/``.
    path : Path or None
        Audio file, which need not exist until the clip is embedded; None
        where the dataset is not on disk.
    label : str, tuple of str, or tuple of float
        A class name (multiclass), the positive labels (multilabel), or one
        value per output (regression).
    group : str
        What must not leak between splits: the artist, or the song.
    start : float
        Where the clip begins in the file, in seconds.
    duration : float or None
        Its length in seconds; None: to the end of the file.
    min_duration : float
        Seconds that the file has from `start` on if it is whole; a shorter
        one counts as missing.
    unobserved : tuple of str
        Labels of which nobody has said whether they apply (multilabel, and only where
        `Task.partial`); they are left out of losses and scores. What is neither here nor
        in `label` does not apply.
    deformed : str or None
        The change of its audio that ``--deform`` names; set by the harness.
    """

    id: str
    path: Path | None
    label: Label
    group: str
    start: float = 0.0
    duration: float | None = None
    min_duration: float = 0.0
    unobserved: tuple[str, ...] = ()
    deformed: str | None = None
