"""Protocols without a grid: probe every layer, select one on validation, test it once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.evaluation.arrange import Rows, probe_data
from mirbench.benchmark.evaluation.select import Selection
from mirbench.benchmark.progress import bar
from mirbench.benchmark.protocol import FewShot, Neighbours
from mirbench.benchmark.result import FewShotRow, LayerScore, NeighboursRow

if TYPE_CHECKING:
    from mirbench.benchmark.probing.fixed import Probed


def probe_layers(
    data: Dataset, embeddings: Embeddings, rows: Rows, protocol: FewShot | Neighbours
) -> Selection:
    """Find the layer of the highest validation score; of equals, the first.

    Parameters
    ----------
    data : Dataset
    embeddings : Embeddings
    rows : Rows
        Those of `arrange_rows`.
    protocol : FewShot or Neighbours
    """
    layers: list[int | None] = [*range(embeddings.n_layers)] or [None]
    best: tuple[int | None, Probed] | None = None
    curve = []
    with bar(f"probing {data.task.name}", len(layers), "layer") as progress:
        for layer in layers:
            probed = _probe(data, embeddings, rows, protocol, layer)
            if layer is not None:
                title = embeddings.layers[layer]
                curve.append(LayerScore(layer=title, index=0, valid=probed.valid))
            if best is None or probed.valid > best[1].valid:
                best = (layer, probed)
            progress.update(1)
    assert best is not None
    layer, probed = best
    name = None if layer is None else embeddings.layers[layer]
    return Selection(_row(protocol, name, probed.valid), probed.test_outputs, tuple(curve))


def _probe(
    data: Dataset,
    embeddings: Embeddings,
    rows: Rows,
    protocol: FewShot | Neighbours,
    layer: int | None,
) -> Probed:
    from mirbench.benchmark.probing.fewshot import probe_few
    from mirbench.benchmark.probing.neighbours import probe_neighbours

    arrays = probe_data(data, embeddings, rows, layer)
    if isinstance(protocol, Neighbours):
        return probe_neighbours(arrays, protocol)
    clips, group_of = rows.clips["train"], data.groups
    return probe_few(arrays, clips, [group_of[clip] for clip in clips], protocol)


def _row(
    protocol: FewShot | Neighbours, layer: str | None, valid: float
) -> FewShotRow | NeighboursRow:
    if isinstance(protocol, Neighbours):
        return NeighboursRow(
            method="nearest neighbours",
            layer=layer,
            k=protocol.k,
            temperature=protocol.temperature,
            valid=valid,
        )
    return FewShotRow(
        method="logistic regression",
        layer=layer,
        clips_per_label=protocol.clips_per_label,
        draws=protocol.draws,
        c=protocol.c,
        valid=valid,
    )
