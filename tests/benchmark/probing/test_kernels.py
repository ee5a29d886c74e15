"""Machine code of the kernels: kept, found again, and not believed when others may have made it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.needs import needs
from probe_data import small_data

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.probing import passes, train_grid
from mirbench.benchmark.probing.draws import Mask
from mirbench.benchmark.probing.kernels import Call, keep, word
from mirbench.benchmark.probing.layout import Layout
from mirbench.benchmark.probing.network import batch_gradient, parts_of
from mirbench.benchmark.probing.passes import Pass
from mirbench.benchmark.protocol import ProbeConfig

ONCE = "compiling what trains probes"
GATHER = """
import sys
import numpy as np
from mirbench.benchmark.probing.kernels import Call, word
X, rows, out = np.arange(8, dtype=np.float32), np.array([3, 1]), np.zeros(4, dtype=np.float32)
Call("gather_goals", goals=X, wide=2, rows=rows, batch=2, out=out)()
print(out.tolist(), "numba" in sys.modules)
"""
RIGHT = "[6.0, 7.0, 2.0, 3.0]"


def gathered(folder: Path) -> tuple[str, bool, bool]:
    """Run a kernel in a process of its own: what it gave, and whether it was said and compiled."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder), "XDG_CACHE_HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", GATHER], env=environment, capture_output=True, text=True, check=True
    )
    result, compiled = done.stdout.strip().rsplit(" ", 1)
    return result, ONCE in done.stderr, compiled == "True"


def test_the_second_process_compiles_nothing(tmp_path: Path) -> None:
    assert gathered(tmp_path) == (RIGHT, True, True)
    (folder,) = tmp_path.iterdir()
    (kept,) = folder.iterdir()
    assert folder.name.startswith("mirbench-kernels-")
    assert gathered(tmp_path) == (RIGHT, False, False)

    whole = kept.read_bytes()
    for spoil in (
        lambda: kept.write_bytes(whole[:-100]),
        lambda: kept.write_bytes(whole[:-100] + bytes(100)),
        lambda: kept.chmod(0o666),
        lambda: kept.symlink_to(kept.rename(tmp_path / "elsewhere")),
        kept.unlink,
    ):
        spoil()
        assert gathered(tmp_path) == (RIGHT, True, True)
        assert gathered(tmp_path) == (RIGHT, False, False)
    folder.chmod(0o777)
    assert gathered(tmp_path) == (RIGHT, True, True)


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folders in which no machine code was kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MIRBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    keep._about.cache_clear()
    yield tmp_path
    keep._about.cache_clear()


def test_it_lies_in_the_first_folder_that_can_be_written(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = keep._places()
    assert first.parents[1] == alone / "numba"
    assert second.parents[1] == alone / "home" / "mirbench"
    (alone / "numba").write_text("in the way")
    found = {"f": keep.Compiled("symbol", ("x", "y"), b"code")}
    keep._keep(found)
    assert second.is_file()
    assert keep._kept() == found
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert keep._kept() is None


def test_other_versions_or_settings_are_other_files(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [keep._places()[0].name]
    monkeypatch.setenv("NUMBA_BOUNDSCHECK", "1")
    keep._about.cache_clear()
    names.append(keep._places()[0].name)
    monkeypatch.setattr(keep.importlib.metadata, "version", lambda name: "99")
    keep._about.cache_clear()
    names.append(keep._places()[0].name)
    assert len(set(names)) == 3


def test_where_numba_compiles_nothing_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "_MODULES", ())
    with pytest.raises(MirbenchError, match="unset NUMBA_DISABLE_JIT"):
        keep._compile()


def test_kernels_need_nothing_that_only_numba_knows() -> None:
    import llvmlite.binding as llvm

    from mirbench.benchmark.probing.kernels import adam, batches, draws, networks

    for module in (adam, batches, draws, networks):
        for kernel in vars(module).values():
            for compiled in getattr(kernel, "overloads", {}).values():
                made = llvm.parse_assembly(compiled.library.get_llvm_str())
                needed = {f.name for f in made.functions if f.is_declaration}
                assert {name for name in needed if not name.startswith("llvm.")} <= {"sqrtf"}


def test_arguments_go_by_name() -> None:
    with pytest.raises(TypeError, match="kernel gather_goals has no parameter width"):
        Call("gather_goals", width=3)
    assert word(1.5) == int(np.array([1.5]).view(np.int64)[0])
    assert word(np.float32(1.5)) == word(1.5)
    assert word(True) == 1
    gather = Call("gather_goals")
    with pytest.raises(TypeError, match="has no parameter width"):
        gather(width=3)
    for wrong in (np.zeros((2, 2))[:, 0], torch.zeros(2, 2)[:, 0]):
        with pytest.raises(ValueError, match="contiguous"):
            word(wrong)


@needs("torchs_products")
def test_what_is_not_a_number_stays_so() -> None:
    layout = Layout((8, 512, 2), 1)
    weights = torch.randn(layout.size, generator=torch.Generator().manual_seed(0))
    weights[5] = torch.nan
    terms = (torch.eye(2).repeat(8, 1), "regression", 1.0)
    X, rows = torch.ones(16, 8), torch.arange(16)
    ours = Pass(layout, weights, terms, 16, torch.zeros(Pass.floats(layout, terms, 16)))
    found = ours.gradient(X, rows, Mask((), 0, 1.0))
    wanted = torch.zeros(layout.size)
    both = parts_of(layout, weights), parts_of(layout, wanted)
    batch_gradient((X, rows, None), terms, *both, 1, 512)
    assert torch.isnan(wanted).any()
    assert torch.equal(torch.isnan(found), torch.isnan(wanted))


@needs("torchs_products")
@pytest.mark.parametrize("form", [((72, 20, 10), 8), ((3, 100, 3), 12), ((8, 33, 2), 64)])
def test_layers_that_torch_sums_up_otherwise_are_left_to_it(
    form: tuple[tuple[int, ...], int],
) -> None:
    widths, batch = form
    terms = torch.zeros(batch, widths[-1]), "regression", 1.0
    assert not passes.applies(Layout(widths, 1), terms, batch, torch.device("cpu"))


@needs("torchs_products")
@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "regression"])
def test_a_grid_without_kernels_ends_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data(kind)
    chosen: dict[str, Any] = {"protocol": "castellon2021", "only": [0, 80, 107, 161, 215]}
    with_kernels = train_grid(data, **chosen)
    asked: list[object] = []
    monkeypatch.setattr(passes, "_agrees", lambda *form: asked.append(form))
    without = train_grid(data, **chosen)
    assert asked
    for ours, theirs in zip(with_kernels, without, strict=True):
        assert isinstance(ours.config, ProbeConfig)
        assert (ours.valid, ours.updates, ours.test) == (theirs.valid, theirs.updates, theirs.test)
