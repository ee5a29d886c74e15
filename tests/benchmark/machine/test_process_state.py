"""What plugins set for the whole process is put back, and comes back to them."""

from __future__ import annotations

import gc
import io
import locale
import logging
import os
import random
import signal
import subprocess
import sys
import textwrap
import timeit
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from mirbench.benchmark.machine.process_state import PluginState, kept_process, plugin_state

if TYPE_CHECKING:
    from conftest import TinyPackage


def _draws() -> tuple[float, ...]:
    """Draw from copies of the global generators, which stay as they are."""
    mine, other = random.Random(), torch.Generator()
    mine.setstate(random.getstate())
    other.set_state(torch.get_rng_state())
    numpy = np.random.RandomState()
    numpy.set_state(np.random.get_state())
    return mine.random(), float(numpy.rand()), float(torch.rand((), generator=other))


def _denormal() -> float:
    return float(np.float64(5e-324) * np.float64(1))


#: What a plugin may do, what it then sees, and how that is read.
MEDDLING: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "default dtype": (lambda: torch.set_default_dtype(torch.float64), torch.get_default_dtype),
    "default device": (lambda: torch.set_default_device("meta"), lambda: torch.empty(1).device),
    "grad mode": (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled),
    "inference mode": (
        lambda: _MODES[0].__enter__(),
        lambda: (torch.is_inference_mode_enabled(), torch.is_grad_enabled()),
    ),
    "threads": (
        lambda: torch.set_num_threads(torch.get_num_threads() + 2),
        torch.get_num_threads,
    ),
    "deterministic": (
        lambda: torch.use_deterministic_algorithms(True, warn_only=True),
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
    ),
    "matrix products": (
        lambda: torch.set_float32_matmul_precision("medium"),
        lambda: (torch.get_float32_matmul_precision(), torch.backends.cuda.matmul.allow_tf32),
    ),
    "TF32": (
        lambda: setattr(torch.backends.cuda.matmul, "allow_tf32", True),
        lambda: (torch.get_float32_matmul_precision(), torch.backends.cuda.matmul.allow_tf32),
    ),
    "cuDNN": (
        lambda: setattr(torch.backends.cudnn, "benchmark", True),
        lambda: torch.backends.cudnn.benchmark,
    ),
    "autocast": (
        lambda: torch.set_autocast_enabled("cpu", True),
        lambda: (torch.ones(2, 2) @ torch.ones(2, 2)).dtype,
    ),
    "denormals": (lambda: torch.set_flush_denormal(True), _denormal),
    "seeds": (lambda: (random.seed(1), np.random.seed(1), torch.manual_seed(1)), _draws),
    "folder": (lambda: os.chdir("/"), os.getcwd),
    "environment": (
        lambda: (os.environ.update(MIRBENCH_TEST="x"), os.environ.pop("MIRBENCH_OTHER")),
        lambda: (os.environ.get("MIRBENCH_TEST"), os.environ.get("MIRBENCH_OTHER")),
    ),
    "umask": (lambda: os.umask(0o007), lambda: [os.umask(m := os.umask(0)), m][1]),
    "locale": (
        lambda: locale.setlocale(locale.LC_CTYPE, "C"),
        lambda: locale.setlocale(locale.LC_CTYPE),
    ),
    "warnings": (
        lambda: warnings.simplefilter("error"),
        lambda: (warnings.filters[0][0], len(warnings.filters)),
    ),
    "NumPy's errors": (lambda: np.seterr(all="raise"), np.geterr),
    "logging": (
        lambda: (logging.disable(logging.ERROR), logging.root.addHandler(_HANDLER)),
        lambda: (logging.root.manager.disable, _HANDLER in logging.root.handlers),
    ),
    "stdout": (lambda: setattr(sys, "stdout", _OTHER_STDOUT), lambda: sys.stdout),
    "recursion": (
        lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 7),
        sys.getrecursionlimit,
    ),
    "collection": (gc.disable, gc.isenabled),
}

_MODES = [torch.inference_mode()]
_HANDLER = logging.NullHandler()
_OTHER_STDOUT = io.StringIO()

if hasattr(torch.backends.mkldnn, "matmul"):  # not in all versions
    MEDDLING["products by name"] = (
        lambda: setattr(torch.backends.mkldnn.matmul, "fp32_precision", "bf16"),
        lambda: torch.backends.mkldnn.matmul.fp32_precision,
    )


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MIRBENCH_OTHER", "y")
    with kept_process():
        yield


@pytest.mark.parametrize("what", MEDDLING)
def test_a_setting_is_put_back_and_comes_back(what: str) -> None:
    meddle, see = MEDDLING[what]
    before = see()
    state = PluginState()
    with state:
        meddle()
        inside = see()
    assert inside != before
    assert see() == before
    with state:
        assert see() == inside
    assert see() == before
    with PluginState():  # another plugin
        assert see() == before or what == "seeds"
    assert see() == before


@pytest.mark.parametrize("what", MEDDLING)
def test_a_setting_is_put_back_after_an_error(what: str) -> None:
    meddle, see = MEDDLING[what]
    before = see()

    def fail() -> None:
        with kept_process():
            meddle()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert see() == before


