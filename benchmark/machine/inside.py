"""Make the file system of a sandbox within new namespaces, and run a command there.

Run as a script by `mirbench.benchmark.machine.sandbox`, as the first process of what
``unshare`` has made, without any package: it has the rights of those namespaces until
it has given them up for the command.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import stat
import sys
from collections.abc import Sequence

_BIND, _RECURSIVE, _NOSUID, _NODEV = 4096, 16384, 2, 4

#: The number of mount_setattr, which glibc has no function for before 2.36; the same on
#: every architecture, since it is newer than the common table.
_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE, _READ_ONLY = -100, 0x8000, 1

#: Options of prctl.
_DROP_FROM_BOUNDS, _NO_NEW_PRIVILEGES, _AMBIENT, _CLEAR_ALL = 24, 38, 47, 4

_CAPABILITIES_VERSION = 0x20080522

#: Devices that every program may use.
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

_libc = ctypes.CDLL(None, use_errno=True)


class _Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def main(arguments: Sequence[str]) -> int:
    """Hide, show and lock files, then run a command; returns its status as a shell does."""
    parser = argparse.ArgumentParser(prog="mirbench sandbox")
    for name in ("--empty", "--show", "--cover", "--device", "--write"):
        parser.add_argument(name, action="append", default=[])
    parser.add_argument("command", nargs="+")
    places = parser.parse_args(arguments)
    folder = os.getcwd()
    try:
        _arrange(places)
        os.chdir(folder)
    except OSError as error:
        print(f"the sandbox cannot be made: {error}", file=sys.stderr)
        return 1
    return _run(places.command)


def _arrange(places: argparse.Namespace) -> None:
    # Held open, since folders above them are covered before they are shown again.
    shown = {path: os.open(path, os.O_PATH) for path in [*places.show, *places.write]}
    devices = {
        path: os.open(path, os.O_PATH)
        for path in [*(f"/dev/{name}" for name in _DEVICES), *places.device]
        if os.path.exists(path)
    }
    nothing = os.open(os.devnull, os.O_PATH)
    private = []
    for path in places.empty:
        _mount("tmpfs", path, "tmpfs", _NOSUID | _NODEV)
        private.append(path)
    _mount("tmpfs", "/dev", "tmpfs", _NOSUID)
    for path in devices:
        _bind(devices[path], path)
    for path in places.show:
        _bind(shown[path], path)
    for path in places.cover:
        if os.path.isdir(path):
            _mount("tmpfs", path, "tmpfs", _NOSUID | _NODEV)
            private.append(path)
        else:
            _bind(nothing, path)
    for path in places.write:
        _bind(shown[path], path)
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"/dev/{name}")
    os.mkdir("/dev/shm")
    _mount("tmpfs", "/dev/shm", "tmpfs", _NOSUID | _NODEV)
    _set_attributes("/", _Attributes(set=_READ_ONLY), _AT_RECURSIVE)
    for path in [*(p for p in private if os.path.isdir(p)), "/dev/shm", *places.write]:
        _set_attributes(path, _Attributes(clear=_READ_ONLY), 0)
    for handle in (*shown.values(), *devices.values(), nothing):
        os.close(handle)


def _bind(handle: int, path: str) -> None:
    """Show what is open at a path, which is made where it is not there."""
    if not os.path.exists(path):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            os.makedirs(path)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    _mount(f"/proc/self/fd/{handle}", path, None, _BIND | _RECURSIVE)


def _mount(source: str, path: str, kind: str | None, flags: int) -> None:
    encoded = None if kind is None else kind.encode()
    if _libc.mount(source.encode(), path.encode(), encoded, ctypes.c_ulong(flags), None):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)


def _set_attributes(path: str, attributes: _Attributes, flags: int) -> None:
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    place = (ctypes.c_int(_AT_FDCWD), path.encode(), ctypes.c_uint(flags))
    if _libc.syscall(ctypes.c_long(_MOUNT_SETATTR), *place, ctypes.byref(attributes), size):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)


def _run(command: list[str]) -> int:
    """Run a command without any rights; the first process also buries the children of others."""
    child = os.fork()
    if child == 0:
        try:
            _give_up_rights()
            os.execvp(command[0], command)
        except OSError as error:
            print(f"the sandbox cannot run {command[0]}: {error}", file=sys.stderr)
        finally:
            os._exit(127)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _give_up_rights() -> None:
    for capability in range(64):
        _libc.prctl(_DROP_FROM_BOUNDS, capability, 0, 0, 0)  # fails where there is none
    _libc.prctl(_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    if _libc.capset(header, (ctypes.c_uint32 * 6)()) or _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
