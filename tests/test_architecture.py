"""The import arrows of the design, read off the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("benchmark", "representations", "tasks", "splits", "leaderboard")

#: Layers of the harness, from the top; a module imports from lower layers or its own.
LAYERS = (
    {"cli"},
    {"cli_submissions"},
    {"cli_sweep"},
    {"cli_rows"},
    {"cli_data", "cli_board", "cli_weights"},
    {"options"},
    {"doctor_report", "reproduce_report", "weights_report"},
    {"sweeping"},
    {"planning", "listing", "reports", "commands", "reproduce"},
    {"doctor", "submissions"},
    {"jobs"},
    {"fetching", "features", "weights_fetch", "weights_add"},
    {"runner", "datasets"},
    {"assessment"},
    {"rows", "precomputed", "environment"},
    {"probing", "embedding", "result", "bootstrap"},
    {"batches"},
    {"weighted_scores"},
    {"weighted_ranking"},
    {"worker", "weights_names"},
    {"registry"},
    {"adapters", "weights"},
    {"conversion"},
    {"weight_sets"},
    {"plugins"},
    {"splits"},
    {"store"},
    {"download", "unpack", "clip_checks"},
    {"batched_metrics"},
    {
        "engine",
        "audio",
        "protocol",
        "metrics",
        "contract",
        "kernels",
        "progress",
        "sources",
        "cards",
    },
    {"checksums", "heap", "partial", "tensorfile", "layered"},
    {"api"},
)
LEVEL = {name: number for number, names in enumerate(LAYERS) for name in names}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Dotted names of mirbench modules that a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            names.add(node.module)
            if node.module in {f"mirbench.{package}" for package in PACKAGES}:
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("mirbench.")}


def module_name(path: Path) -> str:
    """First part of a module's name below its package: ``probing`` for ``probing/data.py``."""
    return path.relative_to(ROOT).with_suffix("").parts[1]


def test_every_module_of_the_harness_has_a_layer() -> None:
    names = {module_name(path) for path in modules("benchmark")} - {"__init__"}
    assert names == set(LEVEL)


@pytest.mark.parametrize("path", modules("benchmark"), ids=module_name)
def test_the_harness_imports_downwards(path: Path) -> None:
    own = module_name(path)
    if own == "__init__":
        assert imports(path) <= {"mirbench.benchmark.runs.commands", "mirbench.benchmark"} | {
            f"mirbench.benchmark.runs.commands.{name}" for name in ("run", "embed", "probe")
        } | {"mirbench.benchmark.runs.commands"}
        return
    for name in imports(path):
        package, *rest = name.split(".")[1:]
        if package != "benchmark":
            assert (own, package) in {
                ("cli", "leaderboard"),
                ("cli_board", "leaderboard"),
                ("cli_submissions", "leaderboard"),
                ("cli_rows", "leaderboard"),
                ("cli_sweep", "leaderboard"),
                ("registry", "splits"),
            }, f"{own} imports {name}"
        elif rest and rest[0] in LEVEL:
            assert LEVEL[rest[0]] >= LEVEL[own], f"{own} imports {name}, which is above it"


@pytest.mark.parametrize("package", ["representations", "tasks"])
def test_plugins_import_the_contract_and_nothing_else_of_the_harness(package: str) -> None:
    for path in modules(package):
        for name in imports(path):
            allowed = name == "mirbench.benchmark.api" or name.startswith(f"mirbench.{package}")
            assert allowed, f"{path.name} imports {name}"


def test_the_leaderboard_imports_results_and_the_contract() -> None:
    for path in modules("leaderboard"):
        for name in imports(path):
            parts = name.split(".")
            if parts[1] == "benchmark":
                assert parts[2] in {"result", "api", "bootstrap", "weighted_scores"}, (
                    f"{path.name} imports {name}"
                )
            else:
                assert parts[1] == "leaderboard", f"{path.name} imports {name}"


def test_the_contract_imports_nothing_of_ours() -> None:
    assert imports(ROOT / "benchmark" / "api.py") == set()


def test_nothing_is_unpickled_and_one_module_may_open_a_socket() -> None:
    for package in PACKAGES:
        for path in modules(package):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    names = {alias.name.split(".")[0] for alias in node.names}
                    if isinstance(node, ast.ImportFrom):
                        names = {(node.module or "").split(".")[0]}
                    assert not names & {"pickle", "dill", "cloudpickle", "shelve"}, path
                    if path.name != "download.py":
                        assert not names & {"socket", "urllib", "http", "requests", "httpx"}, path
                if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "weights_only"):
                    assert isinstance(node.value, ast.Constant)
                    assert node.value.value is (node.arg == "weights_only"), path
