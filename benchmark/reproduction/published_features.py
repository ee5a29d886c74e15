"""The features that Castellon et al. (ISMIR 2021) published, read straight from their archives.

One tar.gz per dataset and representation, with one ``.npy`` per clip (or
window), whose file stem is `Task.stem` of the row's id.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

from mirbench.benchmark.api import DataError, Download, FloatArray, Task, clip_and_window
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.npz import check_windows
from mirbench.benchmark.files.foreign import ARCHIVE_DAMAGES, Damaged, read_bounded
from mirbench.benchmark.files.npy import read_header, read_values
from mirbench.benchmark.files.unpack import SmallHeaders
from mirbench.benchmark.progress import bar, count

BASE_URL = "https://nlp.stanford.edu/data/cdonahue/jukemir/precomputed/"

#: Representation to what it was trained on, as the paper says, in the order of its Table 3;
#: in the words by which the board knows what overlaps a task.
REPRESENTATIONS = {
    "chroma": "none",
    "mfcc": "none",
    "choi": "Million Song Dataset",
    "musicnn": "Million Song Dataset",
    "clmr": "MagnaTagATune",
    "jukebox": "1.2 million songs, not published",
}

#: Task to the name that its archives begin with, in the order of Table 3.
DATASETS = {
    "magnatagatune": "magnatagatune",
    "gtzan": "gtzan_ff",
    "giantsteps": "giantsteps_clips",
    "emomusic": "emomusic",
}

#: No feature of one clip is larger, in bytes.
_LARGEST_MEMBER = 1024**2

#: Features are packed to two thirds; they are not read if they are so many times the archive.
_MOST_UNPACKED = 30

#: Bytes of features that are read from however small an archive.
_ALWAYS = 256 * 1024**2


@dataclass(frozen=True, slots=True)
class Archive:
    """The published features of one representation on one task."""

    task: str
    representation: str

    @property
    def name(self) -> str:
        """File name."""
        return f"{DATASETS[self.task]}-{self.representation}.tar.gz"

    def download(self, sha256: Mapping[str, str]) -> Download:
        """Address and checksum, the latter from the table `sha256`.

        Raises
        ------
        DataError
            If the table has none.
        """
        if self.name not in sha256:
            raise DataError(f"there is no checksum for {self.name}")
        return Download(
            filename=self.name, mirrors=(BASE_URL + self.name,), sha256=sha256[self.name]
        )


def read_checksums(path: Path | None = None) -> dict[str, str]:
    """Read a table from archive to SHA-256, in the form that ``sha256sum`` writes.

    Parameters
    ----------
    path : Path, optional
        Default: the table of the published archives.

    Raises
    ------
    DataError
        If it cannot be read or a line has another form.
    """
    path = path or Path(__file__).with_name("castellon2021.sha256")
    table = {}
    try:
        lines = read_bounded(path).decode("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the checksums {path}: {error}") from error
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or len(words[0]) != 64:
            raise DataError(f"{path}, line {number}: expected a sha256 and a file name")
        table[PurePosixPath(words[1].lstrip("*")).name] = words[0].lower()
    return table


def read_archive(path: Path, task: Task, clip_ids: Sequence[str], sha256: str) -> Embeddings:
    """Read the features of clips from an archive, in one pass and without unpacking it.

    Parameters
    ----------
    path : Path
        The archive.
    task : Task
        The task whose clips it holds.
    clip_ids : sequence of str
        Clips that are wanted; other members are left out.
    sha256 : str
        What the archive's checksum must be, in hex.

    Raises
    ------
    DataError
        If the archive is absent or damaged, has another checksum, or holds
        features that are not vectors of one length or not finite.
    """
    ids = tuple(sorted(clip_ids))
    clip_of = {task.stem(clip_id): number for number, clip_id in enumerate(ids)}
    rows: list[tuple[int, int]] = []
    values, dims, problem = array("f"), 0, ""
    most = max(_ALWAYS, _MOST_UNPACKED * path.stat().st_size) if path.is_file() else 0
    for name, vector in _members(path, sha256):
        stem, window = _stem_of(name, task)
        number = clip_of.get(stem)
        if number is None:
            continue
        dims = dims or len(vector)
        if len(vector) != dims:
            problem = problem or f"{name} has {count(len(vector), 'value')}, others {dims:,}"
        if not np.isfinite(vector).all():
            problem = problem or f"{name} holds NaN or infinity"
        if vector.nbytes + len(values) * 4 > most:
            problem = problem or "its features are more than such an archive can hold"
        if not problem:
            rows.append((number, window))
            values.frombytes(vector.tobytes())
    # Only now, since a wrong checksum would be the better explanation.
    if problem:
        raise DataError(f"{path.name}: {problem}")
    if not rows:
        raise DataError(f"{path.name} holds no feature of a clip of task {task.name!r}")
    windows: dict[str, list[int]] = {}
    for number, window in rows:
        windows.setdefault(ids[number], []).append(window)
    check_windows(path, windows)
    order = sorted(range(len(rows)), key=rows.__getitem__)
    present = {number for number, _ in rows}
    return Embeddings(
        clip_ids=ids,
        embedding=np.frombuffer(values, dtype=np.float32).reshape(-1, dims)[order],
        clip=np.array([rows[place][0] for place in order], dtype=np.int64),
        missing={
            clip_id: f"not in {path.name}" for n, clip_id in enumerate(ids) if n not in present
        },
    )


def _stem_of(name: str, task: Task) -> tuple[str, int]:
    """Clip's part of a member's stem, and number of the window."""
    stem = PurePosixPath(name).stem
    base, window = clip_and_window(stem)
    return (stem, 0) if task.window is None or window is None else (base, window)


def _members(path: Path, sha256: str) -> Iterator[tuple[str, FloatArray]]:
    """Yield member names and vectors; the checksum is known, and checked, at the end."""
    try:
        with (
            path.open("rb") as file,
            bar(f"reading {path.name}", path.stat().st_size, "B") as progress,
        ):
            source = _Hashed(file, progress.update)
            try:
                stream: Any = source
                with tarfile.open(fileobj=stream, mode="r|gz", tarinfo=SmallHeaders) as archive:
                    for info in archive:
                        if info.isreg() and _is_feature(info.name):
                            yield info.name, _vector(archive, info, path)
            except (MemoryError, *ARCHIVE_DAMAGES) as error:
                source.check(path, sha256)
                raise DataError(f"{path} is damaged: {error}") from error
            except DataError:
                source.check(path, sha256)
                raise
            source.check(path, sha256)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error}") from error


def _is_feature(name: str) -> bool:
    # Archives made on a Mac carry a shadow ``._x`` for each file x.
    return name.endswith(".npy") and not PurePosixPath(name).name.startswith("._")


def _vector(archive: tarfile.TarFile, info: tarfile.TarInfo, path: Path) -> FloatArray:
    if info.size > _LARGEST_MEMBER:
        raise DataError(
            f"{path.name}: {info.name} has {count(info.size, 'byte')}, too many for a feature"
        )
    member = archive.extractfile(info)
    assert member is not None
    file = io.BytesIO(member.read())
    header = read_header(file)
    if len(header.shape) > 2:
        raise Damaged(f"{info.name} has shape {list(header.shape)}")
    matrix = read_values(file, header)
    vector = matrix[0] if matrix.ndim == 2 and len(matrix) == 1 else matrix
    if vector.ndim != 1 or vector.dtype.kind != "f" or not vector.size:
        raise DataError(
            f"{path.name}: {info.name} has shape {list(matrix.shape)} and dtype {matrix.dtype}; "
            "expected a vector of floats"
        )
    return vector.astype(np.float32, copy=False)


class _Hashed:
    """A file whose checksum is taken while it is read."""

    def __init__(self, file: IO[bytes], update: Callable[[int], Any]) -> None:
        self.file, self.update, self.total = file, update, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self.file.read(size)
        self.total.update(block)
        self.update(len(block))
        return block

    def check(self, path: Path, sha256: str) -> None:
        """Read the rest and compare.

        Raises
        ------
        DataError
            If it is another file than it should be.
        """
        while self.read(1 << 20):
            pass
        if self.total.hexdigest() != sha256.lower():
            raise DataError(
                f"{path} is not the published file: its sha256 is {self.total.hexdigest()[:12]}…, "
                f"not {sha256.lower()[:12]}…"
            )
