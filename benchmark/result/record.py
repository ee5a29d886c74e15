"""What every part of a row has in common."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class Record(BaseModel):
    """A part of a row: it has no fields that are not known, and does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Fields that are not written where there is nothing in them, as in rows that are older.
    UNWRITTEN: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_unwritten(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        for name in self.UNWRITTEN:
            if name in content and getattr(self, name) == type(self)._nothing(name):
                del content[name]
        return content

    @classmethod
    def _nothing(cls, name: str) -> Any:
        return cls.model_fields[name].get_default(call_default_factory=True)
