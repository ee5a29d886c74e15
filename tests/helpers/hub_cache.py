"""A Hugging Face cache with tiny models in it, as the hub's client would have left it."""

from __future__ import annotations

import shutil
from pathlib import Path

#: Which tiny model (`helpers.tiny_models`) stands in for the default checkpoint of a name.
STANDS_IN = {
    "ast": ("ast-classifier", "MIT/ast-finetuned-audioset-10-10-0.4593"),
    "clap": ("clap", "laion/larger_clap_general"),
    "dac": ("dac", "descript/dac_44khz"),
    "data2vec": ("data2vec", "facebook/data2vec-audio-base"),
    "encodec": ("encodec-24", "facebook/encodec_24khz"),
    "hubert": ("hubert", "facebook/hubert-base-ls960"),
    "mert": ("mert", "m-a-p/MERT-v1-95M"),
    "mimi": ("mimi", "kyutai/mimi"),
    "w2v_bert": ("w2v-bert", "facebook/w2v-bert-2.0"),
    "wav2vec2": ("wav2vec2", "facebook/wav2vec2-base"),
    "wavlm": ("wavlm", "microsoft/wavlm-base-plus"),
    "whisper": ("whisper-whole", "openai/whisper-base"),
    "xcodec": ("xcodec", "hf-audio/xcodec-hubert-general"),
}


def put_in_cache(folder: Path, cache: Path, repository: str) -> Path:
    """Put a copy of a model's folder into a cache; its place there is returned."""
    place = cache / f"models--{repository.replace('/', '--')}"
    shutil.copytree(folder, place / "snapshots" / "abc")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    return place / "snapshots" / "abc"


def stand_in(name: str, cache: Path) -> Path:
    """Put the tiny model of a name into a cache, unless it is there; its place is returned."""
    from helpers.tiny_models import save_model

    model, repository = STANDS_IN[name]
    there = cache / f"models--{repository.replace('/', '--')}" / "snapshots" / "abc"
    if there.is_dir():
        return there
    return put_in_cache(save_model(model, cache / "made" / name), cache, repository)