def test_a_plugin_that_puts_back_by_itself_has_nothing_of_its_own() -> None:
    state = PluginState()
    with state:
        torch.set_default_dtype(torch.float64)
    with state:
        torch.set_default_dtype(torch.float32)
    with state:
        assert torch.get_default_dtype() == torch.float32


def test_calls_within_calls_are_one() -> None:
    state = PluginState()
    with state:
        torch.set_default_dtype(torch.float64)
        with state:
            assert torch.get_default_dtype() == torch.float64
        assert torch.get_default_dtype() == torch.float64
    assert torch.get_default_dtype() == torch.float32


def test_ctrl_c_belongs_to_the_harness() -> None:
    before, state = signal.getsignal(signal.SIGINT), PluginState()
    with state:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGINT) is before
    with state:
        assert signal.getsignal(signal.SIGINT) is before


def test_a_seed_goes_on_from_call_to_call() -> None:
    state = PluginState()
    with state:
        np.random.seed(3)
        first = np.random.rand(2)
    np.random.rand(100)
    with state:
        second = np.random.rand(2)
    np.testing.assert_array_equal(np.r_[first, second], np.random.RandomState(3).rand(4))


def test_a_warning_is_shown_once(recwarn: pytest.WarningsRecorder) -> None:
    state = PluginState()
    with state:
        warnings.simplefilter("default")
    for _ in range(3):
        with state:
            warnings.warn("once", UserWarning, stacklevel=1)
    assert len(recwarn) == 1


def test_an_edited_plugin_starts_anew() -> None:
    state = plugin_state("mine", "1")
    assert state is plugin_state("mine", "1")
    assert state is not plugin_state("mine", "2")
    assert state is not plugin_state("other", "1")


def test_a_folder_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    state, before = PluginState(), os.getcwd()
    with state:
        os.chdir(tmp_path)
    tmp_path.rmdir()
    with state:
        assert os.getcwd() == before
    assert os.getcwd() == before


def test_entering_takes_little() -> None:
    state = PluginState()

    def enter() -> None:
        with state:
            pass

    enter()
    assert min(timeit.repeat(enter, number=1, repeat=200)) < 1e-3


def test_settings_of_a_torch_that_the_plugin_imports_first() -> None:
    script = """
        from mirbench.benchmark.machine.process_state import PluginState
        import sys
        state = PluginState()
        with state:
            import torch
            torch.set_default_dtype(torch.float64)
            torch.set_grad_enabled(False)
            torch.set_default_device("meta")
            torch.manual_seed(7)
        assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()
        assert torch.empty(1).device.type == "cpu"
        assert bool((torch.get_rng_state() == torch.Generator().get_state()).all())
        with state:
            assert torch.get_default_dtype() == torch.float64 and not torch.is_grad_enabled()
            drawn = torch.rand(3, device="cpu", dtype=torch.float32)
        other = torch.Generator().manual_seed(7)
        assert bool((drawn == torch.rand(3, generator=other)).all())
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)


MEDDLER = """
import os, sys, random, warnings
import numpy as np
CARD = {"title": "Meddler", "licence": "MIT", "trained_on": "none", "requires": ["numpy"]}
MEDDLE = %r

def meddle():
    import torch
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(3)
    torch.set_flush_denormal(True)
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    np.seterr(all="raise")
    warnings.simplefilter("error")
    os.chdir("/")
    os.umask(0o077)
    sys.stdout = open(os.devnull, "w")
    os.environ["MIRBENCH_DATA"] = "/nowhere"

if MEDDLE == "import":
    meddle()

class Model:
    sample_rate, dims, heard_seconds = 8000, 16, 512 / 8000

    def embed(self, audio, sr):
        if MEDDLE == "embed":
            meddle()
        bands = np.array_split(np.abs(np.fft.rfft(audio, 512)), 16)
        return np.array([band.mean() for band in bands]).astype(np.float32)

    def note(self, audio, sr):
        if MEDDLE == "embed":
            meddle()

def load_model(device="cpu"):
    if MEDDLE == "load":
        meddle()
    return Model()
"""


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_do_not_hang_on_what_a_plugin_sets(
    tiny: TinyPackage, tmp_path: Path, jobs: int
) -> None:
    scores = {}
    for when in ("never", "import", "load", "embed") if jobs == 1 else ("never", "import"):
        folder = tmp_path / when
        folder.mkdir()
        (folder / "meddler.py").write_text(MEDDLER % when)
        script = f"""
            import os
            from mirbench.benchmark import run
            where = {{"out": "out", "cache": "c"}}
            (row,) = run("./meddler.py", "tinytask", protocol="quick", jobs={jobs}, **where)
            print(row.task.embeddings_sha256, row.probe, sorted(row.scores.items()), os.getcwd())
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            cwd=folder, env=tiny.env, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        scores[when] = done.stdout.replace(str(folder), "")
        row = next((folder / "out").rglob("tinytask.paper.quick.json"))
        assert (
            row.stat().st_mode & 0o044 == next(tmp_path.glob("*/meddler.py")).stat().st_mode & 0o044
        )
    assert scores["never"].strip()
    assert set(scores.values()) == {scores["never"]}
