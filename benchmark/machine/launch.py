"""How a worker process is started: with which command and environment, in a sandbox or not.

Plugins are programs of strangers. Under the rules that are in force they do not see
secrets of the environment, and may be shut into a sandbox.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from mirbench.benchmark.api import PluginError
from mirbench.benchmark.machine.sandbox import Sandbox
from mirbench.benchmark.machine.secret_names import secrets_of

#: What numerical libraries read to know their number of threads.
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


@dataclass(frozen=True)
class Rules:
    """What holds for the code of plugins.

    Attributes
    ----------
    passed : frozenset of str
        Environment variables that it may see although they look like secrets.
    sandbox : Sandbox or None
        Where it runs, and nowhere else; None: in ordinary processes, this one among them.
    """

    passed: frozenset[str] = frozenset()
    sandbox: Sandbox | None = None


_in_force = [Rules()]


def rules() -> Rules:
    """Return the rules that are in force in this process."""
    return _in_force[-1]


@contextmanager
def under(given: Rules) -> Iterator[None]:
    """Let rules be in force."""
    _in_force.append(given)
    try:
        yield
    finally:
        _in_force.pop()


def obey(passed: frozenset[str]) -> None:
    """Let the rules of whoever has started this worker process be in force in it."""
    _in_force[0] = Rules(passed)


def check_here(who: str) -> None:
    """See to it that code of a plugin does not run in this process while there is a sandbox.

    Raises
    ------
    PluginError
        If the rules want it in the sandbox; `who` is named.
    """
    if rules().sandbox is not None:
        raise PluginError(
            f"{who} would run outside the sandbox, where it is needed for this; if you trust its "
            "author, run the command without --sandbox"
        )


def plugin_environment() -> dict[str, str]:
    """Return the environment of this process without what looks like a secret."""
    hidden = secrets_of(os.environ, rules().passed)
    return {name: value for name, value in os.environ.items() if name not in hidden}


# What the sandbox ends with is the thread that has started it, so it is one that stays.
_starter = ThreadPoolExecutor(1, "mirbench-launch")


def with_threads(count: int) -> dict[str, str]:
    """Return the variables that give numerical libraries so many threads each."""
    return dict.fromkeys(_THREADS, str(count))


def start_python(
    code: str, handles: Sequence[int], variables: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a Python process whose numerical libraries have one thread each.

    Parameters
    ----------
    code : str
        What it runs.
    handles : sequence of int
        File descriptors that it inherits.
    variables : mapping
        What its environment has besides, or in place of what it would have.
    """
    command = [sys.executable, "-c", code]
    environment = plugin_environment() | with_threads(1) | dict(variables)
    sandbox = rules().sandbox
    if sandbox is None:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            env=environment,
            pass_fds=handles,
            start_new_session=True,
        )
    return _starter.submit(
        subprocess.Popen,
        sandbox.command(command),
        stdin=subprocess.DEVNULL,
        env=environment | sandbox.environment(),
        pass_fds=handles,
        # A terminal takes input from whoever it controls, and sends them Ctrl-C.
        start_new_session=True,
    ).result()
