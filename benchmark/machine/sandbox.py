"""A sandbox for the code of plugins: no network, and files that cannot be written.

By bubblewrap (``bwrap``) where there is one, or else by ``unshare`` of util-linux and
`mirbench.benchmark.machine.inside`. Either makes namespaces of its own for users,
processes, mounts, network and shared memory: the code sees no process but its own, and
no socket of another. Everything of the file system stays where it is but for what is
hidden: folders in which programs keep sockets, and the usual places of credentials.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.machine import inside

#: Folders where other programs keep sockets and private files; empty in the sandbox.
HIDDEN = ("/tmp", "/var/tmp", "/run", "/var/run")

#: Usual places of credentials in a home folder.
CREDENTIALS = (
    ".ssh",
    ".aws",
    ".azure",
    ".docker",
    ".gnupg",
    ".kaggle",
    ".kube",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pip",
    ".pypirc",
    ".git-credentials",
    ".huggingface",
    ".cache/huggingface/token",
    ".cache/huggingface/stored_tokens",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".config/pip",
    ".config/rclone",
)

#: Devices of GPUs, by their beginnings.
_GPUS = ("nvidia", "dri", "kfd")

#: Seconds within which a program that makes a sandbox must have shown that it can.
_PATIENCE = 30.0


@dataclass(frozen=True)
class Sandbox:
    """Where the code of plugins runs.

    Attributes
    ----------
    program : str
        ``bwrap`` or ``unshare``, with its path.
    scratch : Path
        The one folder that can be written.
    readable : tuple of Path
        What can be read although it lies in a folder of `HIDDEN`; never such a folder itself.
    """

    program: str
    scratch: Path
    readable: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """Name of what makes it."""
        return "bubblewrap" if Path(self.program).name == "bwrap" else "unshare"

    @property
    def compiled(self) -> Path:
        """Folder in which Numba finds and keeps what it has compiled."""
        return self.scratch / "numba"

    def environment(self) -> dict[str, str]:
        """Return the variables that say where can be written."""
        return {"TMPDIR": "/tmp", "NUMBA_CACHE_DIR": str(self.compiled)}

    def command(self, command: Sequence[str]) -> list[str]:
        """Return the command that runs a command inside."""
        return (self._bubblewrap() if self.name == "bubblewrap" else self._unshare()) + [*command]

    def _bubblewrap(self) -> list[str]:
        options = ["--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--ro-bind", "/", "/"]
        options += ["--dev", "/dev", "--proc", "/proc", "--remount-ro", "/proc"]
        for folder in hidden_folders():
            options += ["--tmpfs", folder]
        for path in self.shown():
            options += ["--ro-bind", path, path]
        for path in self.covered():
            options += ["--tmpfs", path] if os.path.isdir(path) else ["--ro-bind", os.devnull, path]
        for path in gpu_devices():
            options += ["--dev-bind", path, path]
        options += ["--bind", str(self.scratch), str(self.scratch), "--chdir", os.getcwd()]
        return [self.program, *options, "--"]

    def _unshare(self) -> list[str]:
        namespaces = ["--user", "--map-root-user", "--net", "--mount", "--pid", "--ipc", "--uts"]
        mounts = ["--fork", "--kill-child", "--mount-proc"]
        places = {
            "--empty": hidden_folders(),
            "--show": self.shown(),
            "--cover": self.covered(),
            "--device": gpu_devices(),
            "--write": [str(self.scratch)],
        }
        options = [word for key, paths in places.items() for path in paths for word in (key, path)]
        setup = [sys.executable, "-I", "-S", str(Path(inside.__file__)), *options, "--"]
        # `unshare` itself is to end with this process, as what it starts ends with it.
        bound = shutil.which("setpriv")
        first = [bound, "--pdeathsig", "KILL"] if bound is not None else []
        return [*first, self.program, *namespaces, *mounts, *setup]

    def shown(self) -> list[str]:
        """List what is shown again of hidden folders, outer folders first."""
        wanted = {str(path.absolute()) for path in self.readable}
        wanted |= {os.path.realpath(path) for path in wanted}
        below = {
            path
            for path in wanted
            if os.path.exists(path)
            and any(_is_within(path, top) for top in hidden_folders())
            and not any(_is_within(top, os.path.realpath(path)) for top in hidden_folders())
        }
        return sorted(
            path for path in below if not any(_is_within(path, o) for o in below - {path})
        )

    def covered(self) -> list[str]:
        """List the places of credentials, also where they lie in what is shown."""
        places = _credentials()
        found = {p for p in places if not any(_is_within(p, top) for top in hidden_folders())}
        for path in self.shown():
            real = os.path.realpath(path)
            found |= {path + place[len(real) :] for place in places if _is_within(place, real)}
        return sorted(found)


def find_sandbox(scratch: Path, readable: Sequence[Path]) -> Sandbox:
    """Find what can make a sandbox here, by trying it.

    Parameters
    ----------
    scratch : Path
        An existing folder, the one that can be written inside.
    readable : sequence of Path
        What must be readable, wherever it lies.

    Raises
    ------
    MirbenchError
        If nothing can; the message says what was tried, and what to install.
    """
    tried = []
    for name in ("bwrap", "unshare"):
        program = shutil.which(name)
        if program is None:
            tried.append(f"{name} is not installed")
            continue
        sandbox = Sandbox(program, scratch, tuple(readable))
        failure = _failure(sandbox)
        if failure is None:
            return sandbox
        tried.append(f"{name} fails ({failure})")
    raise MirbenchError(
        f"there is no sandbox on this machine: {'; '.join(tried)}. Install bubblewrap (apt install "
        "bubblewrap, dnf install bubblewrap) and see that user namespaces are allowed (containers "
        "and some distributions forbid them), or leave --sandbox out and run only plugins whose "
        "authors you trust"
    )


def _failure(sandbox: Sandbox) -> str | None:
    """Say why a sandbox does not work; None if it does."""
    try:
        done = subprocess.run(
            sandbox.command([sys.executable, "-I", "-S", "-c", ""]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return (done.stderr.strip() or f"status {done.returncode}").splitlines()[-1]


def hidden_folders() -> list[str]:
    """List those of `HIDDEN` that are here."""
    return sorted({os.path.realpath(folder) for folder in HIDDEN if os.path.isdir(folder)})


def is_hidden(folder: Path) -> bool:
    """Whether a folder is one of those that are not shown, or a place of credentials."""
    real = os.path.realpath(folder)
    return real in hidden_folders() or any(_is_within(real, place) for place in _credentials())


def _credentials() -> list[str]:
    """List the places of credentials that the user has."""
    home = os.path.expanduser("~")
    places = [os.path.realpath(os.path.join(home, name)) for name in CREDENTIALS]
    if os.environ.get("HF_HOME"):
        names = ("token", "stored_tokens")
        places += [os.path.realpath(os.path.join(os.environ["HF_HOME"], name)) for name in names]
    return [place for place in places if os.path.exists(place)]


def gpu_devices() -> list[str]:
    """List the devices of GPUs."""
    try:
        return sorted(f"/dev/{name}" for name in os.listdir("/dev") if name.startswith(_GPUS))
    except OSError:
        return []


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
