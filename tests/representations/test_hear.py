"""The HEAR adapter: any module with the HEAR 2021 API."""

from __future__ import annotations

import functools
import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from helpers.here import embed_here
from helpers.needs import needs
from helpers.pairs import count_as_looked_at

from mirbench.benchmark import run
from mirbench.benchmark.api import DataError, PluginError, UsageError
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.registry import parse_representation

if TYPE_CHECKING:
    from conftest import TinyPackage

MODULE = """
    import torch

    class Power(torch.nn.Module):
        sample_rate = 8000
        scene_embedding_size = 3

        def __init__(self, path):
            super().__init__()
            self.factor = float(open(path).read()) if path else 1.0
            self.dropout = torch.nn.Dropout(0.9)

    def load_model(model_file_path: str = "") -> Power:
        return Power(model_file_path)

    def get_scene_embeddings(audio, model):
        assert audio.dtype == torch.float32 and audio.ndim == 2
        assert not torch.is_grad_enabled()
        power = (audio**2).mean(dim=1)
        first = audio[:, 0]
        length = torch.full_like(power, audio.shape[1])
        return model.dropout(model.factor * torch.stack([power, first, length], dim=1))
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module in a package of its own, which imports nothing until it is asked to."""
    name = f"hear_{tmp_path.name}"
    package = tmp_path / "site" / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "power.py").write_text(textwrap.dedent(MODULE))
    (package / "other.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.syspath_prepend(tmp_path / "site")
    return f"{name}.power"


def test_clips_of_any_length(module: str) -> None:
    model = parse_representation(f"hear:{module}").load()
    assert (model.sample_rate, model.dims) == (8000, 3)
    rng = np.random.default_rng(0)
    audios = [rng.normal(0, 0.1, n).astype(np.float32) for n in (100, 800, 100, 7)]
    rows = model.embed_batch(audios, 8000)
    for audio, row in zip(audios, rows, strict=True):
        np.testing.assert_allclose(row, [(audio**2).mean(), audio[0], len(audio)], rtol=1e-6)
        np.testing.assert_array_equal(row, model.embed(audio, 8000))
        assert row.dtype == np.float32


RETURN = "return model.dropout(model.factor * torch.stack([power, first, length], dim=1))"


def returning(module: str, tmp_path: Path, expression: str) -> None:
    """Let the module return an expression of ``rows``, the tensor that it returned before."""
    path = tmp_path / "site" / Path(*module.split(".")).with_suffix(".py")
    text = path.read_text()
    assert RETURN in text
    rows = "import numpy as np; rows = torch.stack([power, first, length], dim=1)"
    path.write_text(text.replace(RETURN, f"{rows}; return {expression}"))


@pytest.mark.parametrize(
    "expression",
    [
        "rows.numpy()",
        "rows.double().numpy()",
        "rows.half()",
        "rows.tolist()",
        "tuple(map(tuple, rows.tolist()))",
        "list(rows)",
        "list(rows.numpy())",
        "rows.requires_grad_()",
        "np.asfortranarray(rows.numpy())",
        "rows.numpy()[:, ::-1][:, ::-1]",
    ],
)
def test_tensors_arrays_and_lists_are_taken(module: str, tmp_path: Path, expression: str) -> None:
    returning(module, tmp_path, expression)
    model = parse_representation(f"hear:{module}").load()
    audios = [np.full(n, 0.5, np.float32) for n in (8, 800, 8)]
    rows = model.embed_batch(audios, 8000)
    for audio, row in zip(audios, rows, strict=True):
        np.testing.assert_array_equal(row, [0.25, 0.5, len(audio)])
        assert type(row) is np.ndarray
        assert row.dtype == np.float32


def test_whole_numbers_are_taken(module: str, tmp_path: Path) -> None:
    returning(module, tmp_path, "[[1, 2, 3]] * len(rows)")
    row = parse_representation(f"hear:{module}").load().embed(np.ones(8, np.float32), 8000)
    assert (row.tolist(), row.dtype) == ([1, 2, 3], np.float32)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("None", "returned NoneType, where a tensor, an array or rows of numbers, all of 3"),
        ("{'scene': rows}", "returned dict, where"),
        ("[[1.0, 2.0, 3.0], [1.0]]", "returned list, where"),
        ("[['a', 'b', 'c']]", "returned list, where"),
        ("np.array([[1j, 2, 3]])", "returned ndarray, where"),
        ("np.array([[True, False, True]])", "returned ndarray, where"),
        ("rows[None]", "returned shape [1, 1, 3], where"),
        ("rows.tolist() * 2", "returned shape [2, 3], where"),
        ("rows.numpy()[:, :2]", "returned shape [1, 2], where"),
        ("[]", "returned shape [0], where"),
    ],
)
def test_what_is_no_embedding_is_refused(
    module: str, tmp_path: Path, expression: str, message: str
) -> None:
    returning(module, tmp_path, expression)
    model = parse_representation(f"hear:{module}").load()
    with pytest.raises(PluginError) as caught:
        model.embed(np.ones(8, np.float32), 8000)
    assert f"{module}: get_scene_embeddings {message}" in str(caught.value)


