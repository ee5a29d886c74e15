"""What a command can do in a sandbox, and how one ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from operator import call
from pathlib import Path

import pytest
from helpers.needs import require

from mirbench.benchmark.api import PluginError
from mirbench.benchmark.machine import workers
from mirbench.benchmark.machine.launch import Rules, under
from mirbench.benchmark.machine.sandbox import Sandbox, is_hidden
from mirbench.benchmark.machine.workers import Workers
from mirbench.benchmark.plugins.finding import Plugin
from mirbench.benchmark.plugins.source import file_source
from mirbench.benchmark.registry import parse_representation

PROGRAMS = ("bwrap", "unshare")


@pytest.fixture(params=PROGRAMS)
def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Sandbox:
    require(request.param)
    program = shutil.which(request.param)
    assert program is not None
    (tmp_path / "scratch").mkdir()
    return Sandbox(program, tmp_path / "scratch", (tmp_path, *map(Path, (sys.prefix, *sys.path))))


def python(sandbox: Sandbox, code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(
        sandbox.command(command),
        env=os.environ | sandbox.environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )


WRITES = """
import os, sys
for place in sys.argv[1:]:
    try:
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT))
        print(place)
    except OSError:
        pass
"""


def test_only_its_own_places_can_be_written(sandbox: Sandbox, tmp_path: Path) -> None:
    other = (tmp_path / "x", "/etc/mirbench-test", Path.home() / "mirbench-test", "/mirbench-test")
    system = ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/power/state")
    own = (tmp_path / "scratch" / "x", "/tmp/mirbench-test", "/dev/shm/mirbench-test", "/dev/null")
    done = python(sandbox, WRITES, *other, *system, *own)
    assert done.stdout.split() == [str(place) for place in own], done.stderr
    assert not Path("/tmp/mirbench-test").exists()


RIGHTS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for line in open("/proc/self/status"):
    if line.startswith(("CapPrm", "CapEff", "CapBnd")):
        print(int(line.split()[1], 16))
print(libc.mount(None, b"/", None, ctypes.c_ulong(32 | 4096), None))
libc.unshare(0x10020000)  # a user namespace of its own, with all rights in that
print(libc.mount(None, b"/", None, ctypes.c_ulong(32 | 4096), None))
print(libc.umount2(b"/run", 2))
"""


def test_its_walls_cannot_be_taken_down(sandbox: Sandbox) -> None:
    assert python(sandbox, RIGHTS).stdout.split() == ["0"] * 3 + ["-1"] * 3


def test_no_process_but_its_own_is_seen(sandbox: Sandbox) -> None:
    done = python(sandbox, "import os; print(*(p for p in os.listdir('/proc') if p.isdigit()))")
    assert len(done.stdout.split()) <= 2


def test_sockets_and_credentials_are_hidden(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path(__file__).resolve().parents[3] / ".pytest_cache" / f"home-{os.getpid()}"
    for name in (".ssh/id", ".netrc", ".cache/huggingface/token", ".bashrc"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("sesame")
    monkeypatch.setenv("HOME", str(home))
    code = """
import os, sys
for place in sys.argv[1:]:
    try:
        print(os.path.basename(place), open(place).read() == "sesame")
    except OSError:
        print(os.path.basename(place), False)
print(os.listdir("/run"))
"""
    names = (".ssh/id", ".netrc", ".cache/huggingface/token", ".bashrc")
    try:
        done = python(sandbox, code, *(home / name for name in names))
    finally:
        shutil.rmtree(home)
    found = ["id False", ".netrc False", "token False", ".bashrc True", "[]"]
    assert done.stdout.splitlines() == found, done.stderr


READS = """
import os, sys
for place in sys.argv[1:]:
    try:
        print(os.path.basename(place), open(place).read() == "sesame")
    except OSError:
        print(os.path.basename(place), False)
"""


def test_a_hidden_folder_itself_is_never_shown(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").write_text("sesame")
    (tmp_path / "link").symlink_to("/tmp")
    up = Path(str(tmp_path) + "/.." * (len(tmp_path.parts) - 2))
    named = (Path("/tmp"), Path("/run"), Path("/"), tmp_path / "link", up)
    monkeypatch.chdir("/tmp")
    with tempfile.NamedTemporaryFile("w", dir="/tmp", prefix="mirbench-") as other:
        other.write("sesame")
        other.flush()
        away = replace(sandbox, readable=(*sandbox.readable, *named))
        done = python(away, READS, tmp_path / "mine", other.name)
    assert done.stdout.split()[1::2] == ["True", "False"], done.stderr
    assert not {str(place) for place in named} & set(away.shown())


def test_credentials_are_hidden_in_what_is_shown(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = (".ssh/id", ".netrc", "hf/token", "hf/stored_tokens", "hf/config")
    for name in names:
        (tmp_path / "home" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "home" / name).write_text("sesame")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home" / "hf"))
    done = python(sandbox, READS, *(tmp_path / "home" / name for name in names))
    assert done.stdout.split()[1::2] == ["False"] * 4 + ["True"], done.stderr
    assert is_hidden(tmp_path / "home" / ".ssh")
    assert not is_hidden(tmp_path / "home")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_signal_is_told_as_a_shell_does(sandbox: Sandbox, number: signal.Signals) -> None:
    done = python(sandbox, f"import os; os.kill(os.getpid(), {int(number)})")
    assert done.returncode == 128 + number


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}/stat").exists():
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def sleepers(mark: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark in path.read_text():
                found.append(int(path.parent.name))
        except OSError:
            pass
    return found


@pytest.mark.parametrize("how", ["kill", "parent"])
def test_nothing_stays_when_it_is_killed_or_its_parent_is(
    sandbox: Sandbox, tmp_path: Path, how: str
) -> None:
    mark = str(tmp_path / "scratch" / "begun")
    code = "import sys, time; open(sys.argv[1], 'w').close(); time.sleep(600)"
    command = sandbox.command([sys.executable, "-c", code, mark])
    if how == "parent":
        start = "import subprocess, sys; subprocess.run(sys.argv[1:])"
        command = [sys.executable, "-c", start, *command]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 60
    while not Path(mark).exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    pids = sleepers(mark)
    assert len(pids) >= 2
    process.kill()
    process.wait()
    assert all(gone(pid) for pid in pids)


@pytest.mark.slow
def test_workers_are_in_it_even_one_and_are_not_kept_for_outside(sandbox: Sandbox) -> None:
    workers.end_idle()
    with Workers(2) as outside:
        list(outside.unordered(abs, [-1, -2]))
    with under(Rules(sandbox=sandbox)), Workers(1) as inside:
        # The process numbers of its own namespace are small.
        (pid,) = inside.unordered(call, [os.getpid])
        (again,) = inside.unordered(call, [os.getpid])
    assert pid == again <= 3
    with Workers(2) as outside:
        assert all(pid > 3 for pid in outside.unordered(call, [os.getpid] * 2))
    workers.end_idle()


def test_plugins_of_others_are_not_run_outside(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def load_model(device='cpu'):\n    return None\n")
    plugin = Plugin("representation", "mine", "file", None, file_source(file))
    with under(Rules(sandbox=sandbox)):
        with pytest.raises(PluginError, match=r"'mine' of file .* outside the sandbox"):
            plugin.load_module()
        with pytest.raises(PluginError, match="'chroma' would run outside the sandbox"):
            parse_representation("chroma").load()
    assert plugin.load_module().load_model() is None
