"""Names and order of what stands on the board."""

from __future__ import annotations

#: Groups of tasks, in order.
BOARDS = {
    "paper": "The paper’s four tasks",
    "rendered": "Rendered tasks",
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
}

_METRICS = {
    "accuracy": "accuracy",
    "weighted_key_score": "weighted score",
    "roc_auc": "ROC-AUC",
    "average_precision": "AP",
    "r2": "R²",
}


#: Ends the name of a score's change by a deformation of the test clips.
CHANGE = " change"


def task_name(task: str) -> str:
    """Name of a task for people; ``rendered_key`` is "key", in the table of rendered tasks."""
    return _TASKS.get(task, task.removeprefix("rendered_"))


def metric_name(metric: str) -> str:
    """Name of a score for people; ``r2_valence`` is "R² valence"."""
    if metric.endswith(CHANGE):
        return f"{metric_name(metric.removesuffix(CHANGE))}, change"
    base, _, output = metric.partition("r2_")
    return f"R² {output}" if output and not base else _METRICS.get(metric, metric)
