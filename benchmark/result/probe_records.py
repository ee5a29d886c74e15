"""Which probe a row is of: one of a grid, draws of few clips, or neighbours."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mirbench.benchmark.result.record import Record


class ProbeRow(Record):
    """The selected probe."""

    index: int = Field(description="Place in the grid", ge=0)
    layer: str | None = Field(description="Layer that was selected on validation")
    standardise: bool = Field(description="Features standardised")
    hidden: int = Field(description="Hidden units; 0: linear")
    batch_size: int = Field(description="Rows per step")
    learning_rate: float = Field(description="Of Adam")
    dropout: float = Field(description="Of input and hidden layer")
    l2: float = Field(description="Coupled weight decay")
    updates: int = Field(description="Updates until early stopping")
    best_update: int = Field(description="Updates after which the chosen weights were reached")
    valid: float = Field(description="Primary score on the validation set")
    way: str | None = Field(description="How windows were merged into clips")


class FewShotRow(Record):
    """The probes of a few labelled clips: one logistic regression per draw."""

    method: Literal["logistic regression"]
    layer: str | None = Field(description="Layer that was selected on validation")
    clips_per_label: int = Field(description="Training clips per label", gt=0)
    draws: int = Field(description="How often they were drawn", gt=0)
    c: float = Field(description="Inverse strength of the L2 penalty")
    valid: float = Field(description="Primary score on the validation set, mean over draws")


class NeighboursRow(Record):
    """Votes of the nearest training rows."""

    method: Literal["nearest neighbours"]
    layer: str | None = Field(description="Layer that was selected on validation")
    k: int = Field(description="Training rows that vote", gt=0)
    temperature: float = Field(description="A vote weighs exp(cosine similarity / temperature)")
    valid: float = Field(description="Primary score on the validation set")


class LayerScore(Record):
    """The best probe of one layer, by validation."""

    layer: str = Field(description="Name of the layer")
    index: int = Field(description="Place of that probe in the grid; 0 without one", ge=0)
    valid: float = Field(description="Its primary score on the validation set")
