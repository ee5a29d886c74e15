"""Hugging Face audio encoders, as ``hf:<folder or hub id>``: MERT, wav2vec 2.0, HuBERT, ….

Any model that transformers' ``AutoModel`` and ``AutoFeatureExtractor`` load
from a folder and that returns hidden states: the input of its first layer and
the output of each. An embedding is their mean over time: of all layers
averaged (the default), of one (``?layer=7``), or of each (``?layer=all``).

Nothing is downloaded: a hub id must be in the local Hugging Face cache.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import (
    DataError,
    FloatArray,
    PluginError,
    UnusableClip,
    UsageError,
)
from mirbench.representations._lengths import by_length

CARD = {
    "title": "Any Hugging Face audio encoder",
    "paper": "Wolf et al., Transformers, EMNLP 2020 (system demonstrations)",
    "licence": "that of the model",
    "adapter": "hf:<folder or hub id>",
    "requires": ["torch", "transformers"],
    "install": "pip install 'mirbench[hf]'",
}

#: Pieces that go through the model at once on a GPU. On a CPU one at a time is a fifth faster,
#: and takes half the memory.
BATCH = 4

#: What of a model's folder decides its embeddings.
_SUFFIXES = {".json", ".py", ".safetensors", ".bin"}

#: Weights that play a part in training only.
_UNUSED = ("masked_spec_embed",)

Means = npt.NDArray[np.float64]


class HuggingFaceEncoder:
    """An encoder with its feature extractor.

    Parameters
    ----------
    layer : str
        ``mean``, ``all``, or the number of a hidden state.
    chunk : float
        Longer clips are cut into equal pieces of at most so many seconds, and
        the mean is over the frames of all.
    target : str
        Its name, for messages.
    """

    def __init__(
        self, model: Any, extractor: Any, layer: str, chunk: float, device: str, target: str
    ) -> None:
        self.model, self.extractor, self.device = model, extractor, device
        self.layer, self.chunk = layer, chunk
        self.batch = 1 if device == "cpu" else BATCH
        self.sample_rate = int(extractor.sampling_rate)
        noise = np.random.default_rng(0).normal(0, 0.1, self.sample_rate).astype(np.float32)
        _, count, self.dims = self._hidden_states([noise])[0].shape
        if layer == "all":
            self.layers = tuple(map(str, range(count)))
        elif layer != "mean" and not (layer.isdecimal() and int(layer) < count):
            raise UsageError(
                f"hf:{target}: there is no layer {layer!r}; choose mean, all, or one of 0 to "
                f"{count - 1}"
            )

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent audio ``[n_samples]`` as float32 ``[dims]``, or ``[n_layers, dims]``."""
        return self.embed_batch([audio], sr)[0]

    def embed_batch(self, audios: Sequence[FloatArray], sr: int) -> list[FloatArray]:
        """Represent clips; pieces of one length go through the model together.

        Padding would change the embeddings of models that normalise over time.
        """
        most = max(1, int(self.chunk * self.sample_rate))
        cut = [np.array_split(audio, math.ceil(len(audio) / most)) for audio in audios]
        pieces = [piece for own in cut for piece in own]
        found: dict[int, tuple[Means, int]] = {}
        for places in by_length(pieces):
            for first in range(0, len(places), self.batch):
                some = places[first : first + self.batch]
                means, frames = self._hidden_states([pieces[place] for place in some])
                found |= {place: (mean, frames) for place, mean in zip(some, means, strict=True)}
        each = iter([found[place] for place in range(len(pieces))])
        return [self._pick([next(each) for _ in own]) for own in cut]

    def _hidden_states(self, audios: Sequence[FloatArray]) -> tuple[Means, int]:
        """Means over time ``[n_clips, n_layers, dims]`` for clips of one length; their frames."""
        import torch

        from mirbench.representations._inference import exact

        inputs = self.extractor(
            list(audios), sampling_rate=self.sample_rate, return_tensors="pt"
        ).to(self.device)
        with exact():  # so that the store may hold rows of a GPU beside those of a processor
            try:
                states = self.model(**inputs, output_hidden_states=True).hidden_states
            except RuntimeError as error:
                no_memory = isinstance(error, torch.OutOfMemoryError)
                if no_memory or len(audios[0]) >= self.sample_rate:
                    raise
                seconds = len(audios[0]) / self.sample_rate
                raise UnusableClip(f"{seconds:.3f} s is too short for the model") from error
            means = torch.stack([state.double().mean(dim=1) for state in states], dim=1)
        return means.cpu().numpy(), states[0].shape[1]

    def _pick(self, pieces: Sequence[tuple[Means, int]]) -> FloatArray:
        """Join the pieces of a clip, and take the layers that are asked for."""
        frames = [count for _, count in pieces]
        means = np.average([mean for mean, _ in pieces], axis=0, weights=frames)
        if self.layer == "mean":
            means = means.mean(axis=0)
        elif self.layer != "all":
            means = means[int(self.layer)]
        return means.astype(np.float32)


