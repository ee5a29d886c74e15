"""The contract between mirbench and its plugins.

A plugin author needs this package and no other: what a representation must
offer (`Representation`), what a task is (`Task`, `Clip`), and the errors a
plugin may raise. All of it is imported from here, as in
``from mirbench.benchmark.api import Task``. Nothing else of mirbench is
imported here, and nothing heavier than NumPy, so that importing a plugin stays
cheap.

Conventions, used everywhere in mirbench: audio is mono float32, shape
``[n_samples]``, nominally in [-1, 1]; times are seconds; rates are Hz;
embeddings are float32.
"""

from mirbench.benchmark.api.card import Card, WeightsFile, WeightsSet
from mirbench.benchmark.api.clip import Clip
from mirbench.benchmark.api.errors import (
    DataError,
    MirbenchError,
    MissingWeights,
    PluginError,
    UnusableClip,
    UsageError,
)
from mirbench.benchmark.api.names import KEYS, TONICS, clip_and_window, window_id
from mirbench.benchmark.api.representation import ModelCost, Representation
from mirbench.benchmark.api.task import Download, Task
from mirbench.benchmark.api.tempo import TEMPO_LABELS, tempo_label
from mirbench.benchmark.api.types import (
    SPLITS,
    UNOBSERVED,
    FloatArray,
    IntArray,
    Kind,
    Label,
    Split,
    TargetArray,
)
from mirbench.benchmark.api.weights import weights_file, weights_lookup

__all__ = [
    "KEYS",
    "SPLITS",
    "TEMPO_LABELS",
    "TONICS",
    "UNOBSERVED",
    "Card",
    "Clip",
    "DataError",
    "Download",
    "FloatArray",
    "IntArray",
    "Kind",
    "Label",
    "MirbenchError",
    "MissingWeights",
    "ModelCost",
    "PluginError",
    "Representation",
    "Split",
    "TargetArray",
    "Task",
    "UnusableClip",
    "UsageError",
    "WeightsFile",
    "WeightsSet",
    "clip_and_window",
    "tempo_label",
    "weights_file",
    "weights_lookup",
    "window_id",
]
