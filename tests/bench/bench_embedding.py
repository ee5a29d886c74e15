"""Time every built-in representation beside its plainest form, and the harness around it.

    python tests/bench/bench_embedding.py [--rep NAME…] [--original PYTHON] [--write]

Each row is one representation on clips of 30 s. In one process with one
thread, in turn and several times over, so that a busy moment meets all of them:

- its plainest correct implementation, clip by clip, on decoded audio;
- the original package, where ``original_musicnn.py`` can be run by another
  interpreter, ``--original``;
- ``embed`` alone, clip by clip, on decoded audio;
- decoding and resampling alone;
- ``mirbench embed`` with one worker, from the files to the store.

What the harness adds is the last, less the two before it. Two workers are
then timed beside one, both warm: with the model loaded. Everything in this process
keeps the memory that it frees, as workers do. Models with weights get random
ones, which cost the same. ``--write`` puts the table into
``docs/performance.md``.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirbench.benchmark.machine.kernels import use_portable_kernels

use_portable_kernels()  # as in the workers, beside which this process is measured

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import librosa  # noqa: E402
import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402
import soundfile  # noqa: E402
import torch  # noqa: E402
from bench.made_weights import hubert_base, random_weights  # noqa: E402
from bench.original_package import OriginalMusicnn  # noqa: E402
from bench.performance_page import write_section  # noqa: E402
from helpers import plain_representations as plain  # noqa: E402
from helpers.pairs import embed_clips_of  # noqa: E402
from helpers.toy_task import toy_task  # noqa: E402

from mirbench.benchmark.api import Clip  # noqa: E402
from mirbench.benchmark.datasets.audio import read_audio  # noqa: E402
from mirbench.benchmark.machine.heap import kept_memory  # noqa: E402
from mirbench.benchmark.registry import RepresentationSpec, parse_representation  # noqa: E402

Audio = npt.NDArray[np.float32]
Embed = Callable[[Sequence[Audio]], Sequence[Audio]]

SECONDS = 30.0
ROUNDS = 3

#: Files on disk, in stereo at this rate; clips take them in turn.
FILES, RATE = 8, 44_100

#: Seconds for which one worker is busy when two are timed beside it.
LONG = 24.0

#: Clips of a round: some seconds of work each.
CLIPS = {
    "chroma": 16,
    "mfcc": 96,
    "choi": 8,
    "choi:norm=clip": 8,
    "musicnn": 4,
    "musicnn:model=MSD_musicnn": 8,
    "clmr": 8,
    "hf:hubert-base": 2,
}


@dataclass(frozen=True)
class Line:
    """Seconds per clip, and the speed-up of two workers."""

    name: str
    plain: float
    embed: float
    decode: float
    harness: float
    original: float | None
    two: float | None

    @property
    def added(self) -> float:
        """Share of the time of ``embed`` that the harness adds."""
        return (self.harness - self.decode) / self.embed - 1

    def row(self) -> str:
        """Give the row of the table."""
        two = "one batch" if self.two is None else f"**{self.two:.2f}×**"
        original = "" if self.original is None else f"{SECONDS / self.original:.0f}"
        return (
            f"| `{self.name}` | {original} | {SECONDS / self.plain:.0f} | "
            f"{SECONDS / self.embed:.0f} | "
            f"**{self.plain / self.embed:.2f}×** | {SECONDS / self.decode:.0f} | "
            f"{SECONDS / self.harness:.0f} | **{100 * self.added:+.1f} %** | {two} |"
        )


def main() -> None:
    """Measure the representations that are asked for, and print or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rep", nargs="*", choices=CLIPS, default=list(CLIPS))
    parser.add_argument("--original", type=Path, help="Python with the package musicnn")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    start, lines = time.perf_counter(), []
    print(*heading(), sep="\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="mirbench-bench-") as folder, kept_memory():
        bench = Bench(Path(folder), asked.original)
        for name in asked.rep:
            lines.append(bench.measure(name, CLIPS[name]))
            print(lines[-1].row(), flush=True)
    minutes = (time.perf_counter() - start) / 60
    print(f"\n{minutes:.1f} minutes")
    if asked.write:
        note = (
            f"Measured by `tests/bench/bench_embedding.py` in {minutes:.0f} minutes on "
            f"{os.cpu_count()} cores with PyTorch {torch.__version__} and librosa "
            f"{librosa.__version__}: seconds of audio per second of wall time, clips of "
            f"{SECONDS:g} s from stereo WAV files at {RATE:,} Hz, one thread; medians of {ROUNDS} "
            "rounds, the columns timed in turn."
        )
        write_section("embedding", [note, "", *heading(), *(line.row() for line in lines)])


def heading() -> list[str]:
    """Give the first two lines of the table."""
    return [
        "| representation | original package | plainest form | `embed` | faster than plainest | "
        "decode and resample | `mirbench embed` | the harness adds to `embed` | two workers |",
        "|---|---|---|---|---|---|---|---|---|",
    ]


class Bench:
    """Audio files and random weights in a folder, and what is timed on them."""

    def __init__(self, folder: Path, original: Path | None = None) -> None:
        self.folder, self.original, self.stores = folder, original, 0
        self.paths = [folder / f"{number}.wav" for number in range(FILES)]
        for number, path in enumerate(self.paths):
            soundfile.write(path, music(number), RATE)
        self.arrays = random_weights(folder)

    def measure(self, name: str, count: int) -> Line:
        """Time one representation on some clips."""
        spec = parse_representation(self.text(name), self.folder / "cache")
        model = spec.load()
        clips = self.clips(count)
        audios = [
            read_audio(self.paths[k], model.sample_rate, 0.0, max_seconds(model))
            for k in range(FILES)
        ]
        mine, theirs = embed_function(model), self.plain_function(name)
        some = audios[:2]
        np.testing.assert_allclose(np.stack(mine(some)), np.stack(theirs(some)), 1e-2, 1e-2)
        batch = [audios[number % FILES] for number in range(count)]
        self.harness(spec, clips[:4], 1)
        times: list[tuple[float, ...]] = []
        with self.start_original(name) as original:
            for _ in range(ROUNDS):
                times.append(
                    (
                        clock(lambda: theirs(batch)),
                        clock(lambda: mine(batch)),
                        clock(lambda: decode(clips, model)),
                        self.harness(spec, clips, 1),
                        *([original.seconds(self.at_16k(count))] if original else []),
                    )
                )
        seconds = [statistics.median(column) / count for column in zip(*times, strict=True)]
        two = None if name == "choi" else self.two_workers(spec, seconds[3])
        return Line(name, *seconds[:4], seconds[4] if original else None, two)

    def clips(self, count: int) -> list[Clip]:
        """Give so many clips, the files in turn."""
        return [Clip(f"{n:04d}", self.paths[n % FILES], "x", "g") for n in range(count)]

    def harness(self, spec: RepresentationSpec, clips: Sequence[Clip], jobs: int) -> float:
        """Seconds of ``mirbench embed`` into an empty store."""
        self.stores += 1
        cache = self.folder / f"store{self.stores}"
        return clock(lambda: embed_clips_of(spec, toy_task(), clips, cache, jobs=jobs))

    def text(self, name: str) -> str:
        """Give what names a representation in the registry; a Hugging Face encoder is made."""
        adapter, _, target = name.partition(":")
        return f"hf:{hubert_base(self.folder / target)}" if adapter == "hf" else name

    def start_original(
        self, name: str
    ) -> contextlib.AbstractContextManager[OriginalMusicnn | None]:
        """Start the original package of a representation, warm; None where there is none."""
        if self.original is None or name != "musicnn:model=MSD_musicnn":
            return contextlib.nullcontext()
        for decoded, path in zip(self.at_16k(FILES), self.paths, strict=True):
            soundfile.write(decoded, read_audio(path, 16_000), 16_000, "FLOAT")
        original = OriginalMusicnn(self.original, "MSD_musicnn")
        original.seconds(self.at_16k(FILES))
        return original

    def at_16k(self, count: int) -> list[Path]:
        """Give the decoded files of so many clips, in turn."""
        return [self.folder / f"16k-{number % FILES}.wav" for number in range(count)]

    def two_workers(self, spec: RepresentationSpec, seconds: float) -> float:
        """How many times faster two warm workers are than one that takes so long for a clip."""
        many = self.clips(8 * max(1, round(LONG / seconds / 8)))
        self.harness(spec, many[:8], 2)
        ratios = [self.harness(spec, many, 1) / self.harness(spec, many, 2) for _ in range(ROUNDS)]
        return statistics.median(ratios)

    def plain_function(self, name: str) -> Embed:
        """Give the plainest form of a representation."""
        base, arrays = name.partition(":")[0], self.arrays
        if base in ("chroma", "mfcc"):
            return lambda audios: [plain_handcrafted(base, audio) for audio in audios]
        if name == "choi":
            return lambda audios: list(plain.plain_choi(arrays["choi"], audios))
        if base == "choi":
            return lambda audios: [plain.plain_choi(arrays["choi"], [a])[0] for a in audios]
        if base == "hf":
            states = plain.plain_encoder(self.folder / "hubert-base")
            return lambda audios: [states(audio).mean(axis=0) for audio in audios]
        if base == "clmr":
            encoder = plain.sample_cnn(arrays["clmr"])
            return lambda audios: [plain.plain_clmr(encoder, audio) for audio in audios]
        return lambda audios: [plain_musicnn(arrays[name], audio) for audio in audios]


def clock(work: Callable[[], Any]) -> float:
    """Seconds that some work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def max_seconds(model: Any) -> float | None:
    """Give what the harness decodes at most; clips here are longer than any model's."""
    return getattr(model, "max_seconds", None)


def decode(clips: Sequence[Clip], model: Any) -> None:
    """Decode and resample clips as the harness does."""
    for clip in clips:
        assert clip.path is not None
        read_audio(clip.path, model.sample_rate, 0.0, max_seconds(model))


def embed_function(model: Any) -> Embed:
    """Give the bare ``embed`` of a model, clip by clip, or its batch where it depends on it."""
    if getattr(model, "batch_dependent", False):
        return lambda audios: model.embed_batch(audios, model.sample_rate)
    return lambda audios: [model.embed(audio, model.sample_rate) for audio in audios]


def music(seed: int) -> Audio:
    """Thirty seconds of chords over noise, ``[n_samples, 2]``."""
    rng = np.random.default_rng(seed)
    times = np.arange(int(SECONDS * RATE)) / RATE
    pitches = 110 * 2 ** (rng.integers(0, 36, size=(8, 4)) / 12)
    chord = (times * 2).astype(int) % len(pitches)
    wave = sum(0.1 * np.sin(2 * np.pi * pitches[chord, voice] * times) for voice in range(4))
    noise = rng.normal(0, 0.02, (len(times), 2))
    return (np.asarray(wave)[:, None] + noise).astype(np.float32)


def plain_handcrafted(name: str, audio: Audio) -> Audio:
    """CHROMA or MFCC with librosa alone."""
    audio = audio / np.abs(audio).max()
    if name == "chroma":
        features = librosa.feature.chroma_cqt(y=audio, sr=22_050)
    else:
        features = librosa.feature.mfcc(y=audio, sr=22_050)
    series = [features, np.diff(features), np.diff(features, n=2)]
    return np.concatenate([m for s in series for m in (s.mean(axis=1), s.std(axis=1))])


def plain_musicnn(variables: Mapping[str, Audio], audio: Audio) -> Audio:
    """MUSICNN's mean and maximum, averaged over patches."""
    found = plain.plain_musicnn(variables, audio)
    return np.concatenate([found["mean_pool"].mean(axis=0), found["max_pool"].mean(axis=0)])


if __name__ == "__main__":
    main()
