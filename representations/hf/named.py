"""Names for models of the Hugging Face hub that ``hf:`` knows how to run.

A name adds to ``hf:`` which checkpoints there are, the layer that is usual, and a card.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.benchmark.api import DataError, MirbenchError, UsageError
from mirbench.representations import hf
from mirbench.representations._hub import HubModels, deciding_files
from mirbench.representations.hf.folder import read_config

if TYPE_CHECKING:
    from mirbench.representations.hf.encoder import HuggingFaceEncoder

#: Where the feature extractor is described.
_EXTRACTOR = ("preprocessor_config.json", "processor_config.json")


@dataclass(frozen=True, kw_only=True)
class HubEncoders(HubModels):
    """The published checkpoints of a representation that ``hf:`` runs.

    Attributes
    ----------
    types : tuple of str
        The ``model_type`` that the configuration of its models may have.
    """

    types: tuple[str, ...]

    def files(self, model: str, weights: str) -> dict[str, Path]:
        """Name the files that a model is made of; raises as `folder` does."""
        folder = self.folder(model, weights)
        described = {name: folder / name for name in _EXTRACTOR if (folder / name).is_file()}
        return deciding_files(folder) | described

    def load(
        self, device: str, model: str, weights: str, *, layer: str, chunk: float, pool: str
    ) -> HuggingFaceEncoder:
        """Load a model; `layer`, `chunk` and `pool` are those of ``hf:``.

        Raises
        ------
        UsageError
            If a parameter has no such value.
        MissingWeights
            If the model is not in the Hugging Face cache; with the command that gets it.
        DataError
            If the folder holds another model, its files are damaged, or tensors are missing.
        """
        folder = self.folder(model, weights)
        kind = self.config(folder).get("model_type")
        if kind not in self.types:
            raise DataError(
                f"{self.name}: {folder / 'config.json'} is of a model of type {kind!r}, not "
                f"{' or '.join(map(repr, self.types))}"
            )
        with self.named(folder):
            return hf.load_model(device, target=str(folder), layer=layer, chunk=chunk, pool=pool)

    def config(self, folder: Path) -> dict[str, Any]:
        """Read the configuration of a model; raises DataError."""
        with self.named(folder):
            return read_config(str(folder))

    @contextmanager
    def named(self, folder: Path) -> Iterator[None]:
        """Let errors of ``hf:`` speak of this representation."""
        try:
            yield
        except MirbenchError as error:
            message = str(error).replace(f"hf:{folder}", f"{self.name} ({folder})")
            raise type(error)(message) from error


@dataclass(frozen=True, kw_only=True)
class LayeredEncoders(HubEncoders):
    """Checkpoints of encoders with hidden states, of which one is usual.

    Attributes
    ----------
    depth_key : str
        What the configuration calls the number of blocks.
    usual : mapping of int to int
        The usual hidden state by the number of blocks; of others, the middle one is taken.
    """

    depth_key: str = "num_hidden_layers"
    usual: Mapping[int, int] = field(default_factory=dict)

    def load_layers(
        self,
        device: str,
        model: str,
        weights: str,
        *,
        layer: int | str | None,
        layers: str | None,
        chunk: float,
        pool: str,
    ) -> HuggingFaceEncoder:
        """Load a model, to give one hidden state or all; raises as `load` does.

        Parameters
        ----------
        device : str
        model, weights : str
            One of `ids`, or a folder.
        layer : int, str or None
            The number of a hidden state, 0 is the input of the first block; ``mean`` of all, or
            another vector that the model has; None: the usual one.
        layers : str or None
            ``all``: every hidden state, whatever `layer` is.
        chunk, pool
            Those of ``hf:``.
        """
        if layers not in (None, "all"):
            raise UsageError(f"{self.name}: layers must be 'all' or be left out, not {layers!r}")
        chosen = layer
        if layers is None and layer is None:
            chosen = self._usual_layer(self.folder(model, weights))
        return self.load(
            device,
            model,
            weights,
            layer="all" if layers == "all" else str(chosen),
            chunk=chunk,
            pool=pool,
        )

    def _usual_layer(self, folder: Path) -> int:
        depth = self.config(folder).get(self.depth_key)
        if not isinstance(depth, int):
            raise DataError(f"{self.name}: {folder / 'config.json'} has no {self.depth_key}")
        return self.usual.get(depth, depth // 2)
