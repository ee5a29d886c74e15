"""Names and order of what stands on the board."""

from __future__ import annotations

#: Groups of tasks, in order.
BOARDS = {
    "paper": "The paper’s four tasks",
    "rendered": "Rendered tasks",
    "theory": "Rendered theory",
    "other": "Other tasks",
}

#: Columns of the paper's Table 3: task, score.
PAPER = (
    ("magnatagatune", "roc_auc"),
    ("magnatagatune", "average_precision"),
    ("gtzan", "accuracy"),
    ("giantsteps", "weighted_key_score"),
    ("emomusic", "r2_arousal"),
    ("emomusic", "r2_valence"),
)

#: The paper's tasks, each with the scores that its average takes.
PAPER_TASKS: dict[str, tuple[str, ...]] = {
    task: tuple(metric for scored, metric in PAPER if scored == task) for task, _ in PAPER
}

_TASKS = {
    "magnatagatune": "MagnaTagATune",
    "gtzan": "GTZAN",
    "giantsteps": "GiantSteps",
    "emomusic": "Emomusic",
    "gtzan_tempo": "GTZAN tempo",
    "giantsteps_tempo": "GiantSteps tempo",
    "medley_solos": "Medley-solos-DB",
    "fma_keys": "FMA keys",
    "tinysol_pitch": "TinySOL pitch",
    "jamendo_mood": "Jamendo mood",
    "openmic": "OpenMIC",
    "vocalset_technique": "VocalSet techniques",
    "nsynth_pitch": "NSynth pitch",
    "nsynth_family": "NSynth families",
    "nsynth_pitch_full": "NSynth pitch, whole",
    "nsynth_family_full": "NSynth families, whole",
}

_METRICS = {
    "accuracy": "accuracy",
    "mean_recall": "mean recall",
    "chroma_accuracy": "chroma accuracy",
    "acc1": "Acc1",
    "acc2": "Acc2",
    "weighted_key_score": "weighted score",
    "roc_auc": "ROC-AUC",
    "average_precision": "AP",
    "r2": "R²",
}


def task_name(task: str) -> str:
    """Name of a task for people; ``rendered_key`` is "key", in the table of rendered tasks."""
    if task.startswith("rendered_"):
        return task.removeprefix("rendered_").replace("_", " ")
    return _TASKS.get(task, task)


def metric_name(metric: str) -> str:
    """Name of a score for people; ``r2_valence`` is "R² valence"."""
    base, _, output = metric.partition("r2_")
    return f"R² {output}" if output and not base else _METRICS.get(metric, metric)
