"""Load a checkpoint offline, whole or not at all: a tensor that it lacks would be random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.utils import logging

from mirbench.benchmark.api import DataError, MirbenchError, PluginError
from mirbench.representations._pretrained import check_whole, reason

#: Weights that play a part in training only.
_UNUSED = ("masked_spec_embed",)


class Checkpoint:
    """A model's folder, from which transformers builds the model.

    Parameters
    ----------
    target : str
        Its name, for messages.
    folder : Path
        Where its files lie.
    config : mapping
        What its ``config.json`` holds.
    """

    def __init__(self, target: str, folder: Path, config: Mapping[str, Any]) -> None:
        self.target, self.folder, self.config = target, folder, config
        logging.set_verbosity_error()
        logging.disable_progress_bar()

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Name the model where transformers cannot load it; raises DataError."""
        try:
            yield
        except MirbenchError:
            raise
        except Exception as error:
            raise DataError(
                f"hf:{self.target}: transformers cannot load it: {reason(error)}"
            ) from error

    def extractor(self, trust_remote_code: bool = False) -> Any:
        """Build the feature extractor.

        Raises
        ------
        DataError
            If there is none.
        PluginError
            If it is not for audio.
        """
        with self.reported():
            extractor = transformers.AutoFeatureExtractor.from_pretrained(
                self.folder, local_files_only=True, trust_remote_code=trust_remote_code
            )
        if not hasattr(extractor, "sampling_rate"):
            raise PluginError(f"hf:{self.target}: its feature extractor is not for audio")
        return extractor

    def model(self, enter: str, **options: Any) -> Any:
        """Build a model with the weights of the checkpoint, in single precision.

        Parameters
        ----------
        enter : str
            Class of transformers that the checkpoint was saved from, or one that holds it.
        **options
            What else its ``from_pretrained`` is given.

        Raises
        ------
        DataError
            If the checkpoint cannot be read, or lacks tensors of the model.
        """
        with self.reported():
            # Safetensors are taken where there are both; weights_only is for .bin files.
            model, info = getattr(transformers, enter).from_pretrained(
                self.folder,
                local_files_only=True,
                weights_only=True,
                output_loading_info=True,
                **{"dtype": torch.float32} | options,
            )
        check_whole(info, f"hf:{self.target}: its weights", unused=_UNUSED)
        return model
