"""Plugins with one fault each, and a sound one, for the conformance kit."""

from __future__ import annotations

import textwrap
from pathlib import Path

SOUND = """
def embed(self, audio, sr):
    return bands(audio, sr)
"""

#: Check that finds it, and the methods of the model.
FAULTS = {
    "random output": (
        "repeat",
        "def embed(self, audio, sr):\n    return bands(audio, sr) + noise()",
    ),
    "global seeds": (
        "repeat",
        "def embed(self, audio, sr):\n    return bands(audio, sr) * np.float32(np.random.rand())",
    ),
    "state between calls": (
        "repeat",
        """
        before = 0

        def embed(self, audio, sr):
            mine = bands(audio, sr)
            mixed, self.before = mine + self.before, mine
            return mixed
        """,
    ),
    "depends on clip order": (
        "repeat",
        """
        count = 0

        def embed(self, audio, sr):
            self.count += 1
            return bands(audio, sr) * np.float32(1 + 0.01 * self.count)
        """,
    ),
    "batch-dependent without saying so": (
        "batch",
        SOUND
        + """
def embed_batch(self, audios, sr):
    rows = np.stack([bands(audio, sr) for audio in audios])
    return rows - rows.mean(0)
""",
    ),
    "process": (
        "process",
        "def embed(self, audio, sr):\n    return bands(audio, sr) * (os.getpid() % 997)",
    ),
    "modified input": (
        "input",
        "def embed(self, audio, sr):\n    audio /= 2\n    return bands(audio, sr)",
    ),
    "changed audio of a batch": (
        "input",
        SOUND
        + """
def embed_batch(self, audios, sr):
    for audio in audios:
        audio /= 2
    return np.stack([bands(2 * audio, sr) for audio in audios])
""",
    ),
    "float64": (
        "contract",
        "def embed(self, audio, sr):\n    return bands(audio, sr).astype(float)",
    ),
    "wrong dims": ("contract", "def embed(self, audio, sr):\n    return bands(audio, sr)[:7]"),
    "a buffer": (
        "contract",
        """
        buffer = np.zeros(8, np.float32)

        def embed(self, audio, sr):
            self.buffer[:] = bands(audio, sr)
            return self.buffer
        """,
    ),
    "NaN on silence": (
        "silence",
        "def embed(self, audio, sr):\n    return bands(audio / np.abs(audio).max(), sr)",
    ),
    "the same for silence": (
        "silence",
        "def embed(self, audio, sr):\n    return bands(audio.astype(int).astype(np.float32), sr)",
    ),
    "leak": (
        "memory",
        """
        kept = []

        def embed(self, audio, sr):
            self.kept.append(audio * 2)
            return bands(audio, sr)
        """,
    ),
    "ignores the sample rate": (
        "rate",
        "def embed(self, audio, sr):\n    return bands(audio)",
    ),
    "whatever the rate": (
        "rate",
        "def embed(self, audio, sr):\n    return bands(audio, self.sample_rate)",
    ),
    "ignores the end of the clip": (
        "end",
        "def embed(self, audio, sr):\n    return bands(audio[:5 * sr], sr)",
    ),
    "short": (
        "short",
        """
        def embed(self, audio, sr):
            if len(audio) < sr // 2:
                raise ValueError("too short")
            return bands(audio, sr)
        """,
    ),
    "long": (
        "long",
        """
        def embed(self, audio, sr):
            if len(audio) > 300 * sr:
                raise RuntimeError("CUDA out of memory")
            return bands(audio, sr)
        """,
    ),
    "loud": (
        "gain",
        """
        def embed(self, audio, sr):
            assert np.abs(audio).max() <= 1
            return bands(audio, sr)
        """,
    ),
    "needs the network": (
        "network",
        """
        def embed(self, audio, sr):
            import urllib.request
            urllib.request.urlopen("http://mirbench.invalid/weights", timeout=1)
            return bands(audio, sr)
        """,
    ),
    "prints": ("output", "def embed(self, audio, sr):\n    print(sr)\n    return bands(audio, sr)"),
    "prints from C": (
        "output",
        "def embed(self, audio, sr):\n    os.write(2, b'x')\n    return bands(audio, sr)",
    ),
    "sets a global": (
        "settings",
        "def embed(self, audio, sr):\n    np.seterr(all='ignore')\n    return bands(audio, sr)",
    ),
    "sets how exact products are": (
        "settings",
        """
        def __init__(self):
            import torch

            self.exact = torch.set_float32_matmul_precision

        def embed(self, audio, sr):
            self.exact("medium")
            return bands(audio, sr)
        """,
    ),
    "sets the environment": (
        "settings",
        "def embed(self, audio, sr):\n    os.environ['X'] = 'y'\n    return bands(audio, sr)",
    ),
    "seeds": (
        "settings",
        "def embed(self, audio, sr):\n    np.random.seed(0)\n    return bands(audio, sr)",
    ),
    "cannot be pickled": ("pickle", "def __init__(self):\n    self.f = lambda x: x\n" + SOUND),
}

_HEAD = '''
import os

import numpy as np

CARD = {"title": "Bands", "licence": "MIT", "trained_on": "none", "requires": ["numpy"]}


def bands(audio, sr=22050):
    """Depends on the rate, too."""
    power = np.abs(np.fft.rfft(audio, max(64, len(audio)))) / len(audio)
    return np.log1p([sr * part.mean() for part in np.array_split(power, 8)]).astype(np.float32)


def noise():
    return np.random.default_rng().normal(size=8).astype(np.float32)


class Model:
    sample_rate = 8000
    dims = 8

'''


def write_model(path: Path, methods: str = SOUND) -> Path:
    """Write a plugin whose model has these methods."""
    body = textwrap.indent(textwrap.dedent(methods), "    ")
    path.write_text(f"{_HEAD}{body}\n\ndef load_model(device='cpu'):\n    return Model()\n")
    return path
