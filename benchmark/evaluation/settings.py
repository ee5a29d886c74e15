"""How a run embeds and probes; the same for all its pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.embedding.pair import EmbeddingSettings
from mirbench.benchmark.machine.share import Share
from mirbench.benchmark.protocol import AnyProtocol


@dataclass(frozen=True, kw_only=True)
class Settings(EmbeddingSettings):
    """How a run embeds and probes; the same for all its pairs.

    Attributes
    ----------
    protocol : AnyProtocol
        The grid of probes, or what is done without one.
    out : Path
        Folder of the rows.
    force : bool
        Probe even if the identical row is there.
    memory : int or None
        Bytes that training may take; None: most of what is free.
    share : Share or None
        Which of the grids are trained; None: all, and rows are written.
    deform : tuple of str
        Deformations of the test clips on which the selected probes are tested too.
    """

    protocol: AnyProtocol
    out: Path
    force: bool = False
    memory: int | None = None
    share: Share | None = None
    deform: tuple[str, ...] = ()
