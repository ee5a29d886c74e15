"""Make PyTorch round the same way on every x86-64 processor.

PyTorch picks its elementwise and reduction kernels by the widest vectors of
the processor. With 16 lanes (AVX-512) it adds the terms of a softmax in
another order than with 8 (AVX2), and after some thousand updates a probe may
part ways by that last bit: probe 180 of ``castellon2021`` on GTZAN and CHOI
then stops after 2,760 updates instead of the 5,440 of the authors' code. So
mirbench asks for the AVX2 kernels, which every x86-64 machine with PyTorch
has, and gets the same numbers everywhere. Matrix products are not affected.

It asks in one place, where `mirbench.benchmark` is imported: everything of mirbench
that imports torch comes after that, in worker processes as well.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def use_portable_kernels() -> None:
    """Ask PyTorch for its AVX2 kernels where it would take AVX-512.

    Works only before torch is imported, be it by the probes or by a plugin; a value
    that the user has set in ``ATEN_CPU_CAPABILITY`` stands.
    """
    if "torch" not in sys.modules and _has_avx512():
        os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx2")


def _has_avx512() -> bool:
    try:
        return " avx512f " in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
