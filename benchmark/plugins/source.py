"""Read plugins without importing them: their card, parameters and source digest.

``mirbench list`` must not load torch for every model there is, and the
fingerprint of a representation must be known before its model is built. So
both are read from the source text.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import warnings
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import PluginError
from mirbench.benchmark.files.foreign import DAMAGES, read_bounded
from mirbench.benchmark.plugins.development import development_files


@dataclass(frozen=True)
class Source:
    """The source of a plugin.

    Attributes
    ----------
    path : Path
        The module's file (``__init__.py`` of a package).
    root : Path
        Folder below which imported modules count as the plugin's own.
    package : str or None
        Dotted name that `root` stands for; empty: files in it are imported by
        their bare names; None: the module has no others of its own.
    """

    path: Path
    root: Path
    package: str | None

    @cached_property
    def tree(self) -> ast.Module:
        """Syntax tree of the module; raises PluginError."""
        return _parse(self.path)

    def literal(self, name: str) -> Any:
        """Value of a module-level literal such as ``CARD``; None if there is none."""
        for node in self.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AnnAssign):
                targets = [node.target]
            if any(isinstance(t, ast.Name) and t.id == name for t in targets):
                value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
                try:
                    content = None if value is None else ast.literal_eval(value)
                    repr(content)  # of a number that is too long for Python to write
                    return content
                except (MemoryError, *DAMAGES):
                    return None
        return None

    def defines(self, name: str) -> bool:
        """Whether the module assigns, defines or imports a name at its top level."""
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
                return True
            if isinstance(node, ast.ImportFrom) and any(
                (alias.asname or alias.name) == name for alias in node.names
            ):
                return True
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AnnAssign):
                targets = [node.target]
            if any(isinstance(t, ast.Name) and t.id == name for t in targets):
                return True
        return False

    def parameters(self) -> dict[str, Any] | None:
        """Parameters of ``load_model`` with their defaults, ``device`` left out.

        None if they cannot be read off the source: no plain function, or ``**params``.
        """
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == "load_model":
                if node.args.kwarg is not None:
                    return None
                return _defaults(node.args)
        return None

    def stated_dims(self) -> int | None:
        """Length of an embedding, where the module says it of its only model as a number.

        None where something else may decide: a second value, or what an instance is given.
        """
        stated: list[ast.expr | None] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                stated += [node.value for target in targets if _is_dims(target)]
            elif isinstance(node, ast.FunctionDef) and node.name == "dims":
                stated.append(None)
        value = stated[0] if len(stated) == 1 else None
        if isinstance(value, ast.Constant) and type(value.value) is int:
            return value.value
        return None

    def files(self) -> list[Path]:
        """List the module's file and every module of its own that it imports, directly or not."""
        files: set[Path] = set()
        waiting = [self.path]
        while waiting:
            path = waiting.pop()
            if path in files:
                continue
            files.add(path)
            if path.name == "__init__.py" and path.parent != self.root:
                waiting += sorted(path.parent.rglob("*.py"))
            waiting += self._imported(path)
        return sorted(files | self._packages_of(files))

    def _packages_of(self, files: set[Path]) -> set[Path]:
        """Find what runs before modules of an installed package do: the packages around them."""
        if not self.package or self.package.startswith("mirbench."):
            return set()
        folders = {folder for path in files for folder in path.parents}
        around = {folder / "__init__.py" for folder in folders if folder.is_relative_to(self.root)}
        return {path for path in around if path.is_file()}

    def development(self) -> dict[str, Path]:
        """List the files of packages under development that the module imports, by name."""
        if (self.package or "").startswith("mirbench."):
            return {}
        own = (self.package or self.path.stem).partition(".")[0]
        return development_files(
            self.files(), _parse, lambda name: name == own or self._locate(name) is not None
        )

    def digest(self) -> str:
        """SHA-256 over names and contents of all `files`, and of those under development."""
        own = [(path.relative_to(self.root).as_posix(), path) for path in self.files()]
        total = hashlib.sha256()
        for name, path in [*own, *sorted(self.development().items())]:
            total.update(name.encode() + b"\0")
            total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def _imported(self, path: Path) -> list[Path]:
        if self.package is None:
            return []
        names = set()
        for node in ast.walk(_parse(path)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    parents = (self.package + "." + _dotted(path, self.root)).strip(".").split(".")
                    keep = len(parents) - node.level + (path.name == "__init__.py")
                    base = ".".join([*parents[:keep], *([base] if base else [])])
                names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
        places = map(self._locate, sorted(names))
        return [place for place in places if place is not None]

    def _locate(self, name: str) -> Path | None:
        prefix = self.package + "." if self.package else ""
        if not name.startswith(prefix):
            return None
        place = self.root.joinpath(*name.removeprefix(prefix).split("."))
        try:
            for candidate in (place.with_suffix(".py"), place / "__init__.py"):
                if candidate.is_file():
                    return candidate
        except (OSError, ValueError):  # no file can have such a name
            pass
        return None


def _is_dims(target: ast.expr) -> bool:
    """Whether something is given the name ``dims``: of a class, or of an instance."""
    return any(
        (isinstance(node, ast.Name) and node.id == "dims")
        or (isinstance(node, ast.Attribute) and node.attr == "dims")
        for node in ast.walk(target)
    )


@lru_cache(maxsize=256)
def _tree(content: bytes, path: str) -> ast.Module:
    """Parse the text of a module. Every name looks through all plugins, so trees are kept.

    The text is part of the key, so an edited file is parsed anew.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are for its author, who runs it
        return ast.parse(content, filename=path)


def _parse(path: Path) -> ast.Module:
    try:
        return _tree(read_bounded(path), str(path))
    except SyntaxError as error:
        raise PluginError(f"{path}, line {error.lineno}: {error.msg}") from error
    except (OSError, MemoryError, *DAMAGES) as error:
        why = str(error) or type(error).__name__
        raise PluginError(f"{path} cannot be read: {why}") from error


def _defaults(arguments: ast.arguments) -> dict[str, Any] | None:
    plain = [*arguments.posonlyargs, *arguments.args]
    gaps: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
    values = [*gaps, *arguments.defaults]
    pairs = [
        *zip(plain, values, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    try:
        defaults = {
            argument.arg: None if value is None else ast.literal_eval(value)
            for argument, value in pairs
            if argument.arg != "device"
        }
        repr(defaults)  # of numbers that are too long for Python to write
        return defaults
    except (MemoryError, *DAMAGES):
        return None


def _dotted(path: Path, root: Path) -> str:
    parts = list(path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def file_source(path: Path) -> Source:
    """Source of a plugin given as a file; modules beside it are its own."""
    path = path.resolve()
    return Source(path, path.parent, "")


def package_source(package: str, folder: Path, name: str) -> Source:
    """Source of module or package `name` of an imported package that lies in `folder`."""
    module = folder / f"{name}.py"
    return Source(module if module.is_file() else folder / name / "__init__.py", folder, package)


def module_source(module: str) -> Source:
    """Find the source of an installed module without running it.

    Modules of the same top-level package count as its own.

    Raises
    ------
    ModuleNotFoundError
        If there is no such module.
    """
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is not None and spec.submodule_search_locations is None and not rest and spec.origin:
        return Source(Path(spec.origin), Path(spec.origin).parent, None)
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        place = Path(folder).joinpath(*rest)
        for candidate in (place.with_suffix(".py"), place / "__init__.py"):
            if candidate.is_file() and (rest or candidate.name == "__init__.py"):
                return Source(candidate, Path(folder), top)
    raise ModuleNotFoundError(f"No module named {module!r}", name=module)
