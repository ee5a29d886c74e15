"""Models whose Python code comes with their weights; it is run where that is asked for.

transformers 5 builds a model without memory for its tensors and fills in those of
the checkpoint. What is in none, such as a non-persistent buffer, is then whatever
lay there: another vector at each load. So the model is built once more by
its own constructor, and given the tensors that were loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import transformers
from torch import Tensor

from mirbench.benchmark.api import PluginError
from mirbench.representations.hf.loading import Checkpoint


def remote_model(checkpoint: Checkpoint) -> Any:
    """Build a model by its own code, with the weights of the checkpoint.

    Raises
    ------
    PluginError
        If part of it is drawn at random anew whenever it is built, or it has a decoder.
    DataError
        If it cannot be loaded.
    """
    loaded = checkpoint.model("AutoModel", trust_remote_code=True)
    if loaded.config.is_encoder_decoder:
        raise PluginError(f"hf:{checkpoint.target}: it has a decoder; only encoders are run")
    with checkpoint.reported(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        plain = _built(checkpoint)
        torch.manual_seed(1)
        again = dict(_unsaved(_built(checkpoint)))
        plain.load_state_dict(loaded.state_dict(), strict=True)
    for name, tensor in _unsaved(plain):
        other = again.get(name)
        if other is None or not torch.equal(tensor.nan_to_num(), other.nan_to_num()):
            raise PluginError(
                f"hf:{checkpoint.target}: {name!r} is not in the checkpoint and is drawn at "
                "random whenever the model is built, so its embeddings could not be repeated"
            )
    return plain


def _built(checkpoint: Checkpoint) -> Any:
    config = transformers.AutoConfig.from_pretrained(
        checkpoint.folder, local_files_only=True, trust_remote_code=True
    )
    return transformers.AutoModel.from_config(config, trust_remote_code=True).float()


def _unsaved(model: Any) -> Iterator[tuple[str, Tensor]]:
    """List the tensors of a model that are not in its state: buffers, and plain attributes."""
    saved = set(model.state_dict())
    for name, buffer in model.named_buffers():
        if name not in saved:
            yield name, buffer
    for place, module in model.named_modules():
        for key, value in vars(module).items():
            if isinstance(value, Tensor):
                yield f"{place}.{key}".lstrip("."), value
