"""The rendered corpus on disk."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from mirbench.tasks._rendered.audio import N_SAMPLES, render
from mirbench.tasks._rendered.corpus import CORPUS_VERSION, Piece, pieces
from mirbench.tasks._rendered.folder import Corpus, fill
from mirbench.tasks._rendered.score import chords

_COMMENT = f"mirbench rendered corpus, version {CORPUS_VERSION}"


def prepare(root: Path) -> None:
    """Render what is missing below `root`, as `mirbench.tasks._rendered.folder.fill` does."""
    sounds = {piece.id: partial(render, piece) for piece in pieces()}
    fill(root, Corpus(_COMMENT, N_SAMPLES, sounds, _annotations))


def _annotations() -> str:
    """Describe every piece, in JSON."""
    content = {"corpus": _COMMENT, "pieces": [_annotation(piece) for piece in pieces()]}
    return json.dumps(content, indent=1) + "\n"


def _annotation(piece: Piece) -> dict[str, Any]:
    beat = 60 / piece.bpm
    return {
        "id": piece.id,
        "band": piece.band.name,
        "split": piece.band.split,
        "key": piece.key,
        "bpm": piece.bpm,
        "progression": piece.progression,
        "instruments": list(piece.instruments),
        "tuning_cents": round(piece.band.tuning, 2),
        "chords": [[round(chord.onset * beat, 4), chord.label] for chord in chords(piece)],
    }
