"""The arrows of the house, read off the source: which room may import which."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from helpers.here import embed_here
from helpers.house import HOUSE, PAGE, rendered
from helpers.import_graph import (
    ROOT,
    circles,
    module_files,
    module_graph,
    room_graph,
)

ROW = {f"benchmark.{name}": number for number, names in enumerate(HOUSE) for name in names}

#: What the other folders may import of mirbench, besides their own modules.
NEIGHBOURS = {
    "representations": {"benchmark.api"},
    "tasks": {"benchmark.api"},
    "splits": {"benchmark.api", "tasks"},
    "leaderboard": {
        "benchmark.api",
        "benchmark.files",
        "benchmark.progress",
        "benchmark.result",
        "benchmark.scoring",
    },
}

#: What rooms of ``benchmark/`` may import of the other folders.
OUTSIDE = {"benchmark.cli": {"leaderboard"}, "benchmark.registry": {"splits"}}

ROOMS = room_graph(module_graph())


def test_every_room_of_the_harness_has_a_place() -> None:
    assert {room for room in ROOMS if room.startswith("benchmark.")} == set(ROW)


@pytest.mark.parametrize("room", sorted(ROW))
def test_arrows_run_downwards(room: str) -> None:
    for target in ROOMS[room]:
        if target in ROW:
            assert ROW[target] > ROW[room], f"{room} imports {target}, which is not below it"
        else:
            assert target.split(".")[0] in OUTSIDE.get(room, ()), f"{room} imports {target}"


@pytest.mark.parametrize("folder", sorted(NEIGHBOURS))
def test_neighbours_import_little_of_the_harness(folder: str) -> None:
    for room, targets in ROOMS.items():
        if room.split(".")[0] == folder:
            foreign = {t for t in targets if t.split(".")[0] != folder}
            assert foreign <= NEIGHBOURS[folder], f"{room} imports {foreign}"


def test_the_package_itself_imports_what_it_offers() -> None:
    assert ROOMS["benchmark"] == {"benchmark.machine", "benchmark.runs"}
    assert not ROOMS["benchmark.api"]


def test_there_are_no_circles() -> None:
    assert not circles(ROOMS)
    # A plugin that is a package imports its parts when they are needed, and they import it.
    own = {room: targets for room, targets in module_graph().items() if "jukebox" not in room}
    assert not circles(own)


def test_imports_by_string_and_inside_functions_are_seen(tmp_path: Path) -> None:
    folder = tmp_path / "benchmark"
    folder.mkdir()
    (folder / "one.py").write_text(
        "def f():\n    import importlib\n    importlib.import_module('mirbench.benchmark.two')\n"
    )
    (folder / "two.py").write_text("def g():\n    from mirbench.benchmark import three\n")
    (folder / "three.py").write_text("from mirbench.benchmark.one import f\n")
    graph = module_graph(tmp_path)
    assert circles(graph) == [{"benchmark.one", "benchmark.two", "benchmark.three"}]


def test_no_module_takes_the_place_of_a_function() -> None:
    assert not {"benchmark.run", "benchmark.embed", "benchmark.probe"} & set(ROOMS)
    files = [path for path in (ROOT / "benchmark").glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= 8


def trees() -> list[tuple[Path, ast.Module]]:
    paths = module_files().values()
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def test_nothing_is_unpickled_and_one_module_may_open_a_socket() -> None:
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name.split(".")[0] for alias in node.names}
                if isinstance(node, ast.ImportFrom):
                    names = {(node.module or "").split(".")[0]}
                if path.name != "answers.py":  # which says what a worker's may name
                    assert not names & {"pickle", "dill", "cloudpickle", "shelve"}, path
                if path.name != "download.py":
                    assert not names & {"socket", "urllib", "http", "requests", "httpx"}, path
            if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "weights_only"):
                assert isinstance(node.value, ast.Constant)
                assert node.value.value is (node.arg == "weights_only"), path


#: Two calls in the representation whose embeddings cost most: its source is part of their
#: fingerprint, and they would all be computed again.
LONG_CALLS = {"representations/jukebox/__init__.py", "representations/jukebox/transformer.py"}


def test_rooms_are_small() -> None:
    """No module over 300 lines, no function body over 60, no call with over six arguments."""
    too_large = []
    for path, tree in trees():
        place = path.relative_to(ROOT)
        if len(path.read_text(encoding="utf-8").splitlines()) > 300:
            too_large.append(f"{place} has over 300 lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                lines = _body_lines(node)
                if lines > 60:
                    too_large.append(f"{place}: the body of {node.name} has {lines} lines")
            if isinstance(node, ast.Call) and len(node.args) > 6 and str(place) not in LONG_CALLS:
                too_large.append(f"{place}, line {node.lineno}: {len(node.args)} arguments")
    assert not too_large, "\n".join(too_large)


def _body_lines(function: ast.FunctionDef) -> int:
    """Lines of a function without its signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_the_page_is_what_the_code_says() -> None:
    """Mend it with: PYTHONPATH=tests python -m helpers.house."""
    assert PAGE.read_text(encoding="utf-8") == rendered()


def test_files_that_the_page_names_are_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in set(re.findall(r"`([a-z_]+/[a-z_/]*(?:\.py)?)`", text)):
        assert any((ROOT / folder / name).exists() for folder in ("", "benchmark")), name


ROAD = re.compile(r"^\| `([a-z_/]+\.py)` \| `(\w+)` \|", re.MULTILINE)


@pytest.mark.slow
def test_a_run_takes_the_road_of_the_page(
    main: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed_here(monkeypatch)  # what is done in another process is not seen
    road = ROAD.findall(PAGE.read_text(encoding="utf-8"))
    assert len(road) > 20
    seen: dict[tuple[str, str], None] = {}

    def note(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if (
            event == "call"
            and code.co_flags & inspect.CO_OPTIMIZED
            and "mirbench" not in code.co_name
        ):
            for folder in ("benchmark", "leaderboard"):
                _, found, rest = code.co_filename.rpartition(f"/{folder}/")
                if found:
                    seen.setdefault((f"{folder}/{rest}", code.co_name))

    options = ("--protocol", "quick", "--jobs", "1", "--out", tmp_path / "rows")
    sys.setprofile(note)
    threading.setprofile(note)
    try:
        status, *_ = main("run", "--rep", "tinyrep", "--task", "tinytask", *options)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert status == 0
    assert [step for step in seen if step in road] == road
