"""Embeddings do not depend on the version of transformers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import embed_checkpoints
from helpers.needs import needs

pytestmark = needs("transformers", "other_python")


@pytest.mark.slow
def test_another_version_agrees(saved: Callable[[str], Path], tmp_path: Path) -> None:
    """Saved and embedded here, embedded there. Differences of each family go to the output."""
    from helpers.tiny_models import MODELS

    folders = [saved(name) for name in MODELS]
    here = embed_checkpoints.embeddings(folders[0].parent)
    assert set(here) == set(MODELS)
    subprocess.run(
        [
            os.environ["MIRBENCH_OTHER_PYTHON"],
            embed_checkpoints.__file__,
            str(folders[0].parent),
            str(tmp_path / "there.npz"),
        ],
        check=True,
    )
    worst = {}
    with np.load(tmp_path / "there.npz") as there:
        for name, value in here.items():
            scale = max(1.0, float(np.abs(value).max()))
            worst[name] = float(np.abs(there[name] - value).max()) / scale
    print("\n".join(f"{name:20} {difference:.1e}" for name, difference in worst.items()))
    assert {name for name, difference in worst.items() if not difference < 1e-5} == set()