#: How modules fail that want one clip at a time, and what is said of it.
ONE_AT_A_TIME = {
    "rows[0]": "returned shape [3], where clips and scene_embedding_size make [2, 3]",
    "rows[0].numpy()": "returned shape [3]",
    "rows[0].tolist()": "returned shape [3]",
    "rows[:1]": "returned shape [1, 3]",
    "rows.mean(dim=0)": "returned shape [3]",
    "rows.squeeze(0) if len(rows) == 1 else rows.T": "returned shape [3, 2]",
    "rows if len(rows) == 1 else 1 / 0": "of 2 at once: ZeroDivisionError",
    "rows.view(3)": "of 2 at once: RuntimeError",
}


@pytest.mark.parametrize("expression", ONE_AT_A_TIME)
def test_a_module_that_wants_one_clip_at_a_time_gets_one(
    module: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, expression: str
) -> None:
    returning(module, tmp_path, expression)
    model = parse_representation(f"hear:{module}").load()
    audios = [np.full(n, value, np.float32) for n, value in ((8, 0.5), (800, 0.5), (8, 1.0))]
    wanted = [[0.25, 0.5, 8], [0.25, 0.5, 800], [1, 1, 8]]
    assert model.made_with == {}
    for _ in range(2):
        np.testing.assert_array_equal(model.embed_batch(audios, 8000), wanted)
        np.testing.assert_array_equal([model.embed(audio, 8000) for audio in audios], wanted)
    (said,) = [record.getMessage() for record in caplog.records]  # once
    assert said.startswith(f"hear:{module} takes one clip at a time (of 2 at once: ")
    assert ONE_AT_A_TIME[expression] in said
    assert model.made_with == {"batch": "1"}
    caplog.clear()
    model = parse_representation(f"hear:{module}?batch=1").load()
    np.testing.assert_array_equal(model.embed_batch(audios, 8000), wanted)
    assert not caplog.records
    model = parse_representation(f"hear:{module}?batch=2").load()
    np.testing.assert_array_equal(model.embed_batch(audios * 3, 8000), wanted * 3)


def test_no_more_clips_than_asked_for_go_together(module: str, tmp_path: Path) -> None:
    returning(module, tmp_path, "np.tile(float(len(rows)), (len(rows), 3))")
    audios = [np.full(8, 0.5, np.float32)] * 5
    for batch, sizes in ((2, [2, 2, 2, 2, 1]), (1, [1] * 5), (64, [5] * 5)):
        model = parse_representation(f"hear:{module}?batch={batch}").load()
        assert [row[0] for row in model.embed_batch(audios, 8000)] == sizes
    with pytest.raises(UsageError, match="batch must be 1 or more, is 0"):
        parse_representation(f"hear:{module}?batch=0").load()


