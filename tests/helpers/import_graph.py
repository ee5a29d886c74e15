"""The import graph of the project, read off the source: rooms, arrows, floors and circles.

A *room* is what one sees in a top-level folder: a module or package of
``benchmark/``, and each of the other folders as a whole (their packages are
rooms too, and the private modules of ``representations/``, which its packages
build on, are one). An *arrow* leads from a room to one that it imports, anywhere
in its files: at the top, inside functions, under ``TYPE_CHECKING``, or by a
string that is given to ``import_module``. A room's *floor* is the length of
the longest chain of arrows below it; a *circle* is a set of rooms (or of
modules) that reach each other.

``python tests/helpers/import_graph.py`` prints the numbers for this checkout,
``python tests/helpers/import_graph.py FOLDER`` those of another.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("benchmark", "representations", "tasks", "splits", "leaderboard")

Graph = dict[str, set[str]]


def module_files(root: Path = ROOT) -> dict[str, Path]:
    """Every module of the project by its dotted name below ``mirbench``."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported_names(tree: ast.AST, runtime: bool = False) -> set[str]:
    """Dotted names below ``mirbench`` that a syntax tree imports, wherever that is.

    Parameters
    ----------
    tree : ast.AST
        Of a module, or a part of one.
    runtime : bool
        Leave out what only type checkers import.
    """
    if runtime and isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.unparse(tree.test):
        return set()
    names: set[str] = set()
    if isinstance(tree, ast.Import):
        names = {alias.name for alias in tree.names}
    elif isinstance(tree, ast.ImportFrom):
        assert tree.level == 0, f"line {tree.lineno}: imports are absolute"
        module = tree.module or ""
        # The module itself only if no submodule is meant; that is sorted out by `modules_of`.
        names = {f"{module}.{alias.name}" for alias in tree.names}
    elif isinstance(tree, ast.Call) and "import_module" in ast.unparse(tree.func):
        names = {a.value for a in tree.args if isinstance(a, ast.Constant) and _is_text(a.value)}
    for child in ast.iter_child_nodes(tree):
        names |= {f"mirbench.{name}" for name in imported_names(child, runtime)}
    return {n.removeprefix("mirbench.") for n in names if n.startswith("mirbench.")}


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def module_graph(root: Path = ROOT, runtime: bool = False) -> Graph:
    """For every module, the modules that it imports."""
    files = module_files(root)
    graph: Graph = {}
    for name, path in files.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = {_module_of(n, files) for n in imported_names(tree, runtime)}
        graph[name] = {n for n in found if n and n != name}
    return graph


def _module_of(name: str, files: Mapping[str, Path]) -> str:
    """Find the module that an imported name is, or lies in; empty if it is none of ours."""
    while name and name not in files:
        name = name.rpartition(".")[0]
    return name


def room_of(module: str) -> str:
    """Name the room in which a module lies."""
    folder, *rest = module.split(".")
    if folder == "benchmark":
        return ".".join([folder, *rest[:1]])
    packages = [part for part in rest[:1] if (ROOT / folder / part).is_dir()]
    if folder == "representations" and not packages and rest and rest[0].startswith("_"):
        packages = ["_private"]
    return ".".join([folder, *packages])


def room_graph(modules: Mapping[str, Iterable[str]]) -> Graph:
    """For every room, the rooms that it imports."""
    graph: Graph = {}
    for module, targets in modules.items():
        room = room_of(module)
        graph.setdefault(room, set()).update(room_of(target) for target in targets)
        graph[room].discard(room)
    return graph


def circles(graph: Mapping[str, Iterable[str]]) -> list[set[str]]:
    """Find sets of nodes that reach each other (strongly connected components)."""
    reach = {node: _reachable(graph, node) for node in graph}
    found: list[set[str]] = []
    for node in sorted(graph):
        ring = {other for other in reach[node] if node in reach.get(other, ())}
        if ring and not any(node in other for other in found):
            found.append(ring | {node})
    return found


def _reachable(graph: Mapping[str, Iterable[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += graph.get(node, ())
    return seen


def floors(graph: Graph) -> int:
    """Rooms in the longest chain of arrows; a circle counts as one room."""
    rings = circles(graph)
    ring_of = {node: number for number, ring in enumerate(rings) for node in ring}

    def name(node: str) -> str:
        return f"circle {ring_of[node]}" if node in ring_of else node

    condensed: Graph = {}
    for node, targets in graph.items():
        condensed.setdefault(name(node), set()).update(name(t) for t in targets)
        condensed[name(node)].discard(name(node))
    heights: dict[str, int] = {}

    def height(node: str) -> int:
        if node not in heights:
            heights[node] = 1 + max((height(t) for t in condensed.get(node, ())), default=0)
        return heights[node]

    return max(map(height, condensed))


def summary(root: Path = ROOT) -> str:
    """Say the four numbers, in a line."""
    modules = module_graph(root)
    rooms = room_graph(modules)
    # A plugin that is a package imports its parts when they are needed, and they import it.
    rings = [ring for ring in circles(modules) if not all("jukebox" in node for node in ring)]
    return (
        f"rooms {len(rooms)}, floors {floors(rooms)}, "
        f"arrows {sum(map(len, rooms.values()))}, circles {len(rings)} "
        f"({', '.join(str(len(ring)) for ring in rings) or 'none'} modules)"
    )


if __name__ == "__main__":
    place = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    ROOT = place
    print(summary(place))
