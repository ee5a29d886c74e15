"""Where a run takes place: versions, platform, commit."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mirbench.benchmark.result import Environment

PACKAGES = (
    "mirbench",
    "librosa",
    "mir_eval",
    "numpy",
    "scikit-learn",
    "scipy",
    "soundfile",
    "soxr",
    "torch",
)


def describe_environment(
    embedded_with: dict[str, str], checked: dict[str, str] | None = None
) -> Environment:
    """Collect versions without importing the packages.

    Parameters
    ----------
    embedded_with : dict
        What made the embeddings.
    checked : dict, optional
        What the look at the model found.
    """
    commit, dirty = _checkout(Path(__file__).resolve().parents[2])
    return Environment(
        python=platform.python_version(),
        platform=f"{platform.system()}-{platform.machine()}",
        packages={name: found for name in PACKAGES if (found := package_version(name)) is not None},
        embedded_with=embedded_with,
        commit=commit,
        dirty=dirty,
        checked=checked or {},
        date=datetime.now(UTC).date(),
    )


def package_version(name: str) -> str | None:
    """Version of an installed package, without importing it; None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _checkout(folder: Path) -> tuple[str | None, bool | None]:
    if not (folder / ".git").exists():
        return None, None
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit, bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()
