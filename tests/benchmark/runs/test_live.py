"""Model objects in the place of names: their rows are marked, and nothing of them is kept."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers.live_models import Batched, Layered, Spectrum

from mirbench.benchmark.api import DataError, PluginError, UsageError
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.worker import loaded_model, spec_of
from mirbench.benchmark.evaluation.places import default_out
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.contents import cached_files
from mirbench.benchmark.protocol import CASTELLON2021
from mirbench.benchmark.registry import parse_representation
from mirbench.benchmark.registry.live import registered
from mirbench.benchmark.runs.commands import embed, probe, run
from mirbench.benchmark.submissions.validation import validate
from mirbench.leaderboard import load_results
from mirbench.leaderboard.rows import read_rows

if TYPE_CHECKING:
    from conftest import TinyPackage

Options = dict[str, Any]


@pytest.fixture
def cache(tiny: TinyPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a new cache folder; variables stay as they are, so that workers are kept."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture
def where(tiny: TinyPackage, cache: Path) -> Options:
    return {"task": "tinytask", "data": tiny.data, "cache": cache}


@pytest.fixture
def options(where: Options, tmp_path: Path) -> Options:
    return where | {"protocol": "knn", "out": tmp_path / "rows"}


def stored(cache: Path) -> list[Path]:
    return [path for path in (cache / "embeddings").rglob("*") if path.is_file()]


@pytest.mark.slow
def test_an_object_gives_what_its_plugin_gives_and_its_row_is_marked(
    options: Options, cache: Path
) -> None:
    (mine,) = run(Spectrum(), name="mine", **options)
    assert not stored(cache)
    (theirs,) = run("tinyrep", **options)
    assert mine.scores == theirs.scores
    assert mine.task == theirs.task  # and with it, the digest of the embeddings
    assert (mine.representation.live, theirs.representation.live) == (True, False)
    assert (mine.representation.name, mine.representation.origin) == ("mine", "live")
    assert '"live": true' in mine.to_json()
    assert "live" not in theirs.to_json()
    assert mine.environment.checked["twice"] == "equal"
    assert mine.environment.checked["in another process"] == "not looked at"
    assert mine.environment.embedded_with["device"] == "cpu"


@pytest.mark.slow
def test_another_state_of_an_object_is_never_taken_for_the_first(
    options: Options, where: Options
) -> None:
    model = Spectrum()
    first = run(model, name="mine", **options)
    model.scale[:] = 0
    model.scale[3] = 1
    second = run(model, name="mine", **options)
    assert first[0].scores != second[0].scores
    assert first[0].representation.fingerprint != second[0].representation.fingerprint
    assert not second.rows[0].found
    # Whatever lies in the store, and whatever the object is called.
    third = run(Spectrum(), name="mine", **options)
    assert third[0].scores == first[0].scores
    assert embed(model, name="mine", **where)["tinytask"].matrix()[:, 0].max() == 0


def test_each_call_embeds_anew_and_the_same_embeddings_are_probed_once(options: Options) -> None:
    model = Spectrum()
    first = run(model, name="mine", **options)
    calls = model.calls
    assert calls >= 150
    second = run(model, name="mine", **options)
    assert model.calls == 2 * calls
    assert [row.found for row in (*first.rows, *second.rows)] == [False, True]
    assert first == second


def test_nothing_of_an_object_is_left(options: Options, cache: Path) -> None:
    class Broken(Spectrum):
        def embed(self, audio: Any, sr: int) -> Any:
            if self.calls == 100:
                raise ValueError("tired")
            return super().embed(audio, sr)

    with pytest.raises(PluginError, match=r"'mine', clip 'clip\d+': embed raised ValueError"):
        run(Broken(), name="mine", **options)
    assert not stored(cache)
    assert loaded_model.cache_info().currsize == spec_of.cache_info().currsize == 0
    with registered(Spectrum(), "mine") as spec:
        assert parse_representation(spec.text) is spec
    with pytest.raises(UsageError, match="there is no representation"):
        parse_representation(spec.text)


def test_what_a_killed_session_leaves_is_told_and_may_go(cache: Path) -> None:
    left = cache / "embeddings" / "live0123456789ab" / "task" / "00000-ab.safetensors"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"")
    (file,) = cached_files(CacheFolder(cache))
    assert (file.kind, file.left_over) == ("live", False)
    os.utime(left, (1e9, 1e9))
    (file,) = cached_files(CacheFolder(cache))
    assert file.left_over


@pytest.mark.slow
def test_embed_returns_what_outlives_the_store(
    options: Options, where: Options, cache: Path
) -> None:
    files = cache.parent / "files"
    found = embed(Layered(), name="mine", out=files, **where)["tinytask"]
    assert not stored(cache)
    assert isinstance(found.embedding, np.ndarray)
    assert found.embedding.shape == (150, 2, 16)
    assert (found.layers, found.task, found.live) == (("bands", "nothing"), "tinytask", True)
    assert (files / "tinytask.npz").is_file()
    row = probe(embeddings=found, name="mine", **options)
    (same,) = run(Layered(), name="mine", **options)
    assert row.result.representation.live
    assert row.result.probe.layer == "bands"
    assert row.scores == same.scores
    assert row.result.environment.checked == same.environment.checked
    outputs = row.predictions.outputs
    assert (outputs.argmax(1) == row.predictions.targets).mean() == row.scores["accuracy"].value


def test_stored_embeddings_can_be_handed_on(options: Options, where: Options) -> None:
    found = embed("tinyrep", **where)["tinytask"]
    row = probe(embeddings=found, name="copy", trained_on="none", **options)
    assert (row.result.representation.origin, row.result.representation.live) == (
        "precomputed",
        False,
    )
    assert row.scores == probe(rep="tinyrep", **options).scores


def test_a_name_whose_row_is_another_s_is_refused_before_anything_is_embedded(
    options: Options, where: Options
) -> None:
    found = embed("tinyrep", **where)["tinytask"]
    probe(embeddings=found, name="copy", trained_on="none", **options)
    model = Spectrum()
    for call in (
        lambda: run(model, name="copy", **options),
        lambda: probe(rep=model, name="copy", **options),
    ):
        with pytest.raises(UsageError, match=r"row of another 'copy' \(origin: precomputed\)"):
            call()
    assert model.calls == 0


@pytest.mark.slow
def test_an_object_is_probed_with_its_fixed_batches(options: Options) -> None:
    row = probe(rep=Batched(), name="mine", **options)
    (same,) = run(Batched(), name="mine", **options)
    assert row.result == same
    assert row.result.representation.live


@pytest.mark.slow
def test_deformed_clips(options: Options, cache: Path) -> None:
    clean, noisy = run(Spectrum(), name="mine", deform="noise10", **options)
    by_name = run("tinyrep", deform="noise10", **options)
    assert noisy.scores == by_name[1].scores
    assert noisy.representation == clean.representation
    assert [path.name for path in (cache / "embeddings").glob("live*")] == []


def test_such_rows_stay_off_the_board(options: Options, tmp_path: Path) -> None:
    folder = tmp_path / "leaderboard" / "results"
    run(Spectrum(), name="mine", **options | {"out": folder})
    (verdict,) = validate([folder])
    assert re.match("representation.live: .* make a plugin file", verdict.errors[0])
    with pytest.raises(DataError, match="is of a model object in Python"):
        read_rows(folder)
    folder.rename(tmp_path / "rows")
    assert len(read_rows(tmp_path / "rows")) == 1  # a page of one's own may have it
    assert list(load_results(tmp_path / "rows")["origin"]) == ["live"]
    (tmp_path / "leaderboard" / "results").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('name = "mirbench"')
    assert default_out(CASTELLON2021, tmp_path) == folder
    assert default_out(CASTELLON2021, tmp_path, live=True) == tmp_path / "mirbench-results"


@pytest.mark.parametrize(
    ("rep", "given", "message"),
    [
        (Spectrum(), {}, "a model object (Spectrum) has no name of its own: say name="),
        (Spectrum, {"name": "mine"}, "Spectrum is a class: make an object of it"),
        (Path("model.py"), {}, "rep is a path; give it as text: 'model.py'"),
        ([Spectrum()], {"name": "mine"}, "give one model object a call"),
        ("mfcc", {"name": "mine"}, "name='mine' is for a model object; 'mfcc' has its name"),
        (Spectrum(), {"name": "mfcc"}, "'mfcc' is the name of a representation"),
        (Spectrum(), {"name": "mfcc:n=2"}, "'mfcc:n=2' is the name of a representation"),
        (Spectrum(), {"name": "my model"}, "name='my model': use up to 100 letters"),
        (Spectrum(), {"name": ""}, "name='': use up to 100 letters"),
        (Spectrum(), {"name": "mine", "part": "1/2"}, "part='1/2' is for representations that"),
        (Spectrum(), {"name": "mine", "clip_timeout": 9.0}, "clip_timeout=9.0 is for"),
        (Spectrum(), {"name": "mine", "gpus": 2}, "gpus=2 is for"),
        (Spectrum(), {"name": "mine", "engine": "ray"}, "engine='ray' is for"),
    ],
)
@pytest.mark.parametrize("function", [run, embed])
def test_what_does_not_go(
    function: Callable[..., object], rep: Any, given: Options, message: str, cache: Path
) -> None:
    with pytest.raises(UsageError) as error:
        function(rep, "tinytask", cache=cache, **given)
    assert message in str(error.value)


def test_an_object_must_keep_the_contract(cache: Path) -> None:
    with pytest.raises(PluginError, match="representation 'mine': sample_rate must be"):
        run(object(), "tinytask", name="mine", cache=cache)  # type: ignore[arg-type]


def test_what_cannot_be_probed(options: Options, where: Options) -> None:
    found = embed(Spectrum(), name="mine", **where)["tinytask"]
    with pytest.raises(UsageError, match="embeddings in memory have no name of their own"):
        probe(embeddings=found, **options)
    with pytest.raises(DataError, match="are of task 'tinytask', not of 'rendered_key'"):
        probe(embeddings=found, name="mine", **options | {"task": "rendered_key"})
    ids = ("a", "b")
    none = Embeddings(ids, np.ones((2, 3), np.float32), np.arange(2), {})
    with pytest.raises(DataError, match="have no clip of task 'tinytask'"):
        probe(embeddings=none, name="mine", **options)
    twice = Embeddings(("clip001",), np.ones((2, 3), np.float32), np.zeros(2, np.int64), {})
    with pytest.raises(DataError, match="several rows of a clip"):
        probe(embeddings=twice, name="mine", **options)
    bad = np.ones((2, 3), np.float32)
    bad[1, 2] = np.nan
    nan = Embeddings(("clip001", "clip002"), bad, np.arange(2), {})
    with pytest.raises(DataError, match="of clip 'clip002' hold NaN or infinity"):
        probe(embeddings=nan, name="mine", **options)
    with pytest.raises(UsageError, match="part='1/2' is for representations that"):
        probe(rep=Spectrum(), name="mine", part="1/2", **options)
