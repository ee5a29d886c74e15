"""Find plugins without importing them: built in, or installed by someone else.

A built-in one is a module of ``mirbench.representations`` or
``mirbench.tasks``; others announce themselves by the entry-point groups of
the same names. See `mirbench.benchmark.plugins.source` for what is read without
importing.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Literal, cast

from mirbench.benchmark.api import Card, PluginError, UsageError
from mirbench.benchmark.files.checksums import file_sha256
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.machine.code_lines import error_text
from mirbench.benchmark.machine.launch import check_here, rules
from mirbench.benchmark.machine.process_state import PluginState, plugin_state
from mirbench.benchmark.machine.secret_names import secrets_hidden
from mirbench.benchmark.plugins.apart import forget_own, own_module_tables, own_modules
from mirbench.benchmark.plugins.card import card_mistake
from mirbench.benchmark.plugins.source import Source, module_source, package_source

PluginKind = Literal["representation", "task"]


@dataclass(frozen=True)
class Plugin:
    """A plugin that was found but not loaded.

    Attributes
    ----------
    origin : str
        ``built-in``, ``file``, or the name of the distribution it comes with.
    module : str or None
        Dotted name to import; None for a file.
    source : Source or None
        None if the module could not be found.
    attribute : str
        What an entry point names in the module.
    """

    kind: PluginKind
    name: str
    origin: str
    module: str | None
    source: Source | None
    attribute: str = ""

    @property
    def place(self) -> str:
        """Where it lies, for messages."""
        return f"{self.origin} ({self.module or (self.source and self.source.path)})"

    @functools.cached_property
    def state(self) -> PluginState:
        """What it has set for this process; entered around every call of its code."""
        return plugin_state(self.place, self.source.digest() if self.source is not None else "")

    def unload(self) -> None:
        """Forget its modules, so that what they read when they are imported is read anew."""
        if self.origin == "built-in" or self.source is None:
            return
        files = [*self.source.files(), *self.source.development().values()]
        _unload(files)
        if self.module is None:
            forget_own(self.source.path.parent)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Enter around every call of its code: its own modules and settings, and only now.

        Meanwhile the environment has no secrets.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(secrets_hidden(rules().passed))
            if self.module is None and self.source is not None:
                stack.enter_context(own_modules(self.source.path.parent))
            stack.enter_context(self.state)
            yield

    def card(self) -> Card:
        """Model card, read without importing the module; empty if it has none."""
        card = self.source.literal("CARD") if self.source is not None else None
        if not isinstance(card, dict):
            return {}
        mistake = card_mistake(card)
        if mistake is not None:
            raise PluginError(f"{self.place}: its CARD is wrong: {mistake}")
        return cast("Card", card)

    def missing_requirement(self) -> str | None:
        """Say what it needs that is not installed, and how to install it; None if nothing is."""
        card = self.card()
        for name in card.get("requires", []):
            # Only the top-level name: looking for "a.b" would import a.
            if importlib.util.find_spec(name.partition(".")[0]) is None:
                how = card.get("install", f"pip install {name}")
                return f"needs {name}, which is not installed: {how}"
        return None

    def load_module(self) -> ModuleType:
        """Import the module.

        Raises
        ------
        PluginError
            If that fails for whatever reason; the message gives it. Also while there is a
            sandbox, of which this process is outside, unless the plugin is built in.
        """
        if self.origin != "built-in":
            check_here(f"{self.kind} {self.name!r} of {self.place}")
        if self.source is not None:
            development = self.source.development()
            files = [*self.source.files(), *development.values()]
            forget_changed(str(self.source.path), self.source.digest(), files)
            forget_stale(development)
        try:
            with self.running():
                if self.module is not None:
                    return importlib.import_module(self.module)
                assert self.source is not None
                return _import_file(self.source.path)
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"{self.kind} {self.name!r} of {self.place} cannot be imported: {error_text(error)}"
            ) from error


def find_plugins(kind: PluginKind) -> list[Plugin]:
    """Find every built-in and installed plugin, by name; two may share one."""
    plugins = [*_built_in(kind), *_installed(kind)]
    return sorted(plugins, key=lambda plugin: (plugin.name, plugin.origin != "built-in"))


def _built_in(kind: PluginKind) -> Iterable[Plugin]:
    package = f"mirbench.{kind}s"
    member = "load_model" if kind == "representation" else "TASK"
    folder = Path(importlib.import_module(package).__path__[0])
    names = {path.stem for path in folder.glob("*.py")}
    names |= {path.parent.name for path in folder.glob("*/__init__.py")}
    for name in sorted(names - {"__init__"}):
        source = package_source(package, folder, name)
        try:
            is_plugin = source.defines(member)
        except PluginError:  # listed with this reason, and it does not hide the others
            is_plugin = not name.startswith("_")
        if is_plugin:
            yield Plugin(kind, name, "built-in", f"{package}.{name}", source)


def _installed(kind: PluginKind) -> Iterable[Plugin]:
    for point in entry_points(group=f"mirbench.{kind}s"):
        yield Plugin(
            kind, point.name, _distribution(point), point.module, _source_of(point), point.attr
        )


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unknown distribution"


def _source_of(point: EntryPoint) -> Source | None:
    try:
        return module_source(point.module)
    except (ImportError, ValueError):
        return None


def find_plugin(kind: PluginKind, name: str, plugins: Sequence[Plugin] | None = None) -> Plugin:
    """Find the one plugin of a name.

    Parameters
    ----------
    kind : {"representation", "task"}
        Where to look.
    name : str
        Exactly as it is announced.
    plugins : sequence of Plugin, optional
        What `find_plugins` found, where the caller knows it already.

    Raises
    ------
    UsageError
        If there is none (the nearest names are suggested) or more than one.
    """
    plugins = find_plugins(kind) if plugins is None else plugins
    namesakes = [plugin for plugin in plugins if plugin.name == name]
    if len(namesakes) > 1:
        raise UsageError(
            f"two {kind}s are named {name!r}: {namesakes[0].place} and {namesakes[1].place}; "
            "uninstall or rename one of them"
        )
    if namesakes:
        return namesakes[0]
    names = sorted({plugin.name for plugin in plugins})
    near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names)}"
    raise UsageError(f"there is no {kind} {show(name)}; {hint} (mirbench list shows them all)")


#: Digest of each plugin's source when this process imported it.
_imported: dict[str, str] = {}


def forget_changed(what: str, now: str, files: Iterable[Path]) -> None:
    """Unload modules whose files have changed, so that what runs is what was fingerprinted.

    Workers and notebooks outlive an edit.

    Parameters
    ----------
    what : str
        What the files are of.
    now : str
        Digest of their contents.
    files : iterable of Path
        The files.
    """
    if _imported.setdefault(what, now) == now:
        return
    _imported[what] = now
    _unload(files)


def _unload(files: Iterable[Path]) -> None:
    places = {str(path): path for path in files}
    for path in places.values():
        _remove_doubtful_bytecode(path)
    for modules in (sys.modules, *own_module_tables()):
        for name, module in list(modules.items()):
            if getattr(module, "__file__", None) in places:
                del modules[name]
    importlib.invalidate_caches()


#: Digest of each file of a package under development when it was last looked at.
_contents: dict[Path, str] = {}


def forget_stale(files: Mapping[str, Path]) -> None:
    """Unload packages under development of which this process may hold another version.

    Parameters
    ----------
    files : mapping of str to Path
        Names such as ``package/module.py`` to files, as `development_files` finds them.
    """
    now = {path: file_sha256(path) for path in files.values()}
    edited = any(_contents.get(path, content) != content for path, content in now.items())
    _contents.update(now)
    tops = {name.partition("/")[0].removesuffix(".py") for name in files}
    loaded = [module for name, module in sys.modules.items() if name.partition(".")[0] in tops]
    places = [Path(file) for module in loaded if (file := getattr(module, "__file__", None))]
    if any(place.suffix != ".py" for place in places):
        return  # compiled modules cannot be imported twice
    if edited or not now.keys() >= set(places):
        for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
            del sys.modules[name]
        for path in now:
            _remove_doubtful_bytecode(path)
        importlib.invalidate_caches()


def _remove_doubtful_bytecode(path: Path) -> None:
    """Remove compiled code that may be of a file as it was before its last change.

    Python takes it for that of a source of the same size and second.
    """
    with contextlib.suppress(OSError, NotImplementedError):
        compiled = Path(importlib.util.cache_from_source(str(path)))
        if compiled.stat().st_mtime - path.stat().st_mtime < 2:
            compiled.unlink()


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"mirbench_plugin_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
