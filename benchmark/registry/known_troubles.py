"""Published models that do not do what they should, each with the source that says so.

A run says what is known of a model before it embeds with it, and the row says it too.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirbench.benchmark.registry.spec import RepresentationSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is known of a model.

    Attributes
    ----------
    adapter : str
        By which it is run.
    targets : tuple of str
        What it is called, without the publisher; a folder of that name counts as well.
    parameter : str
        A switch that must be on for the trouble to occur; empty: it always does.
    what : str
        What is wrong.
    source : str
        Who says so.
    instead : str
        What to do.
    """

    adapter: str
    targets: tuple[str, ...]
    parameter: str = ""
    what: str
    source: str
    instead: str

    def __str__(self) -> str:
        return f"{self.what} ({self.source}); {self.instead}"

    def is_of(self, spec: RepresentationSpec) -> bool:
        """Whether a representation is this model, run in the way that has the trouble."""
        if spec.plugin.name != self.adapter or spec.plugin.origin != "built-in":
            return False
        name = (spec.target or "").rstrip("/").rpartition("/")[2]
        on = not self.parameter or bool(spec.params.get(self.parameter))
        return on and name in self.targets


#: What is known; every entry with its source.
TROUBLES = (
    Trouble(
        adapter="hf",
        targets=("larger_clap_music",),
        what="this checkpoint scores far below its sisters: 25.8 % on GTZAN",
        source="results of the Massive Text Embedding Benchmark, mteb",
        instead="take laion/larger_clap_music_and_speech or laion/larger_clap_general",
    ),
    Trouble(
        adapter="hf",
        targets=("MERT-v1-95M", "MERT-v1-330M"),
        parameter="trust_remote_code",
        what="the Python code that comes with MERT v1 stops under transformers 4.57, whose "
        "configuration has no conv_pos_batch_norm, and gives no hidden states under 5",
        source="tried with models of its form under 4.57.6 and 5.24.0; its page names 4.38",
        instead="leave trust_remote_code out",
    ),
)


def known_troubles(spec: RepresentationSpec) -> list[Trouble]:
    """List what is known of a representation's model."""
    return [trouble for trouble in TROUBLES if trouble.is_of(spec)]
