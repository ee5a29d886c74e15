"""What a look finds by synthetic clips: models that hear nothing, or not the end, or change."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from helpers.here import embed_here
from helpers.pairs import pair_of

from mirbench.benchmark.api import PluginError
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.embedding import listening, look, verdicts
from mirbench.benchmark.embedding.compute import embed_task
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.sounds import chords, like_noise
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.embedding.verdicts import Verdict, what_was_found
from mirbench.benchmark.registry import load_task, parse_representation
from mirbench.benchmark.registry.known_troubles import TROUBLES

if TYPE_CHECKING:
    from conftest import TinyPackage

HEAD = """
import os, random
import numpy as np
from mirbench.benchmark.api import UnusableClip
CARD = {"title": "Mine", "licence": "MIT", "trained_on": "none", "requires": ["numpy"]}

def spectrum(audio):
    frames = np.pad(audio, (0, -len(audio) % 512)).reshape(-1, 512)
    bands = np.array_split(np.abs(np.fft.rfft(frames)).mean(axis=0), 16)
    return np.log1p([band.mean() for band in bands]).astype(np.float32)

class Model:
    sample_rate, dims = 8000, 16
"""

#: Bodies of embed that break the contract, and what is said of them.
BROKEN = {
    "a random crop of long clips": (
        """
        first = np.random.randint(len(audio) - 80000) if len(audio) > 80000 else 0
        return spectrum(audio[first : first + 80000])
        """,
        "embed gives other numbers for a clip of 65 s at another call",
    ),
    "a random crop that puts the generator back": (
        """
        state = random.getstate()
        first = random.randrange(len(audio) // 2)
        random.setstate(state)
        return spectrum(audio[first : first + len(audio) // 2])
        """,
        "seed what is drawn at random at every call",
    ),
    "dropout left on": (
        """
        import torch
        kept = torch.nn.functional.dropout(torch.from_numpy(spectrum(audio)), 0.1, training=True)
        return kept.numpy()
        """,
        "model.eval()",
    ),
}

#: Bodies of embed that may be meant and may be a fault, and what is said of them.
DOUBTFUL = {
    "truncation at 10 s": (
        "return spectrum(audio[:80000])",
        "whatever is in the last 5 s of a clip of 65 s leaves the embedding as it is",
    ),
    "truncation after normalisation": (
        "return spectrum(((audio - audio.mean()) / (audio.std() + 1e-3))[:80000])",
        "declare max_seconds = N, or heard_seconds = N",
    ),
    "the first moment only": (
        "return spectrum(audio[:512])",
        "whatever is in the last 5 s of a clip of 65 s",
    ),
    "collapse to a constant": (
        "return np.ones(16, np.float32)",
        "embed gives the same numbers for music and for silence",
    ),
    "samples as whole numbers": (
        "return spectrum(audio.astype(np.int16).astype(np.float32))",
        "whether samples lose their size on the way",
    ),
}

#: Bodies of embed that keep the contract, and what is found that is not found of most.
KEEPING = {
    "plain": ("return spectrum(audio)", {}),
    "levels alone": (
        "return np.array([audio.std(), np.abs(audio).max()] * 8, np.float32)",
        {},
    ),
    "a patch that is not full left out": (
        "return spectrum(audio[: len(audio) // 24000 * 24000 or len(audio)])",
        {"end of a long clip": "heard, but for the last 1 s, of 65 s"},
    ),
    "silence refused": (
        """
        if not audio.any():
            raise UnusableClip("it is silent")
        return spectrum(audio)
        """,
        {"silence": "refused"},
    ),
    "not finite for silence": (
        "return spectrum(audio / audio.std() if audio.any() else audio + np.nan)",
        {"silence": "refused"},
    ),
    "long clips refused": (
        """
        if len(audio) > 100_000:
            raise IndexError("position")
        return spectrum(audio)
        """,
        {"end of a long clip": "a clip of 65 s is refused"},
    ),
    "short clips refused": (
        """
        if 8000 < len(audio) < 80_000:
            raise UnusableClip("too short")
        return spectrum(audio)
        """,
        {},
    ),
    "no synthetic clip": (
        """
        if len(audio) > 8000:
            raise UnusableClip("too long")
        return spectrum(audio)
        """,
        {"silence": "not looked at", "end of a long clip": "not looked at"},
    ),
}

Make = Callable[..., Pair]
END = "end of a long clip"


@pytest.fixture
def make(tiny: TinyPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Pair a model with four clips; it is looked at in this process alone."""
    embed_here(monkeypatch)
    monkeypatch.setattr(look, "_elsewhere", lambda trial: [])
    task = load_task("tinytask")
    clips = read_clips(task, tiny.data / "tinytask")[:4]

    def pair(body: str, members: str = "", more: str = "") -> Pair:
        body = textwrap.indent(textwrap.dedent(body).strip(), " " * 8)
        model = f"    {members}\n    def embed(self, audio, sr):\n{body}\n{more}\n"
        load = "def load_model(device='cpu'):\n    return Model()\n"
        (tmp_path / "mine.py").write_text(HEAD + model + load)
        return pair_of(parse_representation(str(tmp_path / "mine.py"), tmp_path), task, clips)

    return pair


def looked_at(pair: Pair, folder: Path) -> dict[str, str]:
    embed_task(pair, EmbeddingSettings(store=Store(folder), jobs=1))
    return what_was_found(Store(folder), pair.fingerprint, ["cpu"])


@pytest.mark.parametrize("what", BROKEN)
def test_a_model_that_does_not_hear_stops(what: str, make: Make, tmp_path: Path) -> None:
    body, words = BROKEN[what]
    with pytest.raises(PluginError) as error:
        looked_at(make(body), tmp_path)
    assert str(error.value).startswith("representation 'mine'")
    assert words in str(error.value)
    assert not list(tmp_path.rglob("*.safetensors"))


@pytest.mark.parametrize("what", DOUBTFUL)
def test_what_is_doubtful_is_said_and_stands_in_the_row(
    what: str, make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body, words = DOUBTFUL[what]
    found = looked_at(make(body), tmp_path)
    said = capsys.readouterr().err
    assert "representation 'mine': " in said
    assert words in said
    silent = "silence" in words or "samples" in words
    wanted = ("silence", "the same") if silent else (END, "not heard: the last 5 s of 65 s")
    assert found[wanted[0]] == wanted[1]


@pytest.mark.parametrize("what", KEEPING)
def test_a_model_that_hears_goes_on(what: str, make: Make, tmp_path: Path) -> None:
    body, others = KEEPING[what]
    assert looked_at(make(body), tmp_path) == {
        "clips": "3 of tinytask",
        "twice": "equal",
        "in another process": "not looked at",
        "silence": "differs",
        "end of a long clip": "heard, of 65 s",
        **others,
    }


@pytest.mark.parametrize("declared", ["max_seconds", "heard_seconds"])
def test_what_is_declared_not_to_be_heard_is_not_looked_for(
    declared: str, make: Make, tmp_path: Path
) -> None:
    body = "return spectrum(audio[:80000])"
    found = looked_at(make(body, f"{declared} = 10"), tmp_path)
    assert found["end of a long clip"] == f"heard, of 10 s ({declared} = 10)"
    found = looked_at(make(body, f"{declared} = 20.0"), tmp_path)
    assert found[END] == f"not heard: the last 5 s of 20 s ({declared} = 20)"
    found = looked_at(make("return spectrum(audio[:800])", f"{declared} = 0.1"), tmp_path)
    assert found["end of a long clip"] == f"not looked at ({declared} = 0.1)"


def test_embeddings_of_a_batch_are_looked_at_in_one(make: Make, tmp_path: Path) -> None:
    batch = """
    def embed_batch(self, audios, sr):
        rows = np.stack([self.embed(audio, sr) for audio in audios])
        return rows - rows.mean(0)
    """
    members = "batch_dependent, batch_size = True, 4"
    found = looked_at(make("return spectrum(audio)", members, batch), tmp_path)
    assert (found["silence"], found["end of a long clip"]) == ("differs", "heard, of 65 s")
    found = looked_at(make("return spectrum(audio[:80000])", members, batch), tmp_path)
    assert found[END] == "not heard: the last 5 s of 65 s"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            "{'missing_keys': {'encoder.b', 'encoder.a'}, 'unexpected_keys': ['model.encoder.a']}",
            "its weights lack 2 tensors of the model, the first 'encoder.a', which are random, "
            "and hold 1 tensor, the first 'model.encoder.a', that it has no place for",
        ),
        (
            "{'missing_keys': [], 'mismatched_keys': [('head', (2, 3), (4, 3))]}",
            "its weights lack 1 tensor of the model, the first 'head', which are random;",
        ),
        ("['encoder.a']", "loading_info must be a dict such as transformers gives"),
        ("{'missing_keys': 'encoder.a'}", "missing_keys of loading_info must be names of tensors"),
    ],
)
def test_weights_that_are_missing_stop(told: str, words: str, make: Make, tmp_path: Path) -> None:
    with pytest.raises(PluginError) as error:
        looked_at(make("return spectrum(audio)", f"loading_info = {told}"), tmp_path)
    assert words in str(error.value)


def test_weights_that_are_not_used_are_noted(make: Make, tmp_path: Path) -> None:
    told = "loading_info = {'missing_keys': [], 'unexpected_keys': ['head.b', 'head.a']}"
    found = looked_at(make("return spectrum(audio)", told), tmp_path)
    assert found["unused weights"] == "2 tensors, the first 'head.a'"


#: Embeds otherwise with another version of a library, which is no part of a fingerprint.
WITH_A_LIBRARY = "return spectrum(audio) * np.float32(os.environ['OF_A_LIBRARY'])"


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, float], None]:
    """Install a version of a library, by which an embedding is multiplied."""

    def install(version: str, factor: float) -> None:
        monkeypatch.setattr(look, "versions_of", lambda spec: {"lib": version, "numpy": "2"})
        monkeypatch.setenv("OF_A_LIBRARY", str(factor))

    return install


