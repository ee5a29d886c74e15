"""Embed a clip with every checkpoint of a folder, under whatever version of transformers runs this.

``python embed_checkpoints.py FOLDER OUT.npz``
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.registry import parse_representation


def embeddings(folder: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Embed two and a half seconds of noise with each checkpoint; all layers where there are."""
    torch.set_num_threads(1)
    found = {}
    for place in sorted(folder.iterdir()):
        try:
            model = parse_representation(f"hf:{place}?layer=all").load()
        except UsageError:  # it has one state
            model = parse_representation(f"hf:{place}").load()
        rate = model.sample_rate
        noise = np.random.default_rng(0).normal(0, 0.1, 5 * rate // 2).astype(np.float32)
        found[place.name] = model.embed(noise, rate)
    return found


if __name__ == "__main__":
    np.savez(sys.argv[2], **embeddings(Path(sys.argv[1])))
