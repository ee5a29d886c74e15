"""Check and time everything that a GPU computes, on a machine that need have nothing but one.

    python tests/bench/gpu_check.py [--budget SECONDS] [--parts NAME…] [--out FILE] [--write]
    python tests/bench/gpu_check.py --small --device cpu     # does the script itself work?

Runs from a checkout, installed or not, with PyTorch, NumPy, SciPy, Numba,
scikit-learn, safetensors and tqdm. Every part keeps to its share of the budget, six
minutes by default, and its table is printed and written as soon as it is there.
``--write`` puts them into ``docs/performance.md``.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))
PARTS = ("limits", "exact", "beside", "jukebox", "grids")
#: Share of the budget after which a part begins nothing new.
SHARES = {"limits": 0.15, "exact": 0.15, "beside": 0.1, "jukebox": 0.25, "grids": 1.0}


def find_package() -> None:
    """Let ``import mirbench`` find this checkout where the package is not installed."""
    if importlib.util.find_spec("mirbench") is not None:
        return
    folder = Path(tempfile.mkdtemp(prefix="mirbench-"))
    (folder / "mirbench").mkdir()
    for name in ("benchmark", "leaderboard", "representations", "splits", "tasks"):
        (folder / "mirbench" / name).symlink_to(ROOT / name, target_is_directory=True)
    sys.path.insert(0, str(folder))


@dataclasses.dataclass
class Report:
    """What was found, printed and written as it comes."""

    out: Path | None
    lines: list[str] = dataclasses.field(default_factory=list)

    def add(self, *lines: str) -> None:
        """Add lines of Markdown."""
        self.lines += lines
        print(*lines, sep="\n", flush=True)
        if self.out is not None:
            self.out.write_text("\n".join(self.lines) + "\n", encoding="utf-8")


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a part is told.

    Attributes
    ----------
    device : str
    small : bool
        Whether sizes are those of a test.
    end : float
        When the part should be over, by `time.monotonic`.
    """

    device: str
    small: bool
    end: float

    def left(self) -> float:
        """Seconds that the part may still take."""
        return self.end - time.monotonic()


Part = Callable[[Report, Asked], None]


def parts() -> dict[str, Part]:
    """Import what the parts need."""
    from bench import gpu_jukebox, gpu_probing

    return {
        "limits": gpu_probing.limits,
        "exact": gpu_probing.exact,
        "beside": gpu_probing.beside,
        "jukebox": gpu_jukebox.jukebox,
        "grids": gpu_probing.grids,
    }


def about(device: str) -> str:
    """Describe the machine in one line."""
    import torch

    name = torch.cuda.get_device_name(device) if device != "cpu" else "no GPU"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"Measured by `tests/bench/gpu_check.py` on: {name}, {cores} cores, PyTorch " + (
        f"{torch.__version__}."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="cuda or cpu")
    parser.add_argument("--budget", type=float, default=360.0, help="seconds for everything")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, help="file for the tables")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    parser.add_argument("--small", action="store_true", help="sizes of a test")
    asked = parser.parse_args(arguments)
    started = time.monotonic()
    find_package()
    import torch

    if asked.device != "cpu" and not torch.cuda.is_available():
        sys.exit("PyTorch finds no GPU here, so nothing was timed (--small --device cpu tries it)")
    report = Report(asked.out)
    report.add(about(asked.device), "")
    todo = parts()
    for name in (name for name in PARTS if name in asked.parts):
        begun = time.monotonic()
        end = min(begun + SHARES[name] * asked.budget, started + asked.budget)
        try:
            todo[name](report, Asked(asked.device, asked.small, end))
        except Exception as error:  # what the others find must not be lost
            report.add(f"**{name} failed**: {type(error).__name__}: {error}", "")
            if asked.small:
                raise
            import traceback

            traceback.print_exc()
        print(f"[{name}: {time.monotonic() - begun:.1f} s]", flush=True)
    if asked.write:
        from bench.performance_page import write_section

        write_section("gpu", report.lines)


if __name__ == "__main__":
    main()
