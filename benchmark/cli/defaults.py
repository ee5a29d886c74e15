"""Defaults of options from a file, ``mirbench.toml``; docs/commandline.md lists its keys.

A file that came with somebody else's folder is read as readily as one's own, so no key names
code, a cluster or a place to write results to.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import UsageError

NAME = "mirbench.toml"

#: Of a file.
MOST_BYTES = 100_000

#: Keys that stand for environment variables, which go before them.
_FOLDERS = {"data": "MIRBENCH_DATA", "cache": "MIRBENCH_CACHE"}


def _is_folder(value: object) -> bool:
    if not isinstance(value, str) or not value or not value.isprintable():
        return False
    try:
        Path(value).expanduser()
    except RuntimeError:  # of nobody
        return False
    return True


def _is_device(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"cpu|cuda(:\d{1,3})?", value) is not None


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_amount(value: object) -> bool:
    return type(value) in (int, float) and 0.01 <= float(str(value)) < float("inf")


def _is_flag(value: object) -> bool:
    return type(value) is bool


#: Each key, which is also the name of an option: whether a value is right, and what it must be.
KEYS: dict[str, tuple[Callable[[object], bool], str]] = {
    "data": (_is_folder, "the name of a folder"),
    "cache": (_is_folder, "the name of a folder"),
    "device": (_is_device, '"cpu", "cuda" or "cuda:1"'),
    "jobs": (_is_count, "a whole number from 1"),
    "memory": (_is_amount, "a number of GiB from 0.01"),
    "clip-timeout": (_is_amount, "a number of seconds from 0.01"),
    "sandbox": (_is_flag, "true or false"),
    "quiet": (_is_flag, "true or false"),
}


@dataclass(frozen=True)
class Defaults:
    """What a file says.

    Attributes
    ----------
    path : Path or None
        The file; None if there is none.
    values : dict
        Value by key; folders are absolute.
    own : bool
        Whether it is the file of the user's configuration, not of a working folder.
    """

    path: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    own: bool = False

    def of_options(self, command: Any) -> dict[str, Any]:
        """Defaults of a command's options, and of its commands', as Click takes them."""
        found: dict[str, Any] = {
            option.name: value
            for key, value in self.values.items()
            if key not in _FOLDERS
            for option in command.params
            if f"--{key}" in option.opts
        }
        for name, below in getattr(command, "commands", {}).items():
            found[name] = self.of_options(below)
        return found

    @contextmanager
    def as_environment(self) -> Iterator[None]:
        """Set the variables of folders meanwhile, but for those that are set."""
        from mirbench.benchmark.files.cache import DISTRUSTED

        new = {
            variable: str(self.values[key])
            for key, variable in _FOLDERS.items()
            if key in self.values and not os.environ.get(variable)
        }
        if not self.own and _FOLDERS["cache"] in new:
            new[DISTRUSTED] = new[_FOLDERS["cache"]]
        before = {variable: os.environ.get(variable) for variable in new}
        os.environ.update(new)
        try:
            yield
        finally:
            for variable, value in before.items():
                os.environ.pop(variable)
                if value is not None:
                    os.environ[variable] = value


def find_defaults(here: Path | None = None) -> Defaults:
    """Read the file of the working folder or of one above it, else that of the configuration.

    Parameters
    ----------
    here : Path, optional
        Where to begin; default: the working folder. Folders above it are looked at up to that
        of the Git repository, and none where there is no repository.

    Raises
    ------
    UsageError
        If the file cannot be read, or a key or value is wrong.
    """
    try:
        here = here or Path.cwd()
    except OSError:  # it was removed
        return Defaults()
    for folder in _folders(here):
        if os.path.isfile(folder / NAME):
            return _read(folder / NAME, own=False)
    import platformdirs

    path = platformdirs.user_config_path("mirbench", appauthor=False) / NAME
    return _read(path, own=True) if os.path.isfile(path) else Defaults()


def _folders(here: Path) -> list[Path]:
    every = [here, *here.parents]
    for number, folder in enumerate(every):
        if os.path.exists(folder / ".git"):
            return every[: number + 1]
    return [here]  # what lies in /tmp or /home is of others


def _read(path: Path, own: bool) -> Defaults:
    import tomllib

    from mirbench.benchmark.files.foreign import DAMAGES, read_bounded, show

    try:
        content = tomllib.loads(read_bounded(path, MOST_BYTES).decode())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except DAMAGES as error:
        raise UsageError(f"{path} cannot be read as TOML: {error}") from error
    for key, value in content.items():
        if key not in KEYS:
            raise UsageError(f"{path}: there is no key {show(key)}; there are: {', '.join(KEYS)}")
        fits, expected = KEYS[key]
        if not fits(value):
            raise UsageError(f"{path}: {key} must be {expected}, not {show(value)}")
    folders = {
        key: path.parent.absolute() / Path(content[key]).expanduser()
        for key in _FOLDERS
        if key in content
    }
    return Defaults(path.absolute(), content | folders, own)
