"""What is slow in a new environment is said before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.pairs import embed_clips_of

from mirbench.benchmark.api import Clip
from mirbench.benchmark.embedding import compute, first_use
from mirbench.benchmark.registry import load_task, parse_representation


def test_librosa_is_announced_before_anything_is_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(first_use, "librosa_is_compiled", lambda: False)
    monkeypatch.setattr(compute, "look_before", stop)
    clip = Clip("blues.00000", tmp_path / "a.wav", "blues", "a")
    with pytest.raises(KeyboardInterrupt):
        embed_clips_of(parse_representation("chroma"), load_task("gtzan"), [clip], tmp_path)
    assert "librosa compiles its functions on first use" in capsys.readouterr().err
