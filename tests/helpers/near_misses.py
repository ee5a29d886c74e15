"""What the kit says of faults, and models that nearly have one of fifteen.

The faults themselves are in `helpers.faulty_models`; each model here does what looks like one
and is right.
"""

from __future__ import annotations

#: Words with which the kit names a fault, and words of what to do about it.
NAMED = {
    "random output": ("each time that it is loaded: they are random", "seed at every call"),
    "batch-dependent without saying so": (
        "embed_batch gives other numbers than embed",
        "declare batch_dependent = True",
    ),
    "modified input": ("embed changes the audio that it is given", "audio = audio.copy()"),
    "float64": ("returned dtype float64, not float32", "x.astype(np.float32)"),
    "wrong dims": (
        "returned shape [7], but the model declares dims = 8",
        "the shape that is declared",
    ),
    "NaN on silence": ("clip 'silence, 5 s'", "x / max(peak, 1e-10)"),
    "state between calls": ("other numbers after another clip", "no running mean"),
    "leak": ("kB per clip over", "keep nothing from one call to the next"),
    "ignores the sample rate": ("as if it were at 22050 Hz, but it is at 8000 Hz", "pass sr on"),
    "ignores the end of the clip": ("in the last 5 s of a clip of 65 s", "max_seconds = N"),
    "needs the network": ("it needs mirbench.invalid", "CARD['weights']"),
    "prints": ("embed prints '8000'", "take the print out"),
    "depends on clip order": ("how many clips came before, and on their order", "no counter"),
    "global seeds": ("other seeds of the global random generators", "np.random.default_rng(0)"),
    "sets a global": ("embed sets numpy.errors", "undo it before embed returns"),
    "cannot be pickled": ("the model cannot be pickled", "out of the model"),
}

#: Methods of models that nearly have a fault, by its name.
NEAR_MISSES: dict[str, tuple[str, ...]] = {
    "random output": (
        """
        def embed(self, audio, sr):
            noise = np.random.default_rng(0).normal(size=8)
            return bands(audio, sr) + noise.astype(np.float32)
        """,
    ),
    "batch-dependent without saying so": (
        """
        batch_dependent, batch_size = True, 3

        def embed(self, audio, sr):
            return bands(audio, sr)

        def embed_batch(self, audios, sr):
            rows = np.stack([bands(audio, sr) for audio in audios])
            return rows - rows.mean(0)
        """,
        """
        def embed(self, audio, sr):
            return bands(audio, sr)

        def embed_batch(self, audios, sr):
            longest = max(map(len, audios))
            padded = [np.pad(audio, (0, longest - len(audio))) for audio in audios]
            pairs = zip(padded, map(len, audios), strict=True)
            return np.stack([bands(audio[:count], sr) for audio, count in pairs])
        """,
    ),
    "modified input": (
        """
        def embed(self, audio, sr):
            audio = audio.copy()
            audio /= 2
            return bands(audio, sr)
        """,
    ),
    "float64": (
        """
        def embed(self, audio, sr):
            return (bands(audio.astype(np.float64), sr) / 3.0).astype(np.float32)
        """,
    ),
    "wrong dims": (
        """
        def __init__(self):
            self.dims = 7

        def embed(self, audio, sr):
            return bands(audio, sr)[:7]
        """,
    ),
    "NaN on silence": (
        """
        def embed(self, audio, sr):
            return bands(audio / max(np.abs(audio).max(), np.float32(1e-10)), sr)
        """,
        """
        def embed(self, audio, sr):
            from mirbench.benchmark.api import UnusableClip

            peak = np.abs(audio).max()
            if not peak:
                raise UnusableClip("silence has no key")
            return bands(audio / peak, sr)
        """,
    ),
    "state between calls": (
        """
        windows = {}

        def embed(self, audio, sr):
            window = self.windows.setdefault(len(audio), np.hanning(len(audio) + 2)[1:-1])
            return bands(audio * window, sr)
        """,
    ),
    "leak": (
        """
        def __init__(self):
            from collections import deque

            self.kept = deque(maxlen=8)

        def embed(self, audio, sr):
            self.kept.append(audio * 2)
            return bands(audio, sr)
        """,
    ),
    "ignores the sample rate": (
        """
        def embed(self, audio, sr):
            if sr != self.sample_rate:
                raise ValueError(sr)
            return bands(audio, self.sample_rate)
        """,
    ),
    "ignores the end of the clip": (
        """
        max_seconds = 5.0

        def embed(self, audio, sr):
            return bands(audio[:5 * sr], sr)
        """,
        """
        heard_seconds = 5.0

        def embed(self, audio, sr):
            return bands(audio[:5 * sr] / (np.abs(audio).max() + np.float32(1e-10)), sr)
        """,
        """
        def embed(self, audio, sr):
            pieces = [audio[first:first + 5 * sr] for first in range(0, len(audio), 5 * sr)]
            return np.mean([bands(piece, sr) for piece in pieces], axis=0)
        """,
    ),
    "needs the network": (
        """
        def embed(self, audio, sr):
            import socket

            socket.getaddrinfo("localhost", 80)
            with socket.create_server(("127.0.0.1", 0)) as server:
                socket.create_connection(server.getsockname()).close()
            return bands(audio, sr)
        """,
    ),
    "prints": (
        """
        def embed(self, audio, sr):
            import logging

            logging.getLogger(__name__).info("at %s Hz", sr)
            return bands(audio, sr)
        """,
    ),
    "depends on clip order": (
        """
        count = 0

        def embed(self, audio, sr):
            self.count += 1
            return bands(audio, sr)
        """,
    ),
    "sets a global": (
        """
        def embed(self, audio, sr):
            with np.errstate(all="ignore"):
                return bands(audio, sr)
        """,
        """
        def __init__(self):
            import torch

            self.exact = torch.set_float32_matmul_precision

        def embed(self, audio, sr):
            self.exact("highest")
            return bands(audio, sr)
        """,
        """
        def embed(self, audio, sr):
            np.random.rand()
            return bands(audio, sr)
        """,
    ),
    "cannot be pickled": (
        """
        def __init__(self):
            self.f = lambda x: x

        def __getstate__(self):
            return {}

        def __setstate__(self, state):
            self.__init__()

        def embed(self, audio, sr):
            return self.f(bands(audio, sr))
        """,
    ),
}
