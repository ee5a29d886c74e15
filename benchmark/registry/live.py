"""Model objects of this process, which a caller from Python has given instead of a name."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mirbench.benchmark.machine.launch import check_here
from mirbench.benchmark.plugins.finding import Plugin
from mirbench.benchmark.registry.spec import RepresentationSpec

#: What the fingerprint of an object begins with: no digest has such letters.
PREFIX = "live"

#: The objects that are in use, by the text that stands for each.
_objects: dict[str, LiveSpec] = {}


@dataclass(frozen=True)
class LiveSpec(RepresentationSpec):
    """A model object, as a representation without parameters.

    Nothing that would decide its embeddings can be read off an object: weights may have been
    trained a moment ago, and its code may be a cell of a notebook. So its fingerprint is drawn
    anew each time it is given, and nothing that is stored is ever taken for its own.

    Attributes
    ----------
    model : object
        What a plugin's ``load_model`` would return.
    token : str
        The fingerprint.
    """

    model: Any = None
    token: str = ""

    @property
    def live(self) -> bool:
        """Whether it is an object of this process, which no other can load."""
        return True

    @property
    def reads_files(self) -> bool:
        """Whether files would have to be found; its fingerprint is its own whatever it reads."""
        return False

    def own_fingerprint(self) -> str:
        """Return what was drawn for this use of the object."""
        return self.token

    def load(self, device: str = "cpu") -> Any:
        """Return the object, wherever its caller has put it; `device` changes nothing."""
        check_here(f"the model object {self.label!r}")
        return self.model


@contextmanager
def registered(model: Any, name: str) -> Iterator[LiveSpec]:
    """Let `parse_representation` find an object by the text of what is yielded, meanwhile.

    Parameters
    ----------
    model : Representation
    name : str
        What it is called in messages and rows.
    """
    token = PREFIX + secrets.token_hex(6)
    # The place is its own, and with it what it may set for the process while it embeds.
    plugin = Plugin("representation", name, PREFIX, f"object {token}", None)
    spec = LiveSpec(f"{name} ({token})", plugin, {}, None, model, token)
    _objects[spec.text] = spec
    try:
        yield spec
    finally:
        del _objects[spec.text]


def find_live(text: str) -> LiveSpec | None:
    """Return the object that a text stands for; None for every other name."""
    return _objects.get(text)
