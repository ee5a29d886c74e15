"""What a model does at a call besides embedding: what it sets, seeds and prints."""

from __future__ import annotations

import random
import sys

import numpy as np

from mirbench.benchmark.api import FloatArray
from mirbench.benchmark.conformance.findings import Finding
from mirbench.benchmark.conformance.subject import FIRST, Subject, listening_to
from mirbench.benchmark.machine.process_state import PluginState
from mirbench.benchmark.machine.torch_settings import torch_settings

#: Settings that importing a library changes, too.
OF_IMPORTS = {"environment", "logging", "warnings"}

#: What libraries draw from when they are imported, and layers when they are made.
CHANCE = {"random", "numpy.random", "torch.random"}

_SETTINGS = (
    "do without it, or undo it before embed returns. mirbench puts it back after each call, but "
    "others that use the model do not"
)
_OUTPUT = "take the print out, or use the logging module: a run embeds thousands of clips"


class Outside:
    """What the model does at a call besides embedding: sets, seeds, prints."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        #: Where the global generators stood after each call.
        self._ends: list[dict[str, bytes]] = []
        self._set: set[str] = set()
        self._printed = ""

    def embed(self, audio: FloatArray) -> FloatArray | None:
        """Embed one clip; what was set is put back, so that it is set again at the next call."""
        state = PluginState()
        times = 1 if self._ends else FIRST
        with listening_to(self._subject) as printed, state:
            before = _exactness()
            row = self._subject.row("chords", audio, times)
            end, as_exact = _generators(), _exactness() == before
        leave = CHANCE if self._ends else CHANCE | OF_IMPORTS
        self._set |= state.changed - leave - ({"torch.exact"} if as_exact else set())
        self._printed = printed.text
        self._ends.append(end)
        return row

    def findings(self) -> list[Finding]:
        """Judge it."""
        # The calls began with other seeds. Who only draws leaves the generators elsewhere.
        first, *_, last = self._ends
        seeded = [name for name in first if first[name] == last.get(name)]
        settings = Finding("settings", "passed", "nothing")
        if self._set:
            names = ", ".join(sorted(self._set))
            settings = Finding("settings", "failed", f"embed sets {names}", _SETTINGS)
        elif seeded:
            found = f"embed seeds global generators: {', '.join(seeded)}"
            advice = "use a generator of its own: np.random.default_rng(seed), torch.Generator()"
            settings = Finding("settings", "warning", found, advice)
        output = Finding("output", "passed", "nothing")
        if self._printed:
            found = f"embed prints {first_line(self._printed)}"
            output = Finding("output", "failed", found, _OUTPUT)
        return [settings, output]


def _exactness() -> tuple[object, ...]:
    """Say how exact products of PyTorch are; to ask for what is the default changes nothing."""
    setting = torch_settings().get("torch.exact")
    if setting is None:
        return ()
    return tuple("none" if each == "ieee" else each for each in setting.read())


def _generators() -> dict[str, bytes]:
    """Say where the global generators stand."""
    state = np.random.get_state(legacy=False)["state"]
    found = {
        "random": repr(random.getstate()).encode(),
        "numpy.random": state["key"].tobytes() + str(state["pos"]).encode(),
    }
    torch = sys.modules.get("torch")
    if hasattr(torch, "get_rng_state"):
        found["torch.random"] = torch.get_rng_state().numpy().tobytes()  # type: ignore[union-attr]
    return found


def first_line(text: str) -> str:
    """Quote the beginning of what was printed."""
    return repr(text.splitlines()[0][:80])
