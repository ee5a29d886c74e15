"""Under which rules the plugins of a command run: what they may see, and in which sandbox."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.datasets.locate import data_root
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.machine.compiled import copy_compiled
from mirbench.benchmark.machine.launch import Rules, under
from mirbench.benchmark.machine.sandbox import find_sandbox, is_hidden
from mirbench.benchmark.machine.workers import end_idle
from mirbench.benchmark.progress import say

#: Variables that name folders in which libraries look for weights.
_FOLDERS = ("HF_HOME", "HF_HUB_CACHE", "TORCH_HOME", "XDG_CACHE_HOME")

#: Seconds after which a folder that nobody has locked is that of a command that was killed.
_LEFT_AFTER = 60.0


@contextmanager
def plugin_rules(
    reps: Sequence[str] = (),
    *,
    pass_env: Collection[str] = (),
    sandbox: bool = False,
    data: Path | None = None,
    cache: Path | None = None,
) -> Iterator[None]:
    """Let rules hold for the code of plugins, within which `mirbench.benchmark.run` is called.

    Parameters
    ----------
    reps : sequence of str
        The representations, as on the command line; the files that they name can be read
        in the sandbox.
    pass_env : collection of str
        Environment variables that plugins may see although they look like secrets.
    sandbox : bool
        Run plugins without network, and with a file system that they cannot write but for
        a folder of the cache that is removed afterwards.
    data, cache : Path, optional
        As for `mirbench.benchmark.run`.

    Raises
    ------
    UsageError
        If there is no such variable, or if a plugin, the data or the cache lies directly in
        a folder that the sandbox hides.
    MirbenchError
        If there is no sandbox on this machine.

    Examples
    --------
    >>> import os
    >>> from mirbench.benchmark.machine.launch import plugin_environment
    >>> os.environ["MY_TOKEN"] = "x"
    >>> with plugin_rules():
    ...     "MY_TOKEN" in plugin_environment()
    False
    >>> with plugin_rules(pass_env=["MY_TOKEN"]):
    ...     "MY_TOKEN" in plugin_environment()
    True
    """
    for name in pass_env:
        if name not in os.environ:
            raise UsageError(f"--pass-env {name}: the environment has no variable of that name")
    passed = frozenset(pass_env)
    if not sandbox:
        with under(Rules(passed)):
            yield
        return
    folder = CacheFolder.find(cache)
    with _scratch(folder.sandbox) as scratch:
        found = find_sandbox(scratch, _readable(reps, data_root(data), folder.root))
        copy_compiled(found.compiled)
        say(
            f"plugins run in a sandbox ({found.name}): no network, and they can write nowhere but "
            f"into a private /tmp and {scratch}, which is removed afterwards"
        )
        try:
            with under(Rules(passed, found)):
                yield
        finally:
            end_idle()


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Make a folder for one command; those of commands that were killed are removed."""
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _sweep(folder)
            scratch = _make_held(folder, stack)
        except OSError as error:
            raise MirbenchError(f"cannot write into {folder}: {error.strerror or error}") from error
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _sweep(folder: Path) -> None:
    for old in folder.iterdir():
        try:
            young = old.lstat().st_mtime > time.time() - _LEFT_AFTER
        except OSError:  # another command has removed it
            continue
        if young:  # its command may not have locked it yet
            continue
        with _held(old) as free:
            if free:
                shutil.rmtree(old, ignore_errors=True)


def _make_held(folder: Path, stack: ExitStack) -> Path:
    for _ in range(5):
        scratch = Path(tempfile.mkdtemp(dir=folder)).resolve()
        if stack.enter_context(_held(scratch)) and scratch.is_dir():
            return scratch
        shutil.rmtree(scratch, ignore_errors=True)
    # Where no folder can be locked, no other command removes one either.
    return Path(tempfile.mkdtemp(dir=folder)).resolve()


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Lock a folder, if nobody has locked it."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # it is gone, or none of ours
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def _readable(reps: Sequence[str], data: Path, cache: Path) -> list[Path]:
    """List what plugins need to read: Python, the data, the cache, and what names name."""
    for what, folder in (("data", data), ("cache", cache)):
        if folder.exists() and is_hidden(folder):
            raise UsageError(
                f"--sandbox hides {folder}, which is the folder of the {what}: name a folder within"
            )
    found = {Path(place) for place in (*sys.path, sys.prefix, sys.base_prefix) if place}
    found |= {Path.cwd(), data, cache, Path(sys.executable).parent}
    found |= {Path(os.environ[name]) for name in _FOLDERS if os.environ.get(name)}
    if data.is_dir():
        found |= {place.resolve() for place in data.iterdir() if place.is_symlink()}
    for rep in reps:
        for part in (rep, *re.split(r"[:=,?&]", rep)):
            path = Path(os.path.expanduser(part)) if part else Path()
            if not part or not path.exists():
                continue
            shown = path.absolute().parent if path.suffix == ".py" else path
            if shown != path and is_hidden(shown):
                raise UsageError(
                    f"--sandbox hides {shown}, where {path} lies: put the plugin into a folder "
                    "of its own"
                )
            found.add(shown)
    return [path for path in found if path.exists()]
