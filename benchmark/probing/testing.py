"""The test set: outputs of a probe that has stopped, and their scores."""

from __future__ import annotations

from mirbench.benchmark.api import FloatArray
from mirbench.benchmark.probing.bank import Finished
from mirbench.benchmark.probing.data import ProbeRecord, clip_targets
from mirbench.benchmark.probing.setup import Setup
from mirbench.benchmark.scoring.metrics import evaluate, merge_windows


def test(setup: Setup, finished: Finished) -> ProbeRecord:
    """Score a probe that has stopped on the test set, with its remembered weights."""
    return score_test(setup, finished, test_outputs(setup, finished))


def test_outputs(setup: Setup, finished: Finished) -> FloatArray:
    """Compute outputs for the rows of the test set, float32 ``[n, n_outputs]``."""
    X_test = setup.inputs.rows("test", finished.learner.config.standardise)
    outputs: FloatArray = finished.network.outputs(X_test)[0].cpu().numpy()
    return outputs


def score_test(setup: Setup, finished: Finished, outputs: FloatArray) -> ProbeRecord:
    """Score what `test_outputs` gave; needs no device."""
    data, learner = setup.data, finished.learner
    if data.clips_test is not None:
        outputs = merge_windows(outputs, data.clips_test, learner.way or "gmean")
    return ProbeRecord(
        index=learner.config.index,
        config=learner.config,
        updates=finished.updates,
        best_update=learner.best_update,
        valid=learner.valid,
        way=learner.way,
        test=evaluate(
            data.metrics, clip_targets(data.y_test, data.clips_test), outputs, data.labels
        ),
        test_outputs=outputs,
    )
