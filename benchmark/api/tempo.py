"""Tempo as the outputs of a regression task."""

from __future__ import annotations

import math

from mirbench.benchmark.api.errors import DataError

#: What a tempo task calls its outputs; `tempo_label` computes them.
TEMPO_LABELS = ("cosine", "sine", "octaves")

#: BPM at which the angle and the octaves are 0.
REFERENCE_BPM = 100.0


def tempo_label(bpm: float) -> tuple[float, float, float]:
    """Write a tempo as a point on a helix, which is what probes are trained on.

    With x = log2(BPM / 100): cos 2πx and sin 2πx, in which tempi that differ
    by a factor of two are the same, and x itself. Two annotators of one track
    agree about the angle and often not about the octave, so the angle decides
    what the tempo is and x only in which octave it lies.

    Parameters
    ----------
    bpm : float
        Beats per minute.

    Returns
    -------
    tuple of three floats
        In the order of `TEMPO_LABELS`.

    Raises
    ------
    DataError
        If the tempo is not a positive finite number.

    Examples
    --------
    >>> tempo_label(200.0)[::2]
    (1.0, 1.0)
    """
    if not (math.isfinite(bpm) and bpm > 0):
        raise DataError(f"a tempo is a positive number of beats per minute, not {bpm}")
    octaves = math.log2(bpm / REFERENCE_BPM)
    return math.cos(2 * math.pi * octaves), math.sin(2 * math.pi * octaves), octaves
