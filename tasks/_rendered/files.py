"""The rendered corpus on disk: FLAC files, and annotations that a person can read."""

from __future__ import annotations

import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from mirbench.tasks._rendered.audio import N_SAMPLES, render
from mirbench.tasks._rendered.corpus import CORPUS_VERSION, SAMPLE_RATE, Piece, pieces
from mirbench.tasks._rendered.score import chords

#: Bytes of the annotations; they have a twentieth of this.
_LARGEST = 10_000_000

_COMMENT = f"mirbench rendered corpus, version {CORPUS_VERSION}"


def prepare(root: Path) -> None:
    """Render what is missing below `root`: ``audio/<id>.flac`` and ``annotations.json``.

    A file appears under its name only when it is complete, and says in its
    comment which corpus it belongs to. So a rendering that was interrupted is
    resumed by calling this again, and two at once do the work twice, but do
    no harm.
    """
    annotations = root / "annotations.json"
    if _is_current(annotations) and all(_audio_path(root, p).is_file() for p in pieces()):
        return
    (root / "audio").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".rendering-", dir=root, ignore_cleanup_errors=True
    ) as folder:
        for piece in pieces():
            if not _is_rendered(_audio_path(root, piece)):
                _write_audio(Path(folder) / "piece.flac", piece)
                os.replace(Path(folder) / "piece.flac", _audio_path(root, piece))
        part = Path(folder) / annotations.name
        part.write_text(_annotations(), encoding="utf-8", newline="\n")
        os.replace(part, annotations)


def _audio_path(root: Path, piece: Piece) -> Path:
    return root / "audio" / f"{piece.id}.flac"


def _is_current(annotations: Path) -> bool:
    try:
        if not annotations.is_file() or annotations.stat().st_size > _LARGEST:
            return False
        content = json.loads(annotations.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("corpus") == _COMMENT


def _is_rendered(path: Path) -> bool:
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            return bool(file.comment == _COMMENT and file.frames == N_SAMPLES)
    except soundfile.SoundFileError:
        return False


def _write_audio(path: Path, piece: Piece) -> None:
    import soundfile

    # In memory first: libsndfile does not say why a file cannot be written, or that it was not.
    content = io.BytesIO()
    with soundfile.SoundFile(content, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC") as file:
        file.title = piece.id
        file.comment = _COMMENT
        file.write(render(piece))
    path.write_bytes(content.getvalue())


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
