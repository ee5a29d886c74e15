"""``mirbench weights``, and what other commands say where weights are absent."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.webserver import Page, Site, serve
from helpers.weights_plugin import A, B, W, array, write_plugin

from mirbench.benchmark.result import read_result

if TYPE_CHECKING:
    from conftest import TinyPackage

Main = Callable[..., tuple[int, str, str]]

ABSENT = (
    "the weights of weighty.py are not on this machine: get them with mirbench weights fetch "
    "weighty.py, or, if you have the files, with mirbench weights add weighty.py PATH"
)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.delenv("MIRBENCH_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve({"/w.npy": Page(W), "/a.npy": Page(A), "/b.npy": Page(B)}) as running:
        yield running


@pytest.fixture
def rep(main: Main, tmp_path: Path, site: Site) -> str:
    return write_plugin(tmp_path, site.url)


def test_list_before_and_after(main: Main, rep: str, site: Site) -> None:
    status, out, err = main("weights", "list", rep)
    assert (status, err) == (0, "")
    assert out == (
        "weighty.py:big  absent: mirbench weights fetch weighty.py\n"
        "  licence: CC0\n"
        "  w.npy  size not published\n"
        f"    {site.url}/w.npy\n"
        "    sha256: not published\n"
        "weighty.py:small  absent: mirbench weights fetch weighty.py:model=small\n"
        "  licence: ISC\n"
        "  a.npy  size not published\n"
        f"    {site.url}/a.npy\n"
        "    sha256: not published\n"
        "  b.npy  size not published\n"
        f"    {site.url}/gone\n"
        f"    {site.url}/b.npy\n"
        "    sha256: not published\n"
    )
    assert main("weights", "fetch", rep)[0] == 0
    _, out, _ = main("weights", "list", f"{rep}:big")
    assert "weighty.py:big  ready (" in out
    assert "  w.npy  192 B (192 bytes)\n" in out
    assert "    sha256: first seen " in out
    assert "small" not in out


def test_fetch_says_what_it_did(main: Main, rep: str, tmp_path: Path) -> None:
    status, out, err = main("-q", "weights", "fetch", rep)
    place = tmp_path / "cache" / "weights" / "weighty" / "big.safetensors"
    assert (status, err) == (0, "converting the weights big\n")
    assert out == (
        f"weighty.py: its weights are now here, converted: {place}\n"
        "the downloaded files were deleted\n"
        "no checksum is published for w.npy; what came now is recorded, and anything else will "
        "be refused\n"
    )
    assert main("weights", "fetch", rep)[1] == f"weighty.py: its weights are here: {place}\n"
    assert "kept in " in main("weights", "fetch", f"{rep}:small", "--keep")[1]


def test_add_says_what_it_did(main: Main, rep: str, tmp_path: Path) -> None:
    Path("mine").write_bytes(W)
    status, out, _ = main("weights", "add", rep, "mine", "--cache", "other")
    assert status == 0
    assert out == (
        "weighty.py: its weights are now here, converted: "
        "other/weights/weighty/big.safetensors\n"
        "  w.npy: mine\n"
        "your own files were left as they are, and are no longer needed\n"
    )
    Path("mine").write_bytes(array(3))
    status, out, err = main("weights", "add", rep, "mine")
    assert (status, out) == (1, "")
    assert err.startswith("mirbench: mine: these are no weights of weighty:\n  big: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list", "mfcc"), "'mfcc' has no weights, and needs none"),
        (("fetch", "mfccs"), "there is no representation 'mfccs'; did you mean mfcc"),
        (("fetch", "weighty.py:huge"), "has no weights 'huge'; there are: big, small"),
        (("fetch", "weighty.py:model=huge"), "there are no weights 'huge'; there are: big, small"),
        (("add", "weighty.py", "absent"), "there is no file or folder absent"),
        (("add", "weighty.py"), "PATH"),
    ],
)
def test_wrong_usage(main: Main, rep: str, arguments: tuple[str, ...], message: str) -> None:
    status, out, err = main("weights", *arguments)
    assert (status, out) == (2, "")
    assert message in err


@pytest.mark.parametrize("command", ["run", "embed", "dry run"])
def test_absent_weights_stop_at_once(main: Main, rep: str, command: str) -> None:
    dry = ["--dry-run"] if command == "dry run" else []
    status, out, err = main(command.split()[-1], "--rep", rep, "--task", "tinytask", *dry)
    assert (status, out, err) == (1, "", f"mirbench: {ABSENT}\n")
    assert not Path("mirbench-results").exists()


RUN = ("run", "--task", "tinytask", "--protocol", "quick", "--jobs", "1")


def test_representations_without_weights_do_not_stop_the_others(
    main: Main, rep: str, tiny: TinyPackage
) -> None:
    assert main("weights", "fetch", f"{rep}:small", "--cache", "mine")[0] == 0
    both = (*RUN, "--rep", rep, "--rep", f"{rep}:model=small", "--cache", "mine")
    absent = ABSENT.replace("fetch weighty.py", "fetch weighty.py --cache mine")
    absent = absent.replace("add weighty.py PATH", "add weighty.py PATH --cache mine")
    status, out, err = main(*both, "--dry-run")
    assert status == 1
    assert "weighty:model=small" in out
    assert err == f"mirbench: would not be run:\n{absent}\n"
    status, out, err = main(*both)
    assert status == 1
    assert "accuracy" in out
    assert err.startswith(f"left out: {absent}\n")
    made = f"weighty:model=small on {tiny.task}"
    assert err.endswith(f"mirbench: not run:\n{absent}\nmade:\n{made}\n")
    row = read_result(Path("mirbench-results/weighty+model=small/tinytask.paper.quick.json"))
    assert row.representation.weights.keys() == {"a.npy", "b.npy"}
    assert all(len(sha256) == 64 for sha256 in row.representation.weights.values())
    status, out, _ = main(*RUN, "--rep", f"{rep}:model=small", "--cache", "mine")
    assert status == 0
    assert "found, identical" in out


def test_workers_find_weights_in_another_cache_folder(main: Main, rep: str) -> None:
    Path("w.npy").write_bytes(W)
    assert main("weights", "add", rep, "w.npy", "--cache", "mine")[0] == 0
    embed = ("embed", "--rep", rep, "--task", "tinytask", "--cache", "mine")
    status, out, err = main(*embed, "--jobs", "2")
    assert (status, out) == (0, "tinytask: 150 clips embedded (150 now), 0 missing\n"), err


@pytest.fixture
def installed(
    tiny: TinyPackage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_distribution: Callable[[Path, str, str], None],
) -> Iterator[Path]:
    """Install the toy plugin as the representation ``weighty``."""
    folder = tmp_path / "site"
    make_distribution(folder, "weighty", "[mirbench.representations]\nweighty = weighty\n")
    write_plugin(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{tiny.env['PYTHONPATH']}")
    yield folder
    sys.modules.pop("weighty", None)


def test_representations_are_listed_with_the_weights_they_lack(main: Main, installed: Path) -> None:
    _, out, _ = main("list", "representations")
    assert "weighty" in out
    assert "missing weights: mirbench weights fetch weighty " in " ".join(out.split()) + " "
    Path("a.npy").write_bytes(A)
    Path("b.npy").write_bytes(B)
    assert main("weights", "add", "weighty", "a.npy", "b.npy")[0] == 0
    _, out, _ = main("list", "representations")
    words = " ".join(out.split())
    assert "missing weights: mirbench weights fetch weighty; ready: weighty:model=small" in words
    assert "weighty:small  ready" in main("weights", "list")[1]
    Path("w.npy").write_bytes(W)
    assert main("weights", "add", "weighty", "w.npy", "--cache", "other")[0] == 0
    _, out, _ = main("list", "representations", "--cache", "other")
    assert re.search(r"weighty +ready +Weighty", out)
    assert "ready; weights not here: weighty:model=small (mirbench" in " ".join(out.split())
    assert main("weights", "add", "weighty", "w.npy")[0] == 0
    _, out, _ = main("list", "representations")
    assert "fetch weighty" not in out
    assert "weighty:model=small" not in out


def test_listing_weights_imports_nothing_heavy(installed: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from mirbench.benchmark.cli import app;"
        "app(['weights', 'list'], standalone_mode=False);"
        "heavy = {'torch', 'librosa', 'safetensors', 'weighty', 'pandas'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "weighty:big  absent: mirbench weights fetch weighty\n" in done.stdout
