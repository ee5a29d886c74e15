"""What every part of a row has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A part of a row: it has no fields that are not known, and does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
