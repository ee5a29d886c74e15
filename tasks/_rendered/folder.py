"""A folder of audio that mirbench makes: FLAC files, and annotations that a person can read."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mirbench.tasks._rendered.corpus import SAMPLE_RATE

#: Bytes of the annotations; they have a twentieth of this.
_LARGEST = 10_000_000


@dataclass(frozen=True, slots=True)
class Corpus:
    """What a folder is to hold.

    Attributes
    ----------
    comment : str
        Name and version of the corpus, which every file bears.
    n_samples : int
        Samples of each clip.
    sounds : mapping of str to callable
        Clip id to the function that renders it: float64, shape ``[n_samples]``, below 1.
    describe : callable
        Gives the annotations as text: a JSON object whose ``corpus`` is the comment.
    """

    comment: str
    n_samples: int
    sounds: Mapping[str, Callable[[], npt.NDArray[np.float64]]]
    describe: Callable[[], str]


def fill(root: Path, corpus: Corpus) -> None:
    """Render what is missing below `root`: ``audio/<id>.flac`` and ``annotations.json``.

    A file appears under its name only when it is complete, and says in its
    comment which corpus it belongs to. So a rendering that was interrupted is
    resumed by calling this again, and two at once do the work twice, but do
    no harm.
    """
    annotations = root / "annotations.json"
    paths = {clip_id: audio_path(root, clip_id) for clip_id in corpus.sounds}
    if is_current(annotations, corpus.comment) and all(path.is_file() for path in paths.values()):
        return
    (root / "audio").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".rendering-", dir=root, ignore_cleanup_errors=True
    ) as folder:
        for clip_id, path in paths.items():
            if not _is_rendered(path, corpus):
                _write_audio(Path(folder) / "piece.flac", clip_id, corpus)
                os.replace(Path(folder) / "piece.flac", path)
        part = Path(folder) / annotations.name
        part.write_text(corpus.describe(), encoding="utf-8", newline="\n")
        os.replace(part, annotations)


def audio_path(root: Path, clip_id: str) -> Path:
    """File of a clip."""
    return root / "audio" / f"{clip_id}.flac"


def is_current(annotations: Path, comment: str) -> bool:
    """Whether the annotations are there, whole, and of this corpus and version."""
    try:
        if not annotations.is_file() or annotations.stat().st_size > _LARGEST:
            return False
        content = json.loads(annotations.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("corpus") == comment


def _is_rendered(path: Path, corpus: Corpus) -> bool:
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            return bool(file.comment == corpus.comment and file.frames == corpus.n_samples)
    except soundfile.SoundFileError:
        return False


def _write_audio(path: Path, clip_id: str, corpus: Corpus) -> None:
    import soundfile

    # In memory first: libsndfile does not say why a file cannot be written, or that it was not.
    content = io.BytesIO()
    with soundfile.SoundFile(content, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC") as file:
        file.title = clip_id
        file.comment = corpus.comment
        file.write(corpus.sounds[clip_id]())
    path.write_bytes(content.getvalue())