def without_shards(folder: Path) -> None:
    for path in folder.rglob("*.safetensors"):
        path.unlink()


def test_a_library_that_changes_a_model_stops_the_run(
    make: Make, tmp_path: Path, library: Callable[[str, float], None]
) -> None:
    pair = make(WITH_A_LIBRARY)
    library("1.0", 1.0)
    looked_at(pair, tmp_path)
    library("2.0", 1.05)
    looked_at(pair, tmp_path)  # all is there already, so nothing is embedded with it
    without_shards(tmp_path)
    for _ in range(2):
        with pytest.raises(PluginError) as error:
            looked_at(pair, tmp_path)
        assert "representation 'mine' embeds a synthetic clip otherwise" in str(error.value)
        assert "they differ by up to 5 %" in str(error.value)
        assert "then with lib 1.0, now with lib 2.0" in str(error.value)
        assert f"mirbench cache prune --rep {pair.fingerprint}" in str(error.value)
    library("1.0", 1.0)
    assert "since lib 1.0" not in looked_at(pair, tmp_path)


def test_rounding_of_another_version_is_noted_and_does_not_add_up(
    make: Make, tmp_path: Path, library: Callable[[str, float], None]
) -> None:
    pair = make(WITH_A_LIBRARY)
    library("1.0", 1.0)
    assert "since lib 1.0" not in looked_at(pair, tmp_path)
    for version, factor in (("1.1", 1.0004), ("1.2", 1.0008)):
        without_shards(tmp_path)
        library(version, factor)
        assert looked_at(pair, tmp_path)["since lib 1.0"].startswith("within ")
    without_shards(tmp_path)
    library("1.3", 1.0012)
    with pytest.raises(PluginError, match=r"then with lib 1\.0, now with lib 1\.3"):
        looked_at(pair, tmp_path)


