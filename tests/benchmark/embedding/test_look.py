"""The look before a run: what breaks the contract stops it, what rounds does not."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from helpers.here import embed_here
from helpers.pairs import pair_of

from mirbench.benchmark.api import Clip, PluginError, Task
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.embedding import look, room, trial
from mirbench.benchmark.embedding.compute import embed_task
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.embedding.verdicts import LOOK_VERSION, what_was_found
from mirbench.benchmark.machine import workers
from mirbench.benchmark.registry import load_task, parse_representation

if TYPE_CHECKING:
    from conftest import TinyPackage

SOUND = """
    def embed(self, audio, sr):
        return spectrum(audio)
"""

#: Methods of models that break the contract, and what is said of them.
BROKEN = {
    "random": (
        """
    def embed(self, audio, sr):
        return np.random.normal(size=16).astype(np.float32)
""",
        "embed gives other numbers for the same clip at another call",
    ),
    "dropout left on": (
        """
    def embed(self, audio, sr):
        return spectrum(audio) * (np.random.random(16) > 0.1).astype(np.float32)
""",
        "model.eval()",
    ),
    "count of calls": (
        """
    count = 0

    def embed(self, audio, sr):
        self.count += 1
        return spectrum(audio) * np.float32(1 + 0.01 * self.count)
""",
        "keep nothing from one call to the next",
    ),
    "time": (
        """
    def embed(self, audio, sr):
        import time
        return spectrum(audio) + np.float32(1000 * time.perf_counter() % 7)
""",
        "embed gives other numbers for the same clip at another call",
    ),
    "the clip before": (
        """
    before = np.zeros(16, np.float32)

    def embed(self, audio, sr):
        mine = spectrum(audio)
        mixed, self.before = mine + self.before, mine
        return mixed
""",
        "keep nothing from one call to the next",
    ),
    "order of the batch": (
        SOUND
        + """
    def embed_batch(self, audios, sr):
        return np.stack([spectrum(audio) for audio in audios[::-1]])
""",
        "embed_batch gives other numbers than embed",
    ),
    "padding": (
        """
    def embed(self, audio, sr):
        return self.embed_batch([audio], sr)[0]

    def embed_batch(self, audios, sr):
        longest = max(map(len, audios))
        padded = [np.pad(audio, (0, longest - len(audio))) for audio in audios]
        return np.stack([spectrum(audio, longest) for audio in padded])
""",
        "shortened",
    ),
    "batch normalisation in training": (
        """
    def embed(self, audio, sr):
        return self.embed_batch([audio], sr)[0]

    def embed_batch(self, audios, sr):
        rows = np.stack([spectrum(audio) for audio in audios])
        return rows - rows.mean() + 1
""",
        "declare batch_dependent = True and a batch_size",
    ),
    "a batch by chance": (
        """
    batch_dependent, batch_size = True, 32
"""
        + SOUND
        + """
    def embed_batch(self, audios, sr):
        rows = np.stack([spectrum(audio) for audio in audios])
        return rows + np.random.random(16).astype(np.float32)
""",
        "embed_batch gives other numbers for the same batch",
    ),
    "hash": (
        """
    def embed(self, audio, sr):
        return spectrum(audio) + np.float32(hash("a name") % 1000 / 1000)
""",
        "another process gives other numbers for the same clip",
    ),
    "weights by chance": (
        """
    def __init__(self):
        self.weights = np.random.random((16, 16)).astype(np.float32)

    def embed(self, audio, sr):
        return spectrum(audio) @ self.weights
""",
        "Seed what load_model draws at random",
    ),
}

#: Those that may show in two processes only.
BY_PROCESS = ("hash", "weights by chance")

#: Methods of models that keep the contract, and what is found of a batch.
KEEPING = {
    "plain": (SOUND, None),
    "a seed of its own": (
        """
    def embed(self, audio, sr):
        return spectrum(audio) + np.random.default_rng(0).random(16).astype(np.float32)
""",
        None,
    ),
    "audio changed in place": (
        """
    def embed(self, audio, sr):
        audio *= 2
        return spectrum(audio)
""",
        None,
    ),
    "rounding": (
        SOUND
        + """
    def embed_batch(self, audios, sr):
        return np.stack([spectrum(audio) * np.float32(1 + 3e-7) for audio in audios])
""",
        "within",
    ),
    "one length only": (
        SOUND
        + """
    def embed_batch(self, audios, sr):
        return np.stack([spectrum(audio) for audio in np.stack(audios)])
