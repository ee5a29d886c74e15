"""Names for models of the hub: each is what ``hf:`` makes of the same folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers.hub_cache import STANDS_IN, put_in_cache
from helpers.needs import needs

from mirbench.benchmark.api import DataError, MissingWeights, UsageError
from mirbench.benchmark.plugins.finding import find_plugin
from mirbench.benchmark.registry import parse_representation
from mirbench.benchmark.runs.listing import list_representations
from mirbench.leaderboard.overlap import OVERLAPS, overlaps

if TYPE_CHECKING:
    from conftest import TinyPackage

pytestmark = needs("transformers")

Saved = Callable[[str], Path]


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return tmp_path / "hub"


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


def layered(name: str) -> bool:
    return name not in ("clap", "dac", "encodec", "mimi", "xcodec")


def ways(name: str) -> dict[str, str]:
    """Ask a name, and ``hf:``, for the same; the tiny models have three blocks."""
    if name == "clap":
        return {"": "layer=mean", "layer=projected": "layer=projected", "chunk=1": "chunk=1"}
    if not layered(name):
        return {"": "", "pool=mean_std,chunk=1": "pool=mean_std&chunk=1"}
    usual = "layer=pooled" if name == "ast" else "layer=1"
    return {
        "": usual,
        "layers=all": "layer=all",
        "layer=2,pool=mean_std,chunk=0.5": "layer=2&pool=mean_std&chunk=0.5",
    }


@pytest.mark.parametrize("name", STANDS_IN)
def test_a_name_is_what_hf_makes_of_the_same_folder(saved: Saved, hub: Path, name: str) -> None:
    model, repository = STANDS_IN[name]
    folder = saved(model)
    put_in_cache(folder, hub, repository)
    for own, adapters in ways(name).items():
        mine = parse_representation(f"{name}:{own}" if own else name).load()
        other = parse_representation(f"hf:{folder}?{adapters}" if adapters else f"hf:{folder}")
        wanted = other.load()
        assert (mine.sample_rate, mine.dims) == (wanted.sample_rate, wanted.dims)
        audio = noise(int(2.3 * mine.sample_rate))
        np.testing.assert_array_equal(
            mine.embed(audio, mine.sample_rate), wanted.embed(audio, mine.sample_rate)
        )
    local = parse_representation(f"{name}:weights={folder}")
    np.testing.assert_array_equal(
        local.load().embed(audio, mine.sample_rate),
        parse_representation(name).load().embed(audio, mine.sample_rate),
    )
    spec = parse_representation(name)
    assert local.weights_sha256 == spec.weights_sha256
    assert set(spec.weights_sha256) == {
        *("config.json", "model.safetensors", "preprocessor_config.json")
    }


@pytest.mark.parametrize("name", STANDS_IN)
def test_absent_weights_name_the_command_for_every_model(name: str, hub: Path) -> None:
    module = find_plugin("representation", name).load_module()
    first, *others = ids = module.MODELS.ids
    assert STANDS_IN[name][1] == ids[first]
    for model, repository in ids.items():
        which = f":model={model}" if others else ""
        spec = parse_representation(name + which)
        with pytest.raises(MissingWeights) as caught:
            spec.prepare_weights()
        assert str(caught.value) == (
            f"the weights of {name}{which} are not in the Hugging Face cache ({hub}): get them "
            f"with hf download {repository}, or name a folder that holds them by the parameter "
            "weights"
        )
    (line,) = [line for line in list_representations() if line.name == name]
    assert not line.ready
    assert line.status == f"missing weights: hf download {ids[first]}"


def test_the_usual_layer_depends_on_the_depth(
    saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mirbench.representations import hf
    from mirbench.representations.mert import load_model

    asked: list[Any] = []
    monkeypatch.setattr(hf, "load_model", lambda *_, **options: asked.append(options["layer"]))
    folder = shutil.copytree(saved("mert"), tmp_path / "deep")
    config = json.loads((folder / "config.json").read_text())
    for depth in (12, 24, 3):
        (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": depth}))
        load_model(weights=str(folder))
        load_model(weights=str(folder), layer=8)
    assert asked == ["7", "8", "12", "8", "1", "8"]
    del config["num_hidden_layers"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match=r"mert: .*config\.json has no num_hidden_layers"):
        load_model(weights=str(folder))


def test_the_feature_extractor_decides_the_fingerprint(saved: Saved, hub: Path) -> None:
    folder = put_in_cache(saved("hubert"), hub, STANDS_IN["hubert"][1])
    before = parse_representation("hubert").fingerprint()
    (folder / "README.md").write_text("more words")
    assert parse_representation("hubert").fingerprint() == before
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"do_normalize": False}))
    assert parse_representation("hubert").fingerprint() != before


@pytest.mark.parametrize(
    ("name", "model", "params", "message"),
    [
        ("mert", "mert", "model=95m", "mert has the models 95M, 330M, not '95m'"),
        ("mert", "mert", "model=330M", "mert: give model or weights, not both"),
        ("mert", "mert", "layers=7", "mert: layers must be 'all' or be left out, not 7"),
        ("mert", "mert", "layer=4", "there is no layer '4'; choose mean, all, or one of 0 to 3"),
        ("mert", "mert", "pool=max", "pool must be mean or mean_std, not 'max'"),
        ("mert", "mert", "chunk=0", "chunk must be positive, is 0"),
        ("clap", "clap", "layer=mean", "clap: layer must be pooled or projected, not 'mean'"),
        ("clap", "clap", "chunk=11", "takes in at most 2 s at once, and chunk is 11"),
        ("encodec", "encodec-24", "layer=1", "has no parameter 'layer'"),
        ("ast", "ast", "pool=mean_std", "pool=mean_std needs a vector of each moment"),
    ],
)
def test_wrong_parameters(saved: Saved, name: str, model: str, params: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_representation(f"{name}:weights={saved(model)},{params}").load()
    assert message in str(caught.value)
    assert "hf:" not in str(caught.value)


def test_another_model_and_no_model(saved: Saved, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mert: .* is of a model of type 'hubert', not 'mert_mo"):
        parse_representation(f"mert:weights={saved('hubert')}").load()
    with pytest.raises(DataError, match=r"mert: .* holds no config\.json with weights beside it"):
        parse_representation(f"mert:weights={tmp_path}").load()
    folder = shutil.copytree(saved("mert"), tmp_path / "damaged")
    (folder / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(DataError, match=r"^mert \(.*damaged\): transformers cannot load it"):
        parse_representation(f"mert:weights={folder}").load()


@pytest.mark.parametrize("name", STANDS_IN)
def test_names_have_the_marks_of_overlap_that_are_known(name: str) -> None:
    """Codecs learned from MTG-Jamendo; a card's reservations must not look like such a mark."""
    card = find_plugin("representation", name).card()
    assert card["trained_on"] != "none"
    marked = [task for task in OVERLAPS if overlaps(card["trained_on"], task)]
    assert marked == (["jamendo_mood"] if name in ("dac", "encodec") else [])


@pytest.mark.slow
def test_a_run_without_network(tiny: TinyPackage, saved: Saved, hub: Path, tmp_path: Path) -> None:
    put_in_cache(saved("mert"), hub, STANDS_IN["mert"][1])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mirbench.benchmark.cli", "run"),
            *("--rep", "mert:layers=all", "--task", "tinytask"),
            *("--protocol", "quick", "--out", str(tmp_path / "out"), "--jobs", "1"),
            *("--cache", str(tmp_path / "cache")),
        ],
        env=tiny.env | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(hub)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "out").glob("mert*/tinytask.paper.quick.json")
    told = json.loads(path.read_text())["representation"]
    assert (told["name"], told["dims"]) == ("mert:layers=all", 32)
    assert sorted(told["weights"]) == [
        *("config.json", "model.safetensors", "preprocessor_config.json")
    ]
    assert told["trained_on"].startswith("160,000 hours of music")
