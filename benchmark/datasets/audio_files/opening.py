"""An audio file of known length, opened with libsndfile.

libsndfile believes headers and guesses where there are none, so that of some
files it reads a part without a word. Here the length is taken from what the
file holds. A file that libsndfile reads to its end is handed to it as it is;
else a copy in memory with a true header is, or the files that it was joined
from; and a file of which something is missing is unusable.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np

from mirbench.benchmark.api import FloatArray, UnusableClip
from mirbench.benchmark.datasets.audio_files import chunks, flac, mpeg_header, mpeg_length, ogg
from mirbench.benchmark.datasets.audio_files.errors import LOSS, failure
from mirbench.benchmark.datasets.audio_files.headers import check_remarks, check_samples

#: Bounds of a file's sampling rate in Hz and of its channels: what is beyond is a damaged header.
LEAST_RATE, MOST_RATE, MOST_CHANNELS = 1000, 1_000_000, 255

#: Samples for which there is room before they are decoded: an hour, but not what a header claims.
AT_ONCE = 1 << 28


@dataclass(eq=False)
class AudioFile:
    """An open file, of which all `frames` can be decoded.

    A part is what libsndfile has opened, and how many frames it has.
    """

    path: Path
    parts: list[tuple[Any, int]]

    @property
    def frames(self) -> int:
        """Samples per channel."""
        return sum(frames for _, frames in self.parts)

    @property
    def rate(self) -> int:
        """Sampling rate in Hz."""
        return int(self.parts[0][0].samplerate)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.parts[0][0].channels)

    @property
    def as_it_is(self) -> bool:
        """Whether libsndfile reads the file itself, to an end that it knows."""
        (file, frames), *others = self.parts
        return not others and str(file.name) == str(self.path) and frames == file.frames

    @property
    def format(self) -> str:
        """Name by libsndfile."""
        return str(self.parts[0][0].format)

    def read(self, first: int, count: int) -> FloatArray:
        """Decode `count` frames or as many as there are: float32 ``[n_frames, n_channels]``.

        Raises
        ------
        UnusableClip
            If they cannot be decoded.
        """
        pieces: list[FloatArray] = []
        for file, frames in self.parts:
            if count > 0 and first < frames:
                wanted = min(count, frames - first)
                pieces.append(self._read(file, first, wanted))
                count -= wanted
            first = max(0, first - frames)
        if not pieces:
            return np.zeros((0, self.channels), np.float32)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _read(self, file: Any, first: int, count: int) -> FloatArray:
        at_once = max(1, AT_ONCE // self.channels)
        pieces: list[FloatArray] = []
        try:
            file.seek(first)
            while count > 0:
                wanted = min(count, at_once)
                pieces.append(file.read(wanted, dtype="float32", always_2d=True))
                count = count - wanted if len(pieces[-1]) == wanted else 0
            return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        except Exception as error:
            raise failure(self.path, error) from error


@contextlib.contextmanager
def open_audio(path: Path, *, to_decode: bool = True) -> Iterator[AudioFile]:
    """Open a file and find out how long it is.

    `to_decode`: leave out what the decoder checks by itself.

    Raises
    ------
    UnusableClip
        If there is no such file, or it is empty, not audio or has not all of
        the audio that its header tells of.
    MirbenchError
        If it cannot be read now.
    """
    if not path.is_file():
        raise UnusableClip(f"{path.name} does not exist")
    if path.stat().st_size == 0:
        raise UnusableClip(f"{path.name} is empty (0 bytes)")
    with contextlib.ExitStack() as stack:
        try:
            parts = _open_parts(path, stack, to_decode)
        except OSError as error:
            raise failure(path, error) from error
        audio = AudioFile(path, parts)
        if audio.frames == 0:
            raise UnusableClip(f"{path.name} holds no audio")
        yield audio


def _open_parts(path: Path, stack: contextlib.ExitStack, to_decode: bool) -> list[tuple[Any, int]]:
    samples = chunks.find_samples(path)
    if samples is not None and samples.mended is not None:
        place, number = samples.mended
        data = path.read_bytes()
        file = _open(data[:place] + number + data[place + len(number) :], path, stack)
    else:
        try:
            file = _open(path, path, stack)
        except UnusableClip:
            # Of mp3, libsndfile refuses what has a tag of a wrong length, or a neighbour
            # "._name" as macOS leaves them.
            with path.open("rb") as opened:
                head = opened.read(4)
            if head[:3] != b"ID3" and mpeg_header.parse_header(head) is None:
                raise
            return _open_mpeg(path, None, stack)
    if file.format in ("MP3", "MPEG"):
        return _open_mpeg(path, file, stack)
    if file.format == "OGG":
        return _open_ogg(path, file, stack)
    if file.format == "FLAC":
        with path.open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as content:
            frames, mended = flac.mend(content, path.name, with_end=not to_decode)
        return [(file if mended is None else _open(mended, path, stack), frames)]
    if samples is not None:
        check_samples(samples, file, path)
    else:
        check_remarks(file, path)
    return [(file, file.frames)]


def _open(source: Path | bytes | io.BytesIO, path: Path, stack: contextlib.ExitStack) -> Any:
    import soundfile

    try:
        opened = soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else source)
    except Exception as error:
        raise failure(path, error) from error
    file = stack.enter_context(opened)
    rate, channels = file.samplerate, file.channels
    if not LEAST_RATE <= rate <= MOST_RATE or channels > MOST_CHANNELS:
        raise UnusableClip(
            f"{path.name} has a damaged header: {rate} Hz and {channels} channels; expected are "
            f"{LEAST_RATE} to {MOST_RATE} Hz and at most {MOST_CHANNELS} channels"
        )
    if not file.seekable():  # of some of them libsndfile tells a wrong length
        raise UnusableClip(
            f"{path.name} is {file.format} of {file.subtype}, which cannot be read from any place; "
            "convert it to wav or flac"
        )
    return file


def _open_mpeg(path: Path, file: Any, stack: contextlib.ExitStack) -> list[tuple[Any, int]]:
    guess = 0 if file is None else int(file.frames)
    frames, parts = mpeg_length.split(path.read_bytes(), path.name, guess)
    if not parts:
        return [(file, frames)]
    opened = [(_open(part.content, path, stack), part.frames) for part in parts]
    if any(frames - each.frames > LOSS * each.samplerate for each, frames in opened):
        raise UnusableClip(f"{path.name} cannot be decoded to its end; convert it to wav or flac")
    return [(each, min(frames, each.frames)) for each, frames in opened]


def _open_ogg(path: Path, file: Any, stack: contextlib.ExitStack) -> list[tuple[Any, int]]:
    data = path.read_bytes()
    links = ogg.split(data, path.name)
    files = [file]
    if len(links) > 1:
        files = [_open(data[link.start : link.end], path, stack) for link in links]
    if len({(each.samplerate, each.channels) for each in files}) > 1:
        raise UnusableClip(f"{path.name} is several files joined whose rates or channels differ")
    if any(each.frames > link.most_frames for each, link in zip(files, links, strict=True)):
        raise UnusableClip(f"{path.name} is damaged: its Ogg stream tells a length it cannot have")
    return [(each, each.frames) for each in files]
