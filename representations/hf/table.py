"""Which models are run, and how: a row per ``model_type`` of a configuration.

What a row does not say, the network of the family does: how long a piece may be,
which frames are of the clip, what the states are, and what is pooled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mirbench.benchmark.api import DataError, MirbenchError, PluginError
from mirbench.representations.hf.clap import Clap
from mirbench.representations.hf.codecs import Codec, Dac, EnCodec
from mirbench.representations.hf.folder import model_folder, read_config
from mirbench.representations.hf.loading import Checkpoint
from mirbench.representations.hf.mert import as_hubert
from mirbench.representations.hf.network import Network
from mirbench.representations.hf.remote import remote_model
from mirbench.representations.hf.spectrogram import (
    Qwen2AudioEncoder,
    SpectrogramTransformer,
    WhisperEncoder,
)
from mirbench.representations.hf.speech import WaveformEncoder


@dataclass(frozen=True)
class Family:
    """How models of a type are run.

    Attributes
    ----------
    enter : str
        Class of transformers that takes in the whole checkpoint. That of a part would find
        none of its tensors there, under their longer names, and be random.
    network : type of Network
        How the model is run.
    config : Callable, optional
        What turns the configuration into that of `enter`, where this is not its own.
    dtype : str, optional
        Precision in which the whole is read, where only a part of it is kept.
    """

    enter: str
    network: type[Network]
    config: Callable[[Mapping[str, Any]], Any] | None = None
    dtype: str | None = None


FAMILIES = {
    "audio-spectrogram-transformer": Family("ASTModel", SpectrogramTransformer),
    "clap": Family("ClapModel", Clap),
    "clap_audio_model": Family("ClapAudioModelWithProjection", Clap),
    "dac": Family("DacModel", Dac),
    "data2vec-audio": Family("Data2VecAudioModel", WaveformEncoder),
    "encodec": Family("EncodecModel", EnCodec),
    "hubert": Family("HubertModel", WaveformEncoder),
    "mert_model": Family("HubertModel", WaveformEncoder, config=as_hubert),
    "mimi": Family("MimiModel", Codec),
    "qwen2_audio": Family("Qwen2AudioForConditionalGeneration", Qwen2AudioEncoder, dtype="auto"),
    "qwen2_audio_encoder": Family("Qwen2AudioEncoder", Qwen2AudioEncoder),
    "sew": Family("SEWModel", WaveformEncoder),
    "sew-d": Family("SEWDModel", WaveformEncoder),
    "unispeech": Family("UniSpeechModel", WaveformEncoder),
    "unispeech-sat": Family("UniSpeechSatModel", WaveformEncoder),
    "wav2vec2": Family("Wav2Vec2Model", WaveformEncoder),
    "wav2vec2-bert": Family("Wav2Vec2BertModel", WaveformEncoder),
    "wav2vec2-conformer": Family("Wav2Vec2ConformerModel", WaveformEncoder),
    "wavlm": Family("WavLMModel", WaveformEncoder),
    "whisper": Family("WhisperModel", WhisperEncoder),
    "xcodec": Family("XcodecModel", Codec),
}

#: What is known of types that are not run.
ELSEWHERE = {
    "jukebox": "run it as jukebox",
    "musicgen": "run it as musicgen:model=small, medium or large",
    "musicgen_decoder": "run the whole of it as musicgen:model=small, medium or large",
    "musicgen_melody": "it is conditioned on a melody, and no way to run it on a clip is settled",
    "speecht5": "it is an encoder and decoder of speech; only encoders are run",
}


def open_network(target: str, device: str, trust_remote_code: bool) -> Network:
    """Load a model, ready to run on `device`.

    Raises
    ------
    DataError
        If its files are damaged, or lack tensors of the model.
    PluginError
        If it is of no type that is known, or would run code that is not trusted.
    """
    checkpoint = Checkpoint(target, model_folder(target), read_config(target))
    kind = checkpoint.config.get("model_type")
    if not isinstance(kind, str):
        raise DataError(f"hf:{target}: its config.json has no model_type, so its type is unknown")
    family = FAMILIES.get(kind)
    if family is None:
        return _foreign(checkpoint, kind, device, trust_remote_code)
    extractor = checkpoint.extractor()
    options: dict[str, Any] = {} if family.dtype is None else {"dtype": family.dtype}
    if family.config is not None:
        try:
            with checkpoint.reported():
                options["config"] = family.config(checkpoint.config)
        except MirbenchError as error:
            raise type(error)(f"hf:{target}: {error}") from error
    model = checkpoint.model(family.enter, **options)
    return family.network(model, extractor, device)


def _foreign(checkpoint: Checkpoint, kind: str, device: str, trust_remote_code: bool) -> Network:
    """Load a model of a type that is not in the table, by its own code."""
    target = checkpoint.target
    if kind in ELSEWHERE:
        raise PluginError(f"hf:{target} is of type {kind}: {ELSEWHERE[kind]}")
    own = checkpoint.config.get("auto_map")
    if not isinstance(own, dict) or "AutoModel" not in own:
        raise PluginError(
            f"hf:{target}: models of type {kind!r} are not run, for what is to be taken of them "
            f"is not guessed; known types: {', '.join(sorted(FAMILIES))}"
        )
    if not trust_remote_code:
        raise PluginError(
            f"hf:{target}: the model comes with Python code of its own; if you have read it "
            "and trust it, add the parameter trust_remote_code=true"
        )
    extractor = checkpoint.extractor(trust_remote_code=True)
    return WaveformEncoder(remote_model(checkpoint), extractor, device)