def target_files(target: str) -> dict[str, Path]:
    """Find the files of a model, by their names below its folder.

    Raises
    ------
    UsageError
        If `target` is neither a folder nor of the form of a hub id.
    DataError
        If it is a hub id that is not in the local cache, or the folder holds no model.
    """
    folder = _folder(target)
    if not (folder / "config.json").is_file():
        raise DataError(f"hf:{target}: {folder} holds no config.json, so it is no model's folder")
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix in _SUFFIXES and path.is_file()
    }


def _folder(target: str) -> Path:
    folder = Path(os.path.expanduser(target))
    if folder.is_dir():
        return folder
    if re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", target) is None:
        raise UsageError(f"hf:{target}: there is no such folder, and it is no hub id")
    cache = _hub_cache() / f"models--{target.replace('/', '--')}"
    try:
        revision = (cache / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        revision = ""
    snapshot = cache / "snapshots" / revision
    if not revision or not snapshot.is_dir():
        raise DataError(
            f"hf:{target}: there is no such folder, and no such model in the Hugging Face cache "
            f"({_hub_cache()}); get it by: hf download {target}"
        )
    return snapshot


def _hub_cache() -> Path:
    """Folder in which huggingface_hub keeps what it has downloaded."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(name):
            return Path(os.environ[name]).expanduser()
    home = os.environ.get("HF_HOME")
    if home:
        return Path(home).expanduser() / "hub"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "huggingface/hub"


def load_model(
    device: str = "cpu",
    *,
    target: str,
    layer: str = "mean",
    chunk: float = 30.0,
    trust_remote_code: bool = False,
) -> HuggingFaceEncoder:
    """Load the model of a folder or hub id.

    Parameters
    ----------
    layer : str
        ``mean`` over all, ``all``, or the number of one: 0 is the input of the first layer.
    chunk : float
        Seconds that go through the model in one piece.
    trust_remote_code : bool
        Run Python files that come with the model.
    """
    if not chunk > 0:
        raise UsageError(f"hf:{target}: chunk must be positive, is {chunk:g}")
    target_files(target)
    model, extractor = _load(_folder(target), target, trust_remote_code)
    if model.config.is_encoder_decoder:
        raise PluginError(f"hf:{target}: it has a decoder; only encoders are run")
    return HuggingFaceEncoder(model.to(device).eval(), extractor, layer, chunk, device, target)


def _load(folder: Path, target: str, trust_remote_code: bool) -> tuple[Any, Any]:
    import torch
    from transformers import AutoFeatureExtractor, AutoModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        extractor = AutoFeatureExtractor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=trust_remote_code
        )
        # Safetensors are taken where there are both; weights_only is for .bin files.
        model, info = AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=trust_remote_code,
            weights_only=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:
        if "trust_remote_code" in str(error) and not trust_remote_code:
            raise PluginError(
                f"hf:{target}: the model comes with Python code of its own; if you have read it "
                "and trust it, add the parameter trust_remote_code=true"
            ) from error
        reason = (str(error).strip().splitlines() or [""])[0]
        raise DataError(
            f"hf:{target}: transformers cannot load it: {type(error).__name__}: {reason}"
        ) from error
    absent = sorted(key for key in info["missing_keys"] if not key.endswith(_UNUSED))
    if absent:
        raise DataError(
            f"hf:{target}: its weights lack {len(absent)} of the model's tensors, the first "
            f"{absent[0]!r}; it would be random in part"
        )
    if not hasattr(extractor, "sampling_rate"):
        raise PluginError(f"hf:{target}: its feature extractor is not for audio")
    return model, extractor
