"""What Ray costs beside local workers, on the processors of one machine.

Start-up apart: models are loaded, and a few clips embedded, before a clock runs. The same
chunks of clips are then embedded by local workers and by actors in turn, several times.

    python tests/bench/bench_ray.py [--clips 48] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from mirbench.benchmark.api import Clip
from mirbench.benchmark.embedding.pair import EmbeddingSettings, ModelKey
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.embedding.worker import Chunk, embed_chunk
from mirbench.benchmark.machine.ray_cluster import RayCluster
from mirbench.benchmark.machine.ray_engine import ray_cluster
from mirbench.benchmark.registry import parse_representation

#: Half a second of a processor's work for each clip, whatever else it does.
SLOW = """
import time
import numpy as np


class Model:
    sample_rate = 22050
    dims = 4

    def embed(self, audio, sr):
        end = time.thread_time() + 0.5
        while time.thread_time() < end:
            pass
        return np.full(4, audio.std(), dtype=np.float32)


def load_model(device="cpu"):
    return Model()
"""


def make_clips(folder: Path, count: int) -> list[Clip]:
    """Write ten seconds of noise, several times."""
    rng = np.random.default_rng(0)
    clips = []
    for number in range(count):
        path = folder / f"{number:03d}.wav"
        soundfile.write(path, rng.uniform(-0.3, 0.3, 220_500), 22_050)
        clips.append(Clip(f"{number:03d}", path, "any", "any"))
    return clips


def seconds(settings: EmbeddingSettings, key: ModelKey, clips: list[Clip], most: int = 2) -> float:
    """Embed clips by so many workers, which have the model."""
    step = 2
    chunks = [Chunk(key, None, tuple(clips[n : n + step]), n) for n in range(0, len(clips), step)]
    with settings.model_workers(most) as workers:
        list(workers.unordered(embed_chunk, chunks[: 4 * workers.count]))
        started = time.perf_counter()
        done = sum(len(outcome.rows) for outcome in workers.unordered(embed_chunk, chunks))
        assert done == len(clips)
        return time.perf_counter() - started


def compare(name: str, key: ModelKey, clips: list[Clip], cluster: RayCluster, rounds: int) -> None:
    """Print the median seconds of each way, and what Ray costs."""
    store = Store(key.cache)
    ways = {
        "local, two workers": EmbeddingSettings(store=store, jobs=2),
        "Ray, two workers": EmbeddingSettings(store=store, jobs=2, cluster=cluster),
    }
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, settings in ways.items():
            found[way].append(seconds(settings, key, clips))
    for way, each in found.items():
        rounded = ", ".join(f"{one:.2f}" for one in each)
        print(f"{name}: {way}: {statistics.median(each):.2f} s for {len(clips)} clips ({rounded})")
    local, ray = (statistics.median(each) for each in found.values())
    print(f"{name}: Ray takes {100 * (ray / local - 1):+.1f} % of the time of local workers")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "slow.py").write_text(SLOW)
        clips = make_clips(folder, options.clips)
        keys = {}
        for text in ("mfcc", str(folder / "slow.py")):
            spec = parse_representation(text, folder / "cache")
            keys[spec.label] = ModelKey(text, spec.fingerprint(), "cpu", folder / "cache")
        print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
        with ray_cluster(None) as cluster:
            for label, key in keys.items():
                compare(label, key, clips, cluster, options.rounds)
            slow = keys["slow"]
            there = EmbeddingSettings(store=Store(slow.cache), cluster=cluster)
            single, double = (seconds(there, slow, clips, most) for most in (1, 2))
            print(
                f"slow: one worker {single:.2f} s, two {double:.2f} s: {single / double:.2f} times"
            )
        print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
