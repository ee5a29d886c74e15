"""The model on a GPU makes room for the probes."""

from __future__ import annotations

import functools
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
from probe_data import SMALL

from mirbench.benchmark.embedding import holder
from mirbench.benchmark.evaluation import select


class Model:
    """A model that refers to itself, as modules of PyTorch may."""

    def __init__(self) -> None:
        self.itself = self


def test_a_model_is_let_go_although_it_refers_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    load = functools.lru_cache(maxsize=1)(lambda key: Model())
    monkeypatch.setattr(holder, "loaded_model", load)
    ended: list[str] = []
    monkeypatch.setattr(holder, "end_idle", lambda: ended.append("processes"))
    left = weakref.ref(load("a model"))
    assert left() is not None
    holder.forget_model()
    assert left() is None
    assert ended == ["processes"]


@pytest.mark.parametrize(
    ("device", "events"), [("cpu", ["train"]), ("cuda:1", ["forget", "train"])]
)
def test_it_goes_before_probes_train_on_a_gpu(
    device: str, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []

    def train(*args: object, **options: object) -> None:
        found.append("train")
        raise KeyboardInterrupt

    monkeypatch.setattr("mirbench.benchmark.probing.train_grid", train)
    monkeypatch.setattr(select, "forget_model", lambda: found.append("forget"))
    monkeypatch.setattr(select, "probe_data", lambda *args: None)
    settings: Any = SimpleNamespace(device=device, protocol=SMALL, memory=None)
    data: Any = SimpleNamespace(task=SimpleNamespace(name="task"))
    embeddings: Any = SimpleNamespace(n_layers=0)
    nothing: Any = None
    with pytest.raises(KeyboardInterrupt):
        select.best_probe(data, embeddings, nothing, settings, nothing)
    assert found == events
