"""What a family of models must offer, and what it makes of clips of one length."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from mirbench.benchmark.api import FloatArray, PluginError


@dataclass(frozen=True)
class States:
    """What a model makes of clips of one length; frames of padding are left out.

    Attributes
    ----------
    main : sequence of Tensor, each [n_clips, n_frames, dims]
        The hidden states from the input of the first layer on, or the one state that there is.
    named : mapping of str to Tensor, each [n_clips, n_frames, dims]
        Other vectors that can be asked for.
    """

    main: Sequence[Tensor]
    named: Mapping[str, Tensor] = field(default_factory=dict)


class Network(ABC):
    """A model with its feature extractor, run as its family has to be.

    Attributes
    ----------
    longest : float
        Seconds that it takes in at once without cutting anything off.
    batch : int
        Pieces of one length that may go through it together.
    has_frames : bool
        Whether a piece gives vectors of moments, not one vector in all.
    """

    longest = float("inf")
    has_frames = True

    #: On a CPU one at a time is a fifth faster, and takes half the memory.
    batch = 4

    def __init__(self, model: Any, extractor: Any, device: str) -> None:
        self.model, self.extractor, self.device = model.to(device).eval(), extractor, device
        if device == "cpu":
            self.batch = 1

    @property
    def rate(self) -> int:
        """Sample rate in Hz."""
        return int(self.extractor.sampling_rate)

    @abstractmethod
    def run(self, audios: Sequence[FloatArray]) -> States:
        """Run the model on clips of one length, each float32 ``[n_samples]``."""

    def features(self, audios: Sequence[FloatArray]) -> Any:
        """Extract the features of clips, on the device of the model."""
        found = self.extractor(list(audios), sampling_rate=self.rate, return_tensors="pt")
        return found.to(self.device)


def hidden_states(output: Any) -> list[Tensor]:
    """List the hidden states of an encoder's output, each ``[n_clips, n_frames, dims]``.

    Encoders that normalise before each block normalise once more at the end.
    transformers 4 has the last state after that, 5 before; ``last_hidden_state``
    is after it in both, so it takes the place of the last state where it can.

    Raises
    ------
    PluginError
        If there are none.
    """
    found = getattr(output, "hidden_states", None)
    if not isinstance(found, tuple | list) or not found or any(s.ndim != 3 for s in found):
        raise PluginError("the model returns no hidden states [n_clips, n_frames, dims]")
    states, last = list(found), getattr(output, "last_hidden_state", None)
    if last is not None and last.shape == states[-1].shape:
        states[-1] = last
    return states
