"""What a container or a scheduler lets this process have, by the control groups of Linux."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_SYSTEM, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_MACHINE = Path("/proc/vmstat")


def memory_limit(system: Path = _SYSTEM, own: Path = _OWN) -> int | None:
    """Find how many bytes of main memory this process may take; None where nothing limits it.

    Parameters
    ----------
    system : Path
        Where the control groups are mounted.
    own : Path
        The file that says in which of them this process is.
    """
    limits = []
    for version, folder in _groups(system, own, "memory"):
        name = "memory.max" if version == 2 else "memory.limit_in_bytes"
        text = _read(folder / name)
        if text.isdigit() and int(text) < 2**60:  # so much is what the first version has for none
            limits.append(int(text))
    return min(limits, default=None)


def cpu_limit(system: Path = _SYSTEM, own: Path = _OWN) -> float | None:
    """Find how many processors' time this process may take; None where nothing limits it.

    The parameters are those of `memory_limit`.
    """
    limits = []
    for version, folder in _groups(system, own, "cpu"):
        if version == 2:
            quota, _, period = _read(folder / "cpu.max").partition(" ")
        else:
            quota = _read(folder / "cpu.cfs_quota_us")
            period = _read(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            limits.append(int(quota) / int(period))
    return min(limits, default=None)


def memory_kills(system: Path = _SYSTEM, own: Path = _OWN) -> int:
    """Count the processes that the kernel has killed for want of memory, as far as it says.

    Of the control groups around this process, or else of the whole machine. The parameters
    are those of `memory_limit`.
    """
    names = {1: "memory.oom_control", 2: "memory.events"}
    files = [folder / names[version] for version, folder in _groups(system, own, "memory")]
    for path in [*files, _MACHINE]:
        found = re.search(r"^oom_kill (\d+)$", _read(path), re.MULTILINE)
        if found is not None:
            return int(found[1])
    return 0


def _groups(system: Path, own: Path, controller: str) -> Iterator[tuple[int, Path]]:
    """List the control groups around this process, with the version of their files."""
    for line in _read(own).splitlines():
        number, _, rest = line.partition(":")
        controllers, _, place = rest.partition(":")
        if number == "0" and not controllers:
            version, root = 2, system
        elif controller in controllers.split(","):
            version, root = 1, system / controller
        else:
            continue
        path = PurePosixPath(place.lstrip("/"))
        # In a container the path may be the host's, of which only the root is seen.
        for folder in (path, *path.parents):
            yield version, root / folder


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