""",
        "equal",
    ),
    "short clips refused": (
        """
    def embed(self, audio, sr):
        if len(audio) < 1600:
            raise UnusableClip("too short")
        return spectrum(audio)

    def embed_batch(self, audios, sr):
        return np.stack([self.embed(audio, sr) for audio in audios])
""",
        "equal",
    ),
    "a batch as declared": (
        """
    batch_dependent, batch_size = True, 32
"""
        + SOUND
        + """
    def embed_batch(self, audios, sr):
        rows = np.stack([spectrum(audio) for audio in audios])
        return rows - rows.mean(0)
""",
        None,
    ),
}

HEAD = """
import numpy as np
from mirbench.benchmark.api import UnusableClip
CARD = {"title": "Mine", "licence": "MIT", "trained_on": "none", "requires": ["numpy"]}

def spectrum(audio, length=0):
    frames = np.pad(audio, (0, -len(audio) % 512)).reshape(-1, 512)
    bands = np.array_split(np.abs(np.fft.rfft(frames)).mean(axis=0), 16)
    return np.log1p([band.mean() for band in bands]).astype(np.float32) + np.float32(length / 1000)

class Model:
    sample_rate, dims = 8000, 16
"""


@pytest.fixture
def pair(tiny: TinyPackage, tmp_path: Path) -> Callable[[str], Pair]:
    """Pair a model of these methods with eight clips."""
    task = load_task("tinytask")
    clips = read_clips(task, tiny.data / "tinytask")[:8]

    def make(methods: str) -> Pair:
        rest = "def load_model(device='cpu'):\n    return Model()\n"
        (tmp_path / "mine.py").write_text(HEAD + methods + rest)
        return pair_of(parse_representation(str(tmp_path / "mine.py")), task, clips)

    return make


def found(made: Pair, store: Store) -> dict[str, str]:
    return what_was_found(store, made.fingerprint, ["cpu"])


@pytest.mark.parametrize("what", BROKEN)
def test_a_model_that_breaks_the_contract_stops(
    what: str, pair: Callable[[str], Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)  # tox gives all processes the same
    workers._KEPT.end()  # those that are kept have it still
    methods, words = BROKEN[what]
    made, store = pair(methods), Store(tmp_path / "cache")
    for jobs in (1, 2) if what in ("random", *BY_PROCESS) else (1,):
        with pytest.raises(PluginError) as error:
            embed_task(made, EmbeddingSettings(store=store, jobs=jobs))
        assert str(error.value).startswith("representation 'mine', clip 'clip00")
        assert words in str(error.value)
        assert "(they differ by up to " in str(error.value)
    assert not found(made, store)
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


@pytest.mark.parametrize("what", KEEPING)
def test_a_model_that_keeps_it_goes_on(
    what: str, pair: Callable[[str], Pair], tmp_path: Path
) -> None:
    methods, in_batch = KEEPING[what]
    made, store = pair(methods), Store(tmp_path / "cache")
    embeddings = embed_task(made, EmbeddingSettings(store=store, jobs=1))
    assert (embeddings.computed, embeddings.missing) == (8, {})
    checked = found(made, store)
    batch = checked.pop("in a batch", None)
    assert (batch is None) == (in_batch is None)
    assert batch is None or batch.startswith(str(in_batch))
    assert checked == {
        "clips": "3 of tinytask",
        "twice": "equal",
        "in another process": "equal",
        "silence": "differs",
        "end of a long clip": "heard, of 65 s",
    }


def test_it_is_remembered_and_needs_work_to_do(
    pair: Callable[[str], Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Any] = []
    both = look._look
    monkeypatch.setattr(look, "_look", lambda *work: looks.append(work) or both(*work))
    made, store = pair(SOUND), Store(tmp_path / "cache")
    settings = EmbeddingSettings(store=store, jobs=1)
    embed_task(made, settings)
    assert len(looks) == 1
    next((tmp_path / "cache").rglob("*.safetensors")).unlink()
    assert embed_task(made, settings).computed == 8
    assert len(looks) == 1  # remembered
    (remembered,) = (tmp_path / "cache").rglob("look-cpu.json")
    remembered.write_text("{")
    assert embed_task(made, settings).computed == 0
    assert len(looks) == 1  # nothing to embed
    next((tmp_path / "cache").rglob("*.safetensors")).unlink()
    embed_task(made, settings)
    assert len(looks) == 2  # a damaged note is none
    assert json.loads(remembered.read_text())["version"] == LOOK_VERSION


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    embed_here(monkeypatch)


@pytest.mark.usefixtures("here")
def test_a_slow_model_is_looked_at_less(
    pair: Callable[[str], Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = pair(SOUND + KEEPING["rounding"][0])
    monkeypatch.setattr(trial, "SLOW", 0.0)
    store = Store(tmp_path / "slow")
    embed_task(made, EmbeddingSettings(store=store, jobs=1))
    assert found(made, store)["clips"] == "1 of tinytask"
    assert found(made, store)["in a batch"].startswith("within")
    monkeypatch.setattr(trial, "VERY_SLOW", 0.0)
    monkeypatch.setattr(look, "TOO_SLOW", 0.0)
    store = Store(tmp_path / "very slow")
    embed_task(made, EmbeddingSettings(store=store, jobs=1))
    assert found(made, store) == {
        "clips": "1 of tinytask",
        "twice": "equal",
        "in another process": "not looked at",
        "silence": "not looked at",
        "end of a long clip": "not looked at",
    }


@pytest.mark.usefixtures("here")
def test_a_model_that_fills_the_memory_is_not_loaded_twice(
    pair: Callable[[str], Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, store = pair(SOUND), Store(tmp_path / "cache")
    monkeypatch.setattr(room, "free_main_memory", lambda: room.peak_memory() + 2**29)
    embed_task(made, EmbeddingSettings(store=store, jobs=1))
    assert found(made, store)["in another process"] == "not looked at"


@pytest.mark.usefixtures("here")
def test_a_slow_random_model_stops_too(
    pair: Callable[[str], Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "SLOW", 0.0)
    with pytest.raises(PluginError, match="at another call"):
        embed_task(
            pair(BROKEN["random"][0]), EmbeddingSettings(store=Store(tmp_path / "c"), jobs=1)
        )


def test_clips_of_the_shortest_task_are_taken(
    pair: Callable[[str], Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, store = pair(SOUND), Store(tmp_path / "cache")
    short = tmp_path / "short.wav"
    soundfile.write(short, np.random.default_rng(0).normal(0, 0.1, 800), 8000)
    clips = [Clip(f"s{n}", short, "low", f"g{n}") for n in range(4)]
    task = Task(**{**{n: getattr(made.task, n) for n in Task.__slots__}, "name": "shorttask"})
    other = pair_of(made.spec, task, clips).data
    embed_task(Pair(made.spec, made.data, (other,)), EmbeddingSettings(store=store, jobs=1))
    assert found(made, store)["clips"] == "3 of shorttask"


def test_unusable_clips_are_passed_over(pair: Callable[[str], Pair], tmp_path: Path) -> None:
    made, store = pair(SOUND), Store(tmp_path / "cache")
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    absent = [Clip(f"a{n}", tmp_path / "absent.wav", "low", "g") for n in range(3)]
    clips = [*absent, Clip("b", broken, "low", "g"), *made.data.clips[:2]]
    some = pair_of(made.spec, made.task, clips)
    assert len(embed_task(some, EmbeddingSettings(store=store, jobs=1)).missing) == 4
    assert found(made, store)["clips"] == "2 of tinytask"
    none, store = pair_of(made.spec, made.task, clips[:4]), Store(tmp_path / "none")
    assert len(embed_task(none, EmbeddingSettings(store=store, jobs=1)).missing) == 4
    assert not found(made, store)


@pytest.mark.slow
def test_the_row_says_what_was_found(
    tiny: TinyPackage, main: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        HEAD + KEEPING["rounding"][0] + "def load_model(device='cpu'):\n    return Model()\n"
    )
    common = ("--rep", "./mine.py", "--task", tiny.task, "--protocol", "quick", "--out", "out")
    status, _, err = main("run", *common, "--jobs", 1)
    assert status == 0, err
    (path,) = (tmp_path / "out").rglob("tinytask.paper.quick.json")
    checked = json.loads(path.read_text())["environment"]["checked"]
    assert checked["twice"] == checked["in another process"] == "equal"
    assert checked["in a batch"].startswith("within ")
    assert checked["clips"] == "3 of tinytask"
    # What a run says of a model that is not sound.
    (tmp_path / "dice.py").write_text(
        HEAD + BROKEN["random"][0] + "def load_model(device='cpu'):\n    return Model()\n"
    )
    status, _, err = main("run", "--rep", "./dice.py", *common[2:], "--jobs", 1)
    assert status == 1
    assert "Traceback" not in err
    assert textwrap.shorten(err, 2000).count("at another call") == 1
    assert not list((tmp_path / "out").rglob("dice*"))
