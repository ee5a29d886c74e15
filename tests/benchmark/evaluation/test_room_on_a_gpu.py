"""The model on a GPU makes room for the probes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from probe_data import SMALL

from mirbench.benchmark.evaluation import layers, select


@pytest.mark.parametrize(
    ("device", "events"), [("cpu", ["train"]), ("cuda:1", ["end workers", "train"])]
)
def test_it_goes_before_probes_train_on_a_gpu(
    device: str, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []

    def train(*args: object, **options: object) -> None:
        found.append("train")
        raise KeyboardInterrupt

    monkeypatch.setattr("mirbench.benchmark.probing.train_grid", train)
    monkeypatch.setattr(layers, "end_idle", lambda: found.append("end workers"))
    monkeypatch.setattr(select, "probe_data", lambda *args: None)
    settings: Any = SimpleNamespace(device=device, protocol=SMALL, memory=None, cluster=None)
    data: Any = SimpleNamespace(task=SimpleNamespace(name="task"))
    embeddings: Any = SimpleNamespace(n_layers=0)
    nothing: Any = None
    with pytest.raises(KeyboardInterrupt):
        select.best_probe(data, embeddings, nothing, settings, nothing)
    assert found == events
