"""Machine code of the kernels: kept, found again, and not believed when others may have made it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.needs import needs
from probe_data import small_data

from mirbench.benchmark.probing import passes, train_grid
from mirbench.benchmark.probing.kernels import Call, keep, word
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
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith("mirbench-kernels-")
    assert gathered(tmp_path) == (RIGHT, False, False)

    whole = kept.read_bytes()
    for spoil in (
        lambda: kept.write_bytes(whole[:-100]),
        lambda: kept.write_bytes(whole[:-100] + bytes(100)),
        lambda: kept.chmod(0o666),
        kept.unlink,
    ):
        spoil()
        assert gathered(tmp_path) == (RIGHT, True, True)
        assert gathered(tmp_path) == (RIGHT, False, False)


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders in which no machine code was kept."""
    keep._about.cache_clear()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MIRBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    return tmp_path


def test_it_lies_in_the_users_cache_and_else_in_mirbenchs(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = keep._places()
    assert first.parent == alone / "home" / "mirbench" / "kernels"
    assert second.parent == alone / "cache" / "numba"
    (alone / "home").write_text("in the way")
    facts, code = {"f": {"symbol": "f", "parameters": []}}, {"f": np.zeros(3, dtype=np.uint8)}
    keep._keep(facts, code)
    assert second.is_file()
    found = keep._kept()
    assert found is not None
    assert found[0] == facts
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert keep._kept() is None


def test_other_sources_or_versions_are_other_files(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keep._places()[0].name
    monkeypatch.setattr(keep.importlib.metadata, "version", lambda name: "99")
    keep._about.cache_clear()
    assert keep._places()[0].name != before
    keep._about.cache_clear()


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
    assert word(True) == 1


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
