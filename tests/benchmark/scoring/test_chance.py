"""The best constant answers beside plain loops over every constant that there is."""

from __future__ import annotations

from typing import Any

import mir_eval
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, r2_score

from mirbench.benchmark.api import KEYS, UNOBSERVED, DataError, tempo_label
from mirbench.benchmark.scoring.chance import constant_answers, constant_scores

rng = np.random.default_rng(5)


def answered(metric: str, kind: Any, labels: Any, train: Any, test: Any) -> tuple[Any, float]:
    constants = constant_answers([metric], kind, labels, train)
    return constants[metric], constant_scores(constants, labels, test)[metric]


def test_the_most_frequent_class_of_train_and_its_share_of_test() -> None:
    labels = ["a", "b", "c", "d"]
    train, test = rng.choice(4, 60, p=[0.2, 0.5, 0.2, 0.1]), rng.choice(4, 40)
    counts = {label: sum(labels[n] == label for n in train) for label in labels}
    answer, score = answered("accuracy", "multiclass", labels, train, test)
    assert answer == max(labels, key=lambda label: counts[label])
    assert score == sum(labels[n] == answer for n in test) / 40
    # Of equals the first.
    assert constant_answers(["accuracy"], "multiclass", labels, np.array([3, 1, 1, 3]))[
        "accuracy"
    ] == ("b")


def test_the_key_whose_relatives_are_most_frequent() -> None:
    train, test = rng.choice(24, 80, p=rng.dirichlet(np.ones(24))), rng.choice(24, 50)

    def plain(answer: str, targets: Any) -> float:
        scores = [mir_eval.key.weighted_score(KEYS[target], answer) for target in targets]
        return float(sum(scores) / len(scores))

    best = max(KEYS, key=lambda key: round(plain(key, train), 9))
    answer, score = answered("weighted_key_score", "multiclass", KEYS, train, test)
    assert answer == best
    assert score == pytest.approx(plain(best, test), abs=1e-12)
    # Which is not always the most frequent key: here A minor is, and C major has two relatives.
    names = ["A minor"] * 3 + ["C major"] * 2 + ["F major"] * 2 + ["G major"] * 2
    few = np.array([KEYS.index(name) for name in names])
    found = constant_answers(["weighted_key_score", "accuracy"], "multiclass", KEYS, few)
    assert found == {"weighted_key_score": "C major", "accuracy": "A minor"}


def test_mean_recall_is_one_of_the_classes_that_test_has() -> None:
    labels = [str(n) for n in range(6)]
    train, test = np.array([2, 2, 3]), np.array([1, 2, 2, 2, 4])
    assert answered("mean_recall", "multiclass", labels, train, test) == ("2", pytest.approx(1 / 3))


def test_the_most_frequent_pitch_class() -> None:
    labels = [str(pitch) for pitch in range(40, 80)]
    train, test = rng.choice(40, 90), rng.choice(40, 70)
    best = max(range(40), key=lambda one: sum((other - one) % 12 == 0 for other in train))
    answer, score = answered("chroma_accuracy", "multiclass", labels, train, test)
    assert (int(answer) - int(labels[best])) % 12 == 0
    assert score == pytest.approx(sum((other - best) % 12 == 0 for other in test) / 70)


def test_the_mean_of_train() -> None:
    train, test = rng.normal(2, 1, (50, 2)), rng.normal(0, 1, (30, 2))
    constants = constant_answers(["r2"], "regression", ["x", "y"], train.astype(np.float32))
    scores = constant_scores(constants, ["x", "y"], test)
    guess = np.tile(np.array([train[:, 0].mean(), train[:, 1].mean()]), (30, 1))
    assert scores["r2"] == pytest.approx(r2_score(test, guess), abs=1e-4)
    assert scores["r2"] < 0
    assert scores["r2_x"] == pytest.approx(r2_score(test[:, 0], guess[:, 0]), abs=1e-4)


@pytest.mark.parametrize(("metric", "factors"), [("acc1", [1]), ("acc2", [1, 2, 3, 1 / 2, 1 / 3])])
def test_the_tempo_that_most_of_train_are_near(metric: str, factors: list[float]) -> None:
    train, test = rng.uniform(60, 200, 80), rng.uniform(60, 200, 60)

    def hits(answer: float, tempi: Any) -> int:
        return sum(any(abs(answer - t * f) <= 0.04 * t * f for f in factors) for t in tempi)

    encode = [np.array([tempo_label(t) for t in tempi], np.float32) for tempi in (train, test)]
    labels = ["cosine", "sine", "octaves"]
    answer, score = answered(metric, "regression", labels, *encode)
    tempo = 100 * 2 ** answer[2]
    assert hits(tempo, train) == max(hits(one, train) for one in train)
    assert score == pytest.approx(hits(tempo, test) / 60, abs=1e-12)


def test_tags_by_their_frequency_in_test() -> None:
    targets = (rng.random((80, 3)) < [0.1, 0.4, 0.7]).astype(np.int64)
    targets[:10, 1] = UNOBSERVED
    constants = constant_answers(["roc_auc", "average_precision"], "multilabel", "abc", targets)
    assert constants == {"roc_auc": (), "average_precision": ()}
    scores = constant_scores(constants, "abc", targets)
    assert scores["roc_auc"] == pytest.approx(0.5)
    shares = [sum(column == 1) / sum(column != UNOBSERVED) for column in targets.T]
    assert scores["average_precision"] == pytest.approx(sum(shares) / 3)
    assert shares[0] == pytest.approx(average_precision_score(targets[:, 0], np.zeros(80)))


@pytest.mark.parametrize(
    "constants", [{"accuracy": "none of them"}, {"accuracy": (1.0, 2.0)}, {"accuracy": (1.0,)}]
)
def test_an_impossible_constant_is_refused(constants: Any) -> None:
    with pytest.raises(DataError, match="constant answer"):
        constant_scores(constants, ["a", "b"], np.array([0, 1]))
