"""Which process has made something: its host, and when it was started there."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
from pathlib import Path


@functools.cache
def this_host() -> str:
    """Name this host, this start of it, and its numbering of processes (a container has its own).

    Where the system does not say the last two, the name must do.
    """
    parts = [platform.node()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def birth_of(pid: int) -> str | None:
    """When a process of this host was started; empty if that is not known, None if it has ended."""
    if not os.path.exists("/proc/self/stat"):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except OSError:
            pass
        return ""
    try:
        # The name of the program, in parentheses, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except FileNotFoundError:
        return None
    except OSError:
        return ""
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()
