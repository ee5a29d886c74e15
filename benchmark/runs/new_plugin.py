"""Files to begin a representation or a task with, for ``mirbench new``."""

from __future__ import annotations

import hashlib
import importlib.util
import keyword
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.files.atomic import cannot_write, check_writable
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.plugins.finding import PluginKind, find_plugins

_TEMPLATES = Path(__file__).with_name("templates")

#: Characters of a name.
_LONGEST = 50

#: Groups of the example's clips, and how many of them are for training and for validation.
_GROUPS, _TRAIN, _VALID = 20, 12, 4


@dataclass(frozen=True, kw_only=True)
class NewPlugin:
    """What is to be begun.

    Attributes
    ----------
    kind : {"representation", "task"}
    name : str
        What it is called on the command line.
    package : bool
        An installable package instead of a file.
    layers, batch : bool
        Of a representation: with several layers, with ``embed_batch``.
    """

    kind: PluginKind
    name: str
    package: bool = False
    layers: bool = False
    batch: bool = False

    @property
    def argument(self) -> str:
        """What names it on the command line, from the folder that it is written to."""
        return self.name if self.package else f"./{self.name}.py"

    @property
    def program(self) -> str:
        """How the file of a task is run as a program."""
        return f"python -m {self.name}.task" if self.package else f"python {self.name}.py"

    def files(self) -> dict[str, str]:
        """Write its files: paths below the folder that it goes to, and their contents."""
        split = f"splits/{self.name}.paper.csv"
        if not self.package:
            files = {f"{self.name}.py": self._render(f"{self.kind}.py")}
            return files | ({split: _example_split()} if self.kind == "task" else {})
        module = "model" if self.kind == "representation" else "task"
        files = {
            "pyproject.toml": self._render("pyproject.toml"),
            "README.md": self._render("README.md"),
            f"src/{self.name}/__init__.py": f'"""{self._title}."""\n',
            f"src/{self.name}/{module}.py": self._render(f"{self.kind}.py"),
            f"tests/test_{self.name}.py": self._render(f"test_{self.kind}.py"),
        }
        if self.kind == "task":
            files[f"src/{self.name}/{split}"] = _example_split()
        return {f"{self.name}/{place}": text for place, text in files.items()}

    @property
    def _title(self) -> str:
        words = " ".join(self.name.replace("_", " ").split())
        return words[:1].upper() + words[1:]

    def _render(self, template: str) -> str:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,
        )
        return environment.get_template(f"{template}.jinja").render(
            name=self.name,
            title=self._title,
            kind=self.kind,
            package=self.package,
            layers=self.layers,
            batch=self.batch,
            python=self.program,
            argument=self.argument,
        )


def write_plugin(plugin: NewPlugin, folder: Path) -> list[Path]:
    """Write the files of a new plugin; none that is there is touched.

    Raises
    ------
    UsageError
        If the name cannot be one or is taken, or a file or folder of its name is there.
    MirbenchError
        If the folder cannot be written to.

    Returns
    -------
    list of Path
        What was written.
    """
    check_new_name(plugin.kind, plugin.name)
    files = {folder / place: text for place, text in plugin.files().items()}
    whole = [folder / plugin.name] if plugin.package else []
    for path in [*whole, *files]:
        if path.exists() or path.is_symlink():
            raise UsageError(f"{path} is there, and is not overwritten: choose another name")
    check_writable(folder)
    written: list[Path] = []
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
        except OSError as error:
            for left in written:
                left.unlink(missing_ok=True)
            raise cannot_write(path, error) from error
    return written


def check_new_name(kind: PluginKind, name: str) -> None:
    """Check that a module and a plugin can have a name.

    Raises
    ------
    UsageError
        If it is no name for a module, or that of a plugin or an installed package.
    """
    plain = name.isascii() and name.isidentifier() and not keyword.iskeyword(name)
    if not plain or name.startswith("_") or len(name) > _LONGEST:
        raise UsageError(
            f"{show(name)} cannot be the name: it becomes that of a Python module, so it has "
            f"letters, digits and _, begins with a letter, has at most {_LONGEST} characters, and "
            "is no word of the language"
        )
    for other in find_plugins(kind):
        if other.name.lower() == name.lower():
            raise UsageError(
                f"there is a {kind} {other.name!r} already, {other.place}; choose another name"
            )
    if importlib.util.find_spec(name) is not None:
        raise UsageError(
            f"Python has a module {name!r} already, which this one would hide; choose another name"
        )


def _example_split() -> str:
    """Write the split of the example that the file of a task makes, as that would."""
    groups = [f"{number:02d}" for number in range(_GROUPS)]
    shuffled = sorted(groups, key=lambda group: hashlib.sha256(group.encode()).hexdigest())
    part = dict.fromkeys(shuffled, "test")
    part |= dict.fromkeys(shuffled[: _TRAIN + _VALID], "valid")
    part |= dict.fromkeys(shuffled[:_TRAIN], "train")
    lines = [f"{label}_{group},{part[group]}" for label in ("high", "low") for group in groups]
    return "\n".join(["clip_id,split", *lines]) + "\n"
