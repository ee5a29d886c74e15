"""The families that ``hf:`` runs once more, by direct calls of transformers' classes.

A clip at a time, no longer than the model takes in; nothing is shared with the adapter.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import transformers as hf
from helpers.tiny_models import edit_config
from torch import Tensor
from transformers.models.qwen2_audio.modeling_qwen2_audio import Qwen2AudioEncoder

Array = npt.NDArray[Any]

#: The frames of every state, each ``[n_frames, dims]``.
Frames = list[Array]


def plain_model(name: str, folder: Path) -> Callable[[Array], Frames]:
    """Load a saved model of `tiny_models`; a function from a clip to its frames."""
    kind = name.partition("-")[0]
    own = {
        "ast": _ast,
        "whisper": _whisper,
        "qwen2": _qwen,
        "clap": _clap,
        "encodec": _codec,
        "dac": _codec,
        "mimi": _codec,
        "xcodec": _codec,
    }
    extractor = hf.AutoFeatureExtractor.from_pretrained(folder)
    if name.startswith("mert"):
        with tempfile.TemporaryDirectory() as place:
            copy = Path(shutil.copytree(folder, place, dirs_exist_ok=True))
            edit_config(copy, model_type="hubert", architectures=["HubertModel"], auto_map={})
            model = hf.HubertModel.from_pretrained(copy)
    else:
        model = _load(name, folder)
    found = own.get(kind, _waveform)(model.eval(), extractor)

    @torch.no_grad()
    def frames(audio: Array) -> Frames:
        return [state.numpy() for state in found(audio)]

    return frames


def _load(name: str, folder: Path) -> Any:
    if name == "qwen2-audio":
        return hf.Qwen2AudioForConditionalGeneration.from_pretrained(folder)
    if name == "qwen2-audio-tower":
        return Qwen2AudioEncoder.from_pretrained(folder)
    if name == "clap-audio":
        return hf.ClapAudioModelWithProjection.from_pretrained(folder)
    return hf.AutoModel.from_pretrained(folder)


Run = Callable[[Array], list[Tensor]]


def _states(output: Any) -> list[Tensor]:
    states = [state[0] for state in output.hidden_states]
    if len(states[-1]) == len(output.last_hidden_state[0]):
        states[-1] = output.last_hidden_state[0]
    return states


def _waveform(model: Any, extractor: Any) -> Run:
    def run(audio: Array) -> list[Tensor]:
        rate = extractor.sampling_rate
        inputs = extractor(audio, sampling_rate=rate, return_tensors="pt")
        states = _states(model(**inputs, output_hidden_states=True))
        if "input_features" in inputs:
            states = [state[: int(inputs["attention_mask"].sum())] for state in states]
        return states

    return run


def _ast(model: Any, extractor: Any) -> Run:
    def run(audio: Array) -> list[Tensor]:
        inputs = extractor(audio, sampling_rate=16_000, return_tensors="pt")
        spectrogram_frames = 1 + (len(audio) - 400) // 160
        kept, place = [0, 1], 2
        for _band in range(12):
            for time in range((extractor.max_length - 16) // 10 + 1):
                if 10 * time + 16 <= spectrogram_frames:
                    kept.append(place)
                place += 1
        return [state[kept] for state in _states(model(**inputs, output_hidden_states=True))]

    return run


def _whisper(model: Any, extractor: Any) -> Run:
    def run(audio: Array) -> list[Tensor]:
        inputs = extractor(audio, sampling_rate=16_000, return_tensors="pt")
        output = model.encoder(inputs.input_features, output_hidden_states=True)
        return [state[: math.ceil(len(audio) / 320)] for state in _states(output)]

    return run


def _qwen(model: Any, extractor: Any) -> Run:
    whole = getattr(model, "model", model)
    tower = getattr(whole, "audio_tower", None) or getattr(model, "audio_tower", model)

    def run(audio: Array) -> list[Tensor]:
        inputs = extractor(
            audio, sampling_rate=16_000, return_tensors="pt", return_attention_mask=True
        )
        frames, pairs = tower._get_feat_extract_output_lengths(inputs.attention_mask.sum(-1))
        blocked = torch.arange(100) >= frames
        mask = torch.zeros(1, 1, 100, 100).masked_fill(blocked, float("-inf"))
        output = tower(inputs.input_features, attention_mask=mask, output_hidden_states=True)
        *states, last = _states(output)
        return [*(state[: int(frames)] for state in states), last[: int(pairs)]]

    return run


def _clap(model: Any, extractor: Any) -> Run:
    def run(audio: Array) -> list[Tensor]:
        whole = np.concatenate([audio] * math.ceil(96_000 / len(audio)))[:96_000]
        inputs = extractor(whole, sampling_rate=48_000, return_tensors="pt")
        return [model.audio_model(**inputs).pooler_output]

    return run


def _codec(model: Any, extractor: Any) -> Run:
    def run(audio: Array) -> list[Tensor]:
        values = torch.from_numpy(audio)[None, None]
        if isinstance(model, hf.EncodecModel):
            if model.config.audio_channels == 2:
                values = torch.cat([values, values], dim=1)
                values = values / (values[:, :1].square().mean().sqrt() + 1e-8)
            return [model.encoder(values)[0].T]
        if isinstance(model, hf.MimiModel):
            return [_mimi(model, values)[0].T]
        hop = extractor.hop_length
        values = torch.nn.functional.pad(values, (0, -len(audio) % hop))
        if isinstance(model, hf.DacModel):
            return [model.encoder(values)[0].T]
        semantic = model._extract_semantic_features(values)
        semantic = model.encoder_semantic(semantic.transpose(1, 2))
        acoustic = model.acoustic_encoder(values)
        if acoustic.shape[2] != semantic.shape[2]:
            both = torch.nn.functional.pad(values, (model.pad, model.pad))
            acoustic = model.acoustic_encoder(both)
        return [model.fc(torch.cat([acoustic, semantic], dim=1).transpose(1, 2))[0]]

    return run


def _mimi(model: Any, values: Tensor) -> Tensor:
    found = model.encoder(values)
    if not isinstance(found, Tensor):  # transformers 5
        latents: Tensor = found.latents
        return latents
    turned = model.encoder_transformer(found.transpose(1, 2))[0]
    down: Tensor = model.downsample(turned.transpose(1, 2))
    return down


def model_type(folder: Path) -> str:
    """Type of a saved model, by its configuration."""
    return str(json.loads((folder / "config.json").read_text())["model_type"])
