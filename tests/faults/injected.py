"""Faults of the system, put into a process as its ``sitecustomize``: writes that fail, a clock.

``FAULT_WRITES=17:28:/folder`` lets every write below the folder fail with error 28 (no space
left) from the 17th on, as of a disk that is full. ``FAULT_CLOCK=-86400`` sets the clock back by
a day.
"""

import os


def fail_writes(after: int, number: int, folder: str) -> None:
    """Let opening for writing, making folders, syncing and renaming fail from some time on."""
    import builtins
    import tempfile

    count = 0

    def check(path: object) -> None:
        nonlocal count
        if not isinstance(path, str | os.PathLike) or not os.path.abspath(path).startswith(folder):
            return
        count += 1
        if count >= after:
            raise OSError(number, os.strerror(number), os.fspath(path))

    plain_open, plain_os_open, replace = builtins.open, os.open, os.replace
    mkstemp, mkdir = tempfile.mkstemp, os.mkdir

    def checked_open(file, mode="r", *args, **kwargs):  # type: ignore[no-untyped-def]
        if set(mode) & set("wax+"):
            check(file)
        return plain_open(file, mode, *args, **kwargs)

    def checked_os_open(path, flags, *args, **kwargs):  # type: ignore[no-untyped-def]
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            check(path)
        return plain_os_open(path, flags, *args, **kwargs)

    def checked_replace(source, target, **kwargs):  # type: ignore[no-untyped-def]
        check(target)
        return replace(source, target, **kwargs)

    def checked_mkstemp(suffix=None, prefix=None, dir=None, text=False):  # type: ignore[no-untyped-def]  # noqa: A002
        check(dir)
        return mkstemp(suffix, prefix, dir, text)

    def checked_mkdir(path, *args, **kwargs):  # type: ignore[no-untyped-def]
        if not os.path.isdir(path):
            check(path)
        return mkdir(path, *args, **kwargs)

    builtins.open, os.open, os.replace = checked_open, checked_os_open, checked_replace  # type: ignore[assignment]
    tempfile.mkstemp, os.mkdir = checked_mkstemp, checked_mkdir  # type: ignore[assignment]


def set_clock(seconds: float) -> None:
    """Set what `time.time` says."""
    import time

    plain, plain_ns = time.time, time.time_ns
    time.time = lambda: plain() + seconds  # type: ignore[assignment]
    time.time_ns = lambda: plain_ns() + int(seconds * 1e9)  # type: ignore[assignment]


if "FAULT_WRITES" in os.environ:
    _after, _number, _folder = os.environ["FAULT_WRITES"].split(":", 2)
    fail_writes(int(_after), int(_number), _folder)
if "FAULT_CLOCK" in os.environ:
    set_clock(float(os.environ["FAULT_CLOCK"]))
