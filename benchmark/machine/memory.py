"""Main memory of this machine and this process."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def free_main_memory() -> int:
    """Bytes of main memory that are free; four gigabytes where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 4 * 1024**3


def peak_memory() -> int:
    """Bytes of main memory that this process has taken at most."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