def test_a_version_that_was_looked_at_is_not_looked_at_again(
    make: Make,
    tmp_path: Path,
    library: Callable[[str, float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = make(WITH_A_LIBRARY)
    looks: list[object] = []
    both = look._look
    monkeypatch.setattr(look, "_look", lambda *work: looks.append(work) or both(*work))
    for version, wanted in (("1.0", 1), ("1.1", 2), ("1.0", 2), ("1.1", 2)):
        without_shards(tmp_path)
        library(version, 1.0)
        looked_at(pair, tmp_path)
        assert len(looks) == wanted


def test_another_embedding_with_the_same_versions_stops(
    make: Make, tmp_path: Path, library: Callable[[str, float], None]
) -> None:
    pair = make(WITH_A_LIBRARY)
    library("1.0", 1.0)
    looked_at(pair, tmp_path)
    without_shards(tmp_path)
    next(tmp_path.rglob("look-cpu.json")).unlink()
    library("1.0", 2.0)
    with pytest.raises(PluginError, match="with the same versions of the packages"):
        looked_at(pair, tmp_path)
    # A damaged one is none.
    (vector,) = tmp_path.rglob("look-cpu.vector")
    vector.write_bytes(vector.read_bytes()[:-1])
    looked_at(pair, tmp_path)
    assert verdicts.read_vector(vector.with_suffix(".json")) is not None


def test_what_is_known_of_a_model_is_said_once_and_noted(
    make: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(look, "known_troubles", lambda spec: TROUBLES[:1])
    look._say_once.cache_clear()
    pair = make("return spectrum(audio)")
    assert looked_at(pair, tmp_path)["known of it"] == str(TROUBLES[0])
    without_shards(tmp_path)
    looked_at(pair, tmp_path)
    assert capsys.readouterr().err.count(f"mine: {TROUBLES[0]}\n") == 1


def test_verdicts_of_an_older_look_are_looked_at_again(make: Make, tmp_path: Path) -> None:
    pair = make("return spectrum(audio)")
    path = verdicts.verdict_file(Store(tmp_path), pair.fingerprint, "cpu")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"version": 1, "found": {"twice": "equal"}}))
    assert looked_at(pair, tmp_path)["silence"] == "differs"
    verdict = verdicts.read_verdict(path)
    assert isinstance(verdict, Verdict)
    assert verdict.versions == (verdicts.versions_of(pair.spec),)


def test_slow_models_get_a_shorter_clip(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(100_000))

    class Slow:
        """A clock that runs on by half a second for each second of the short clip."""

        @staticmethod
        def perf_counter() -> float:
            return next(clock) * 2.5

    monkeypatch.setattr(listening, "time", Slow)
    found = looked_at(make("return spectrum(audio)"), tmp_path)
    assert found["end of a long clip"] == "heard, of 32 s"
    monkeypatch.setattr(listening, "AFFORDABLE", 1.0)
    found = looked_at(make("return 2 * spectrum(audio)"), tmp_path)
    assert found["end of a long clip"] == "not looked at"


def test_versions_are_those_that_the_card_requires(make: Make) -> None:
    spec = make("return spectrum(audio)").spec
    assert verdicts.versions_of(spec) == {"numpy": np.__version__}
    module = spec.plugin.source
    assert module is not None
    text = module.path.read_text().replace('["numpy"]', '["sklearn", "surely_absent.part"]')
    module.path.write_text(text)
    found = verdicts.versions_of(parse_representation(str(module.path)))
    assert found.keys() == {"numpy", "scikit-learn"}


def test_synthetic_clips_are_what_they_were() -> None:
    audio = chords(2.5, 1000)
    assert (audio.dtype, audio.shape) == (np.float32, (2500,))
    np.testing.assert_allclose(audio[[0, 1, 499, 500, 2499]], EXPECTED, rtol=1e-5, atol=1e-7)
    assert np.abs(audio).argmax() < 500
    noise = like_noise(audio[-1000:])
    assert noise.mean() == pytest.approx(audio[-1000:].mean(), abs=1e-6)
    assert noise.std() == pytest.approx(audio[-1000:].std(), rel=1e-5)
    assert np.abs(noise).max() < np.abs(audio).max()


EXPECTED = [0.00097627, 0.20115729, 0.25428745, 0.0551078, -0.13105696]
