"""Protocols without a grid: probe every layer, select one on validation, test it once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirbench.benchmark.api import IntArray
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.evaluation.arrange import Rows, probe_data
from mirbench.benchmark.evaluation.select import Selection
from mirbench.benchmark.progress import bar
from mirbench.benchmark.protocol import FewShot, Neighbours
from mirbench.benchmark.result import FewShotRow, LayerScore, NeighboursRow

if TYPE_CHECKING:
    from mirbench.benchmark.probing import ProbeData
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
    probe = FixedProbe(data, rows, protocol)
    best: tuple[int | None, Probed] | None = None
    curve = []
    with bar(f"probing {data.task.name}", len(layers), "layer") as progress:
        for layer in layers:
            probed = probe(probe_data(data, embeddings, rows, layer))
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


class FixedProbe:
    """Probes one layer after another as a protocol without a grid says.

    Parameters
    ----------
    data : Dataset
    rows : Rows
        Those of `arrange_rows`.
    protocol : FewShot or Neighbours
    """

    def __init__(self, data: Dataset, rows: Rows, protocol: FewShot | Neighbours) -> None:
        self._clips, self._protocol = rows.clips["train"], protocol
        self._groups = [data.groups[clip] for clip in self._clips]
        self._drawn: list[IntArray] | None = None

    def __call__(self, arrays: ProbeData) -> Probed:
        """Probe the arrays of a layer; which clips are drawn is the same for all of them."""
        from mirbench.benchmark.probing.fewshot import every_draw, probe_few
        from mirbench.benchmark.probing.neighbours import probe_neighbours

        protocol = self._protocol
        if isinstance(protocol, Neighbours):
            return probe_neighbours(arrays, protocol)
        if self._drawn is None:
            self._drawn = every_draw(arrays, self._clips, self._groups, protocol)
        return probe_few(arrays, self._drawn, protocol)


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
