"""Machine code of the kernels: compiled once, kept in a file, and loaded from it.

The file is JSON under a digest, named by what the code depends on: the sources, the versions of
Numba and LLVM, and the processor. What is in it is run, so it is only believed if it lies in a
folder that belongs to the user who runs mirbench, and nobody else can write either of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib
import importlib.metadata
import inspect
import json
import os
import platform
import stat
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import llvmlite.binding as llvm

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.cache import user_cache
from mirbench.benchmark.files.foreign import DAMAGES
from mirbench.benchmark.progress import say

#: Takes as many int64 as the kernel has parameters.
Function = Callable[..., None]

_MODULES = ("adam", "batches", "draws", "networks")


def load() -> dict[str, tuple[Function, tuple[str, ...]]]:
    """Load all kernels.

    Returns
    -------
    dict
        Name to the function and the names of its parameters.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    found = _kept()
    if found is None:
        say("compiling what trains probes: some seconds, on first use in an environment")
        found = _compile()
        _keep(found)
    return {name: (_function(name, one), one.parameters) for name, one in found.items()}


@dataclass(frozen=True)
class Compiled:
    """A kernel: the name of its function, the names of its parameters, and its machine code."""

    symbol: str
    parameters: tuple[str, ...]
    code: bytes


def _compile() -> dict[str, Compiled]:
    found = {}
    for module in _MODULES:
        members = vars(importlib.import_module(f"{__package__}.{module}"))
        for name, kernel in members.items():
            # Parts have no signature: they are compiled into the kernels.
            if getattr(kernel, "__module__", "") != f"{__package__}.{module}":
                continue
            for compiled in getattr(kernel, "overloads", {}).values():
                made = llvm.parse_assembly(compiled.library.get_llvm_str())
                found[name] = Compiled(
                    compiled.fndesc.llvm_func_name,
                    tuple(inspect.signature(kernel.py_func).parameters),
                    _machine().emit_object(made),
                )
    if not found:
        raise MirbenchError("Numba compiles nothing here; unset NUMBA_DISABLE_JIT")
    return found


def _function(name: str, compiled: Compiled) -> Function:
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(compiled.code))
    engine.finalize_object()
    words = (ctypes.c_int64,) * len(compiled.parameters)
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *words)
    function = kind(engine.get_function_address(compiled.symbol))
    # Numba's functions write what they return and raise, which is nothing here.
    nothing = ctypes.create_string_buffer(64)
    at = ctypes.addressof(nothing)

    def run(*arguments: int) -> None:
        if function(at, at, *arguments) != 0:
            raise MirbenchError(f"kernel {name} of the probes has failed; please report it")

    run.__dict__["alive"] = engine, nothing
    return run


def _machine() -> llvm.TargetMachine:
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        codemodel="jitdefault",
        jit=True,
    )


@functools.cache
def _about() -> str:
    """Write down what machine code depends on."""
    sources = hashlib.sha256()
    for name in sorted(("keep", "language", *_MODULES)):
        sources.update((Path(__file__).parent / f"{name}.py").read_bytes())
    versions = {name: importlib.metadata.version(name) for name in ("llvmlite", "numba")}
    return json.dumps(
        {
            "sources": sources.hexdigest(),
            **versions,
            "machine": platform.machine(),
            "system": platform.system(),
            "processor": llvm.get_host_cpu_name(),
            "features": llvm.get_host_cpu_features().flatten(),
            "settings": {
                key: value
                for key, value in sorted(os.environ.items())
                if key.startswith("NUMBA_") and key != "NUMBA_CACHE_DIR"
            },
        }
    )


def _places() -> list[Path]:
    """List where the file may lie: where Numba is told to keep things, and the user's cache."""
    name = f"{hashlib.sha256(_about().encode()).hexdigest()[:16]}.json"
    folders = [Path(named)] if (named := os.environ.get("NUMBA_CACHE_DIR")) else []
    with contextlib.suppress(ImportError):  # a GPU machine that has little but PyTorch
        folders.append(user_cache())
    return [folder / f"mirbench-kernels-{os.geteuid()}" / name for folder in folders]


def _kept() -> dict[str, Compiled] | None:
    for path in _places():
        with contextlib.suppress(OSError, *DAMAGES):
            digest, _, content = _read_own(path).partition(b"\n")
            if digest.decode() != hashlib.sha256(content).hexdigest():
                continue
            return {
                name: Compiled(one["symbol"], tuple(one["parameters"]), b64decode(one["code"]))
                for name, one in json.loads(content).items()
            }
    return None


def _read_own(path: Path) -> bytes:
    """Read a file that only this user can have written."""
    _check_own(path.parent.lstat())
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        _check_own(os.fstat(file.fileno()))
        return file.read()


def _check_own(status: os.stat_result) -> None:
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError("others may have written it")


def _keep(found: Mapping[str, Compiled]) -> None:
    """Write the file where it will be believed; where it cannot be, compile again next time."""
    facts = {
        name: {
            "symbol": one.symbol,
            "parameters": one.parameters,
            "code": b64encode(one.code).decode(),
        }
        for name, one in found.items()
    }
    content = json.dumps(facts).encode()
    sealed = hashlib.sha256(content).hexdigest().encode() + b"\n" + content
    for path in _places():
        with contextlib.suppress(OSError, MirbenchError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomic(path, sealed, durable=False)
            _read_own(path)
            return
