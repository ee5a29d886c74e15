"""What ``from mirbench.benchmark import …`` gives: explained, and cheap to import."""

from __future__ import annotations

import importlib.metadata
import inspect
import re
import subprocess
import sys

import pytest

import mirbench.benchmark
from mirbench.benchmark import embed, probe, run

FUNCTIONS = {"run": run, "embed": embed, "probe": probe}


def explained(function: object) -> dict[str, str]:
    """Read what a docstring says of each parameter, by name; names may share a text."""
    text = inspect.getdoc(function) or ""
    section = re.search(r"^Parameters\n-+\n(.*?)^Returns\n-+\n", text, re.S | re.M)
    assert section is not None
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=\w)", section[1].strip()):
        head, _, body = entry.partition("\n")
        for name in head.partition(" : ")[0].split(","):
            found[name.strip()] = " ".join(body.split())
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_is_explained(name: str) -> None:
    told = explained(FUNCTIONS[name])
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    assert sorted(told) == sorted(parameters)
    for parameter, text in told.items():
        assert len(text) > 12, parameter
        if text.startswith("As for `run`"):
            assert name != "run"
            assert not explained(run)[parameter].startswith("As for")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_returned_is_explained(name: str) -> None:
    text = inspect.getdoc(FUNCTIONS[name]) or ""
    returned = {"run": "Results", "embed": "dict of str to Embeddings", "probe": "Row or None"}
    assert f"\nReturns\n-------\n{returned[name]}\n    " in text
    annotation = {"run": "Results", "embed": "dict[str, Embeddings]", "probe": "Row | None"}
    assert inspect.signature(FUNCTIONS[name]).return_annotation == annotation[name]


def test_the_version_is_that_of_the_package() -> None:
    assert mirbench.benchmark.__version__ == importlib.metadata.version("mirbench")
    assert set(mirbench.benchmark.__all__) == {"__version__", *FUNCTIONS}


def test_importing_them_is_cheap() -> None:
    code = (
        "import sys\n"
        "import mirbench.benchmark\n"
        "mirbench.benchmark.__version__\n"
        "few = set(sys.modules)\n"
        "from mirbench.benchmark import embed, probe, run\n"
        "from mirbench.benchmark.result import Result, Results\n"
        "print(*(few & {'numpy', 'pydantic'}), *(sys.modules.keys() & "
        "{'torch', 'librosa', 'pandas', 'matplotlib', 'IPython', 'tqdm.auto'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
