"""Tiny models of every family that ``hf:`` runs, with random weights, as saved checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as hf

#: Widths of a transformer.
WIDTHS = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
WIDTHS |= {"intermediate_size": 48}

#: A front end of a frame every 320 samples, of two dozen filters at most.
WAVE: dict[str, Any] = WIDTHS | {
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
STABLE = WAVE | {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
SEW = WAVE | {"conv_dim": (16,) * 13, "squeeze_factor": 2}

#: Windows of two seconds: encoders in the manner of Whisper.
WINDOWED = {
    "d_model": 32,
    "encoder_layers": 3,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 48,
    "max_source_positions": 100,
}
DECODER = {
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 48,
    "vocab_size": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
}
CODEC = {"num_filters": 4, "hidden_size": 16, "codebook_size": 32, "codebook_dim": 16}
ENCODEC_48 = CODEC | {
    "target_bandwidths": [3.0, 6.0],
    "sampling_rate": 48_000,
    "audio_channels": 2,
    "normalize": True,
    "chunk_length_s": 1.0,
    "overlap": 0.01,
    "use_causal_conv": False,
    "norm_type": "time_group_norm",
}

Made = tuple[Any, Any]


def wave(name: str, masked: bool = False, rate: int = 16_000, **config: Any) -> Made:
    """Make an encoder of waveforms, such as ``Wav2Vec2``, with its feature extractor."""
    model = getattr(hf, f"{name}Model")(getattr(hf, f"{name}Config")(**config))
    return model, hf.Wav2Vec2FeatureExtractor(sampling_rate=rate, return_attention_mask=masked)


def w2v_bert() -> Made:
    config = hf.Wav2Vec2BertConfig(**WIDTHS)
    return hf.Wav2Vec2BertModel(config), hf.SeamlessM4TFeatureExtractor()


def ast(classifier: bool = False) -> Made:
    config = hf.ASTConfig(**WIDTHS, max_length=128)
    made = hf.ASTForAudioClassification if classifier else hf.ASTModel
    return made(config), hf.ASTFeatureExtractor(max_length=128)


def whisper(whole: bool = False) -> Made:
    config = hf.WhisperConfig(**WINDOWED, **DECODER)
    made = hf.WhisperForConditionalGeneration if whole else hf.WhisperModel
    return made(config), hf.WhisperFeatureExtractor(chunk_length=2)


def qwen2_audio() -> Made:
    text = {
        **WIDTHS,
        "model_type": "qwen2",
        "num_hidden_layers": 1,
        "num_key_value_heads": 2,
        "vocab_size": 64,
    }
    audio = {**WINDOWED, "model_type": "qwen2_audio_encoder"}
    config = hf.Qwen2AudioConfig(audio_config=audio, text_config=text, audio_token_index=60)
    extractor = hf.WhisperFeatureExtractor(feature_size=128, chunk_length=2)
    return hf.Qwen2AudioForConditionalGeneration(config), extractor


def qwen2_audio_tower() -> Made:
    whole, extractor = qwen2_audio()
    return getattr(whole, "audio_tower", None) or whole.model.audio_tower, extractor


def clap(fusion: bool = False, part: bool = False) -> Made:
    audio = {
        "depths": [1, 1],
        "num_attention_heads": [1, 2],
        "patch_embeds_hidden_size": 8,
        "hidden_size": 16,
        "projection_dim": 12,
        "num_hidden_layers": 2,
        "enable_fusion": fusion,
        "aff_block_r": 4,
    }
    text = {**WIDTHS, "num_hidden_layers": 1, "vocab_size": 64, "projection_dim": 12}
    truncation = "fusion" if fusion else "rand_trunc"
    extractor = hf.ClapFeatureExtractor(max_length_s=2, truncation=truncation)
    if part:
        return hf.ClapAudioModelWithProjection(hf.ClapAudioConfig(**audio)), extractor
    config = hf.ClapConfig(text_config=text, audio_config=audio, projection_dim=12)
    return hf.ClapModel(config), extractor


def encodec(rate: int = 24_000, **config: Any) -> Made:
    model = hf.EncodecModel(hf.EncodecConfig(**CODEC | {"sampling_rate": rate} | config))
    own = model.config
    return model, hf.EncodecFeatureExtractor(
        feature_size=own.audio_channels,
        sampling_rate=own.sampling_rate,
        chunk_length_s=own.chunk_length_s,
        overlap=own.overlap,
    )


def dac() -> Made:
    config = hf.DacConfig(
        encoder_hidden_size=4, decoder_hidden_size=64, codebook_size=32, n_codebooks=2
    )
    return hf.DacModel(config), hf.DacFeatureExtractor()


def mimi() -> Made:
    config = hf.MimiConfig(
        **WIDTHS | {"num_hidden_layers": 2},
        num_filters=4,
        num_key_value_heads=2,
        head_dim=16,
        codebook_size=32,
        codebook_dim=16,
        vector_quantization_hidden_dimension=16,
        upsample_groups=32,
        num_quantizers=8,
    )
    return hf.MimiModel(config), hf.EncodecFeatureExtractor(sampling_rate=24_000)


def xcodec() -> Made:
    acoustic = {
        "model_type": "dac",
        "encoder_hidden_size": 4,
        "decoder_hidden_size": 64,
        "hidden_size": 16,
        "downsampling_ratios": [8, 5, 4, 2],
        "upsampling_ratios": [8, 5, 4, 2],
    }
    config = hf.XcodecConfig(
        acoustic_model_config=acoustic,
        semantic_model_config={"model_type": "hubert", **WAVE},
        codebook_size=32,
    )
    extractor = hf.DacFeatureExtractor(sampling_rate=16_000, hop_length=320)
    return hf.XcodecModel(config), extractor


MODELS: dict[str, Callable[[], Made]] = {
    "wav2vec2": lambda: wave("Wav2Vec2", **WAVE),
    "wav2vec2-large": lambda: wave("Wav2Vec2", masked=True, **STABLE),
    "hubert": lambda: wave("Hubert", **WAVE),
    "hubert-large": lambda: wave("Hubert", masked=True, **STABLE),
    "wavlm": lambda: wave("WavLM", **WAVE),
    "wavlm-large": lambda: wave("WavLM", masked=True, **STABLE),
    "unispeech": lambda: wave("UniSpeech", **WAVE),
    "unispeech-sat": lambda: wave("UniSpeechSat", **WAVE),
    "data2vec": lambda: wave("Data2VecAudio", masked=True, **WAVE | {"num_conv_pos_embeddings": 5}),
    "conformer": lambda: wave(
        "Wav2Vec2Conformer", masked=True, **WAVE, position_embeddings_type="rotary"
    ),
    "w2v-bert": w2v_bert,
    "sew": lambda: wave("SEW", **SEW),
    "sew-d": lambda: wave("SEWD", **SEW, max_position_embeddings=64, position_buckets=32),
    "mert": lambda: wave("Hubert", masked=True, rate=24_000, **WAVE),
    "mert-large": lambda: wave("Hubert", masked=True, rate=24_000, **STABLE),
    "ast": ast,
    "ast-classifier": lambda: ast(classifier=True),
    "whisper": whisper,
    "whisper-whole": lambda: whisper(whole=True),
    "qwen2-audio": qwen2_audio,
    "qwen2-audio-tower": qwen2_audio_tower,
    "clap": clap,
    "clap-fusion": lambda: clap(fusion=True),
    "clap-audio": lambda: clap(part=True),
    "encodec-24": encodec,
    "encodec-32": lambda: encodec(
        32_000, upsampling_ratios=[8, 5, 4, 4], use_causal_conv=False, target_bandwidths=[1.0]
    ),
    "encodec-48": lambda: encodec(**ENCODEC_48),
    "dac": dac,
    "mimi": mimi,
    "xcodec": xcodec,
}

#: What MERT's configuration has beyond HuBERT's.
MERT = {
    "model_type": "mert_model",
    "architectures": ["MERTModel"],
    "auto_map": {"AutoConfig": "configuration_MERT.MERTConfig", "AutoModel": "m.MERTModel"},
    "feature_extractor_cqt": False,
    "feature_extractor_cqt_bins": 84,
    "deepnorm": False,
}


def save_model(name: str, folder: Path) -> Path:
    """Save a model of `MODELS` in a folder, which is returned."""
    torch.manual_seed(0)
    model, extractor = MODELS[name]()
    _liven(model)
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    if name.startswith("mert"):
        relax = {"attention_relax": 32.0 if name == "mert-large" else -1.0}
        edit_config(folder, **MERT, **relax)
    return folder


def edit_config(folder: Path, **changes: object) -> None:
    """Change keys of a model's configuration."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@torch.no_grad()
def _liven(model: Any) -> None:
    """Make a model hear: where tokens begin as zeros, or gains small, its output is constant."""
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1 and not parameter.any():
            parameter.normal_(std=0.1)
        elif "encoder" in name and "conv" in name and parameter.dim() == 3 and _is_codec(model):
            parameter.mul_(4 if isinstance(model, hf.DacModel) else 2)


def _is_codec(model: Any) -> bool:
    return isinstance(model, hf.EncodecModel | hf.DacModel | hf.MimiModel | hf.XcodecModel)
