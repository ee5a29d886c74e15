"""Small data and a small protocol that the tests of probing share."""

import dataclasses

import numpy as np

from mirbench.benchmark.api import UNOBSERVED
from mirbench.benchmark.probing import ProbeData
from mirbench.benchmark.protocol import Protocol

#: Every hyperparameter varies, and a probe takes a fraction of a second.
SMALL = Protocol(
    name="small",
    standardise=(False, True),
    hidden=(0, 16),
    batch_size=(32, 64),
    learning_rate=(1e-3, 1e-2),
    dropout=(0.25, 0.5),
    l2=(0.0, 1e-3),
    eval_every=8,
    patience=6,
)
SIZES = {"train": 150, "valid": 80, "test": 60}


def small_data(kind: str, *, windows: bool = False, seed: int = 0) -> ProbeData:
    """Rows that a probe can learn from, but not to perfection."""
    rng = np.random.default_rng(seed)
    keys = windows and kind == "multiclass"
    n_outputs = 24 if keys else 4
    direction = rng.standard_normal((20, n_outputs))
    parts = {}
    for split, n in SIZES.items():
        clips = np.arange(n) // 2 if windows else np.arange(n)
        centre = rng.standard_normal((clips.max() + 1, 20))
        signal = centre @ direction + rng.standard_normal((clips.max() + 1, n_outputs))
        X = 3 * centre[clips] + rng.standard_normal((n, 20)) + 1
        if kind == "multiclass":
            y = signal.argmax(axis=1)
        elif kind == "multilabel":
            y = (signal > 2).astype(np.int64)
        else:
            y = signal.astype(np.float32)
        parts[split] = X.astype(np.float32), y[clips], clips if windows else None
    (X, y, _), (X_valid, y_valid, clips_valid), (X_test, y_test, clips_test) = parts.values()
    metrics = ("weighted_key_score",) if keys else ()
    return ProbeData(
        *(kind, X, y, X_valid, y_valid, X_test, y_test, metrics, clips_valid, clips_test),
        n_outputs=n_outputs,
    )


def hide(data: ProbeData, share: float, seed: int = 0) -> ProbeData:
    """Leave a share of the label matrix unobserved, in every split."""
    rng = np.random.default_rng(seed)
    hidden = {
        name: np.where(rng.random(y.shape) < share, UNOBSERVED, y)
        for name, y in vars(data).items()
        if name.startswith("y_")
    }
    return dataclasses.replace(data, **hidden)
