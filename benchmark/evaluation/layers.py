"""A grid of probes for every layer: one after the other, or at once on a GPU or a cluster."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mirbench.benchmark.evaluation.forecast import Forecast, forecast
from mirbench.benchmark.evaluation.settings import Settings
from mirbench.benchmark.machine.ray_cluster import RayCluster
from mirbench.benchmark.machine.workers import end_idle
from mirbench.benchmark.progress import bar
from mirbench.benchmark.protocol import Protocol

if TYPE_CHECKING:
    from mirbench.benchmark.probing import ProbeData, ProbeRecord

#: Makes what the grid of a layer is trained on.
DataOf = Callable[[int | None], "ProbeData"]


@dataclass(frozen=True, eq=False)
class LayerWork:
    """The grid of one layer, for a worker.

    Attributes
    ----------
    layer : int or None
        Its number; None where there are no layers.
    data : ProbeData
    protocol : Protocol
    device : str
    memory : int or None
        Bytes that training may take; None: what is free, divided by `beside`.
    beside : int
        How many such workers there may be on a machine.
    checkpoint : Path
        Folder in which finished probes are kept, so that another worker can go on.
    """

    layer: int | None
    data: ProbeData
    protocol: Protocol
    device: str
    memory: int | None
    beside: int
    checkpoint: Path

    @property
    def doing(self) -> str:
        """What a worker is at that has it, in words."""
        return "probing" if self.layer is None else f"probing layer {self.layer}"


def train_layer(work: LayerWork) -> tuple[int | None, list[ProbeRecord]]:
    """Train the grid of a layer; runs in a worker process."""
    import torch

    from mirbench.benchmark.probing import train_grid
    from mirbench.benchmark.probing.memory import SHARE, free_memory

    memory = work.memory
    if memory is None:
        memory = int(SHARE * free_memory(torch.device(work.device)) / work.beside)
    records = train_grid(
        work.data,
        work.protocol,
        device=work.device,
        memory=memory,
        checkpoint=work.checkpoint,
    )
    return work.layer, records


def train_layers(
    title: str, layers: list[int | None], data_of: DataOf, settings: Settings, checkpoint: Path
) -> Iterator[list[ProbeRecord]]:
    """Train a grid for each layer; yields their records, in the order of the layers.

    Parameters
    ----------
    title : str
        What the user sees.
    layers : list of int or None
        Their numbers; one None where there are no layers.
    data_of : callable
        Makes what the grid of a layer is trained on.
    settings : Settings
    checkpoint : Path
        Folder in which finished probes are kept, so that a killed grid goes on.
    """
    if settings.cluster is not None:
        work = _work(settings.cluster, layers, data_of, settings, checkpoint)
        yield from _on_cluster(title, work, layers, settings.cluster, _kind(settings))
        return
    if settings.device != "cpu":
        end_idle()  # one of which has the model on the GPU, whose memory probes need
    protocol = _grid(settings)
    with forecast(title, len(protocol.grid()), len(layers)) as shown:
        if settings.device != "cpu" and len(layers) > 1:
            yield from _beside(shown, layers, data_of, settings, checkpoint)
            return
        from mirbench.benchmark.probing import train_grid

        for layer in layers:
            records = train_grid(
                data_of(layer),
                protocol,
                device=settings.device,
                on_probe=shown.on_probe,
                memory=settings.memory,
                checkpoint=checkpoint,
                on_progress=shown.on_progress,
            )
            shown.next_layer()
            yield records


def _beside(
    shown: Forecast,
    layers: list[int | None],
    data_of: DataOf,
    settings: Settings,
    checkpoint: Path,
) -> Iterator[list[ProbeRecord]]:
    """Train the layers on one GPU, as many at once as fit into its memory."""
    import torch

    from mirbench.benchmark.machine.device import check_device
    from mirbench.benchmark.probing import Grid, train_beside

    check_device(settings.device)
    device = torch.device(settings.device)
    grids = (
        Grid(
            *(data_of(layer), _grid(settings), device),
            on_probe=shown.on_probe,
            checkpoint=checkpoint,
            on_progress=functools.partial(shown.on_progress, layer=number),
        )
        for number, layer in enumerate(layers)
    )
    with contextlib.closing(train_beside(grids, device, settings.memory)) as trained:
        for records in trained:
            shown.next_layer()
            yield records


def _grid(settings: Settings) -> Protocol:
    assert isinstance(settings.protocol, Protocol)
    return settings.protocol


def _kind(settings: Settings) -> str:
    return "grid" if settings.on_cpu else settings.device


def _work(
    cluster: RayCluster,
    layers: list[int | None],
    data_of: DataOf,
    settings: Settings,
    checkpoint: Path,
) -> Iterator[LayerWork]:
    kind = _kind(settings)
    beside = cluster.most_on_a_node(kind, len(layers)) if settings.on_cpu else 1
    for layer in layers:
        yield LayerWork(
            layer,
            data_of(layer),
            _grid(settings),
            settings.device,
            memory=settings.memory,
            beside=beside,
            checkpoint=checkpoint.absolute(),
        )


def _on_cluster(
    title: str,
    work: Iterator[LayerWork],
    layers: list[int | None],
    cluster: RayCluster,
    kind: str,
) -> list[list[ProbeRecord]]:
    found = {}
    with (
        bar(f"{title} on {cluster.words(kind)}", len(layers), "layer") as progress,
        cluster.workers(kind, len(layers), depth=1) as workers,
    ):
        for layer, records in workers.unordered(train_layer, work):
            found[layer] = records
            progress.update(1)
    return [found[layer] for layer in layers]
