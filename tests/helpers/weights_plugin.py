"""A representation of two sets of weights, whose publisher is a server on the loopback."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

PLUGIN = '''
"""Toy weights: small (two files), big (one)."""

import numpy as np

from mirbench.benchmark.api import DataError, weights_file

CARD = {{
    "title": "Weighty",
    "licence": "MIT",
    "trained_on": "none",
    "weights": {{
        "big": {{
            "licence": "CC0",
            "files": {{"w.npy": {{"source": "{url}/{big}"{facts}}}}},
        }},
        "small": {{
            "licence": "ISC",
            "files": {{
                "a.npy": {{"source": "{url}/a.npy"}},
                "b.npy": {{"source": "{url}/gone", "mirrors": ["{url}/b.npy"]}},
            }},
            "package": "weightypackage/small",
        }},
    }},
    "weights_parameter": "model",
}}
SHAPES = {{"w.npy": (2, 8), "a.npy": (8,), "b.npy": (8,)}}


def convert_weights(name, files):
    tensors = {{}}
    for file, path in files.items():
        try:
            tensors[file] = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise DataError(f"{{path}} is no array: {{error}}") from error
        if tensors[file].shape != SHAPES[file]:
            raise DataError(f"{{file}} has the shape {{tensors[file].shape}}")
    return tensors


class Weighty:
    sample_rate, dims, heard_seconds = 8000, 16, 512 / 8000

    def __init__(self, values):
        self.values = values

    def embed(self, audio, sr):
        bands = np.array_split(np.abs(np.fft.rfft(audio, 512)), 16)
        return (self.values * [band.mean() for band in bands]).astype(np.float32)


def load_model(device="cpu", model="big"):
    from safetensors.numpy import load_file

    tensors = load_file(weights_file("weighty", model))
    return Weighty(np.concatenate([tensors[name].ravel() for name in sorted(tensors)]))
'''


def array(*shape: int, scale: float = 1.0) -> bytes:
    """Give an ``.npy`` file."""
    buffer = io.BytesIO()
    np.save(buffer, scale * np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    return buffer.getvalue()


W, A, B = array(2, 8), array(8), array(8, scale=2.0)


def zip_of(files: dict[str, bytes]) -> bytes:
    """Give a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def write_plugin(
    folder: Path, url: str = "http://127.0.0.1:9", facts: str = "", big: str = "w.npy"
) -> str:
    """Write ``weighty.py``; `facts` are further entries of ``w.npy``; give its path."""
    path = folder / "weighty.py"
    path.write_text(PLUGIN.format(url=url, facts=facts, big=big))
    return str(path)
