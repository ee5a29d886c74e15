"""What is known of published models, and that a run says it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mirbench.benchmark.registry import parse_representation
from mirbench.benchmark.registry.known_troubles import TROUBLES, known_troubles


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[str], str]:
    """Make a folder of a model of that name, and name it."""

    def make(name: str) -> str:
        path = tmp_path / name
        path.mkdir(parents=True)
        (path / "config.json").write_text("{}")
        return str(path)

    return make


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("larger_clap_music", "", "25.8 % on GTZAN (results of the Massive Text Embedding"),
        ("larger_clap_music", "?chunk=10", "take laion/larger_clap_music_and_speech"),
        ("larger_clap_music_and_speech", "", None),
        ("MERT-v1-330M", "?trust_remote_code=true", "its page names 4.38); leave trust_remote"),
        ("MERT-v1-95M", "?layer=7", None),
        ("MERT-v1-95M", "?trust_remote_code=false", None),
    ],
)
def test_a_model_is_known_by_its_name(
    folder: Callable[[str], str], name: str, parameters: str, words: str | None
) -> None:
    found = known_troubles(parse_representation(f"hf:{folder(name)}{parameters}"))
    assert len(found) == (words is not None)
    if words is not None:
        assert words in str(found[0])


def test_others_are_not() -> None:
    assert known_troubles(parse_representation("mfcc")) == []
    assert known_troubles(parse_representation("hear:larger_clap_music")) == []


def test_every_entry_has_its_source() -> None:
    for trouble in TROUBLES:
        assert trouble.source
        assert trouble.instead
        assert trouble.targets
