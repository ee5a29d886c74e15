"""Checkpoints of tiny models, each saved once where a test asks for it; no network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.needs import require

from mirbench.benchmark.registry import parse_representation


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give a function from a name in `tiny_models` to the folder of its checkpoint."""
    require("transformers")
    from helpers.tiny_models import save_model

    root, made = tmp_path_factory.mktemp("tiny"), {}

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = save_model(name, root / name)
        return made[name]

    return folder


@pytest.fixture
def open_model(saved: Callable[[str], Path]) -> Callable[..., Any]:
    """Give a function from a name and parameters to the loaded representation."""

    def load(name: str, **params: object) -> Any:
        text = "&".join(f"{key}={value}" for key, value in params.items())
        return parse_representation(f"hf:{saved(name)}{'?' * bool(text)}{text}").load()

    return load


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