def test_what_fails_by_itself_too_is_no_matter_of_batches(
    module: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    returning(module, tmp_path, "1 / 0")
    model = parse_representation(f"hear:{module}").load()
    with pytest.raises(ZeroDivisionError):
        model.embed_batch([np.ones(8, np.float32)] * 2, 8000)
    returning_memory = "rows if len(rows) == 1 else (_ for _ in ()).throw(MemoryError())"
    path = tmp_path / "site" / Path(*module.split(".")).with_suffix(".py")
    path.write_text(path.read_text().replace("return 1 / 0", f"return {returning_memory}"))
    model = parse_representation(f"hear:{module}").load()
    with pytest.raises(MemoryError):  # which the harness takes for what it is
        model.embed_batch([np.ones(8, np.float32)] * 2, 8000)
    assert (model.made_with, caplog.records) == ({}, [])


@pytest.mark.parametrize("home", [False, True])
def test_weights_are_given_to_the_module_and_fingerprinted(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: bool
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    weights = tmp_path / "weights.txt"
    prints = set()
    for factor in (2.0, 3.0):
        weights.write_text(str(factor))
        # No shell replaces ~ in the middle of a word.
        spec = parse_representation(f"hear:{module}?weights={'~/weights.txt' if home else weights}")
        assert spec.load().embed(np.ones(10, np.float32), 8000)[0] == factor
        assert spec.label == f"hear:{module},weights=weights.txt-{spec.files['weights'][:8]}"
        prints.add(spec.fingerprint())
    assert len(prints) == 2
    with pytest.raises(DataError, match=f"hear:{module}: there are no weights absent.pt"):
        parse_representation(f"hear:{module}?weights=absent.pt").load()


def test_the_fingerprint_covers_the_whole_package(module: str, tmp_path: Path) -> None:
    package = tmp_path / "site" / module.partition(".")[0]
    other = module.replace(".power", ".other")

    def fingerprints() -> tuple[str, str]:
        return tuple(parse_representation(f"hear:{m}").fingerprint() for m in (module, other))  # type: ignore[return-value]

    seen = set(fingerprints())
    for name in ("__init__.py", "filters.npy"):
        (package / name).write_text("x = 1\n")
        seen |= set(fingerprints())
    assert len(seen) == 6
    (package / "__pycache__").mkdir(exist_ok=True)
    (package / "__pycache__" / "more.pyc").write_text("")
    assert set(fingerprints()) <= seen


def test_an_edited_module_is_run_as_it_is_now(module: str, tmp_path: Path) -> None:
    audio = np.ones(10, np.float32)
    assert parse_representation(f"hear:{module}").load().embed(audio, 8000)[0] == 1
    path = tmp_path / "site" / Path(*module.split(".")).with_suffix(".py")
    path.write_text(path.read_text().replace("model.factor *", "5 * model.factor *"))
    assert parse_representation(f"hear:{module}").load().embed(audio, 8000)[0] == 5


def test_a_path_that_the_module_wants_is_given_empty(module: str, tmp_path: Path) -> None:
    path = tmp_path / "site" / Path(*module.split(".")).with_suffix(".py")
    path.write_text(path.read_text().replace('model_file_path: str = ""', "path"))
    path.write_text(path.read_text().replace("(model_file_path)", "(path)"))
    assert parse_representation(f"hear:{module}").load().dims == 3


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (
            "surely_absent.naive",
            PluginError,
            "no module 'surely_absent' is installed here; install the package it is in",
        ),
        ("json.absent", PluginError, "'json' is installed but has no module 'json.absent'"),
        ("json", PluginError, "hear:json has no function load_model, so it is no HEAR module"),
        ("./naive.py", UsageError, "name an installed module, such as hear:hearbaseline.naive"),
    ],
)
def test_targets_that_are_no_hear_module(target: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        parse_representation(f"hear:{target}").load()
    assert str(caught.value).startswith(f"hear:{target}")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("import torch", "import surely_absent", "cannot be imported: ModuleNotFoundError"),
        ("sample_rate = 8000", "rate = 8000", "its model has no whole number sample_rate"),
        ("def get_scene_embeddings", "def get_scenes", "has no function get_scene_embeddings"),
        (
            "_size = 3",
            "_size = 4",
            "returned shape [1, 3], where clips and scene_embedding_size make [1, 4]",
        ),
    ],
)
def test_broken_modules(module: str, tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "site" / Path(*module.split(".")).with_suffix(".py")
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(PluginError) as caught:
        parse_representation(f"hear:{module}").load().embed(np.ones(10, np.float32), 8000)
    assert message in str(caught.value)


@pytest.mark.slow
def test_a_run_on_the_command_line(tiny: TinyPackage, module: str, tmp_path: Path) -> None:
    path = f"{tmp_path / 'site'}:{tiny.env['PYTHONPATH']}"
    arguments = ["--task", "tinytask", "--protocol", "quick", "--jobs", "2"]
    arguments += ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    done = tiny.mirbench("run", "--rep", f"hear:{module}", *arguments, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    row = json.loads(
        (tmp_path / "out" / f"hear+{module}" / "tinytask.paper.quick.json").read_text()
    )
    assert row["representation"]["name"] == f"hear:{module}"
    assert row["representation"]["dims"] == 3
    absent = tiny.mirbench("run", "--rep", "hear:surely_absent", *arguments)
    assert absent.returncode == 1
    assert absent.stderr.startswith("mirbench: hear:surely_absent: no module 'surely_absent'")
    assert "Traceback" not in absent.stderr


@pytest.mark.slow
@needs("hearbaseline")
def test_the_baseline_of_hear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import librosa

    new = librosa.filters.mel

    @functools.wraps(new)
    def mel(sr: int, **options: object) -> np.ndarray:
        return new(sr=sr, **options)  # hearbaseline passes it by position, as one once could

    monkeypatch.setattr(librosa.filters, "mel", mel)
    embed_here(monkeypatch)
    spec = parse_representation("hear:hearbaseline.naive", tmp_path / "cache")
    # Another process would have librosa as it is.
    count_as_looked_at(Store(tmp_path / "cache"), spec)
    (row,) = run(
        "hear:hearbaseline.naive",
        "rendered_instruments",
        protocol="quick",
        jobs=1,
        out=tmp_path / "out",
        cache=tmp_path / "cache",
    )
    assert row.representation.dims == 4096
    assert row.environment.embedded_with["hearbaseline"] == "2021.1.1"
    assert (tmp_path / "out" / "hear+hearbaseline.naive").is_dir()
    # A random projection of a mel spectrum knows something of which instruments play.
    assert row.scores["roc_auc"].value > 0.6
