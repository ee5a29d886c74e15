"""Machine code of the kernels: compiled once, kept in a file, and loaded from it.

The file is safetensors under a digest, named by what the code depends on: the sources, the
versions of Numba and LLVM, and the processor. It is only believed if it belongs to the user who
runs mirbench and nobody else can write it, since what is in it is run.
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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import platformdirs

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.foreign import Damaged
from mirbench.benchmark.files.sealed import Arrays, seal, unseal
from mirbench.benchmark.progress import say

#: Takes as many int64 as the kernel has parameters.
Function = Callable[..., None]

_MODULES = ("adam", "batches", "draws", "networks")
_KEY = "kernels"


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
        say("compiling what trains probes: some seconds, once in an environment")
        found = _compile()
        _keep(*found)
    facts, code = found
    return {
        name: (_function(name, fact["symbol"], len(fact["parameters"]), code), fact["parameters"])
        for name, fact in facts.items()
    }


def _compile() -> tuple[dict[str, Any], Arrays]:
    """Compile all kernels: of each, its symbol and parameters, and its machine code."""
    facts, code = {}, {}
    for module in _MODULES:
        members = vars(importlib.import_module(f"{__package__}.{module}"))
        for name, kernel in members.items():
            # Parts have no signature: they are compiled into the kernels.
            if getattr(kernel, "__module__", "") != f"{__package__}.{module}":
                continue
            for compiled in getattr(kernel, "overloads", {}).values():
                facts[name] = {
                    "symbol": compiled.fndesc.llvm_func_name,
                    "parameters": list(inspect.signature(kernel.py_func).parameters),
                }
                made = llvm.parse_assembly(compiled.library.get_llvm_str())
                code[name] = np.frombuffer(_machine().emit_object(made), dtype=np.uint8)
    return facts, code


def _function(name: str, symbol: str, parameters: int, code: Arrays) -> Function:
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code[name].tobytes()))
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *(ctypes.c_int64,) * parameters
    )
    function = kind(engine.get_function_address(symbol))
    # Numba's functions give back a status, and write what they return and raise: nothing here.
    nothing = ctypes.create_string_buffer(64)
    at = ctypes.addressof(nothing)

    def run(*arguments: int) -> None:
        function(at, at, *arguments)

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
        }
    )


def _places() -> list[Path]:
    """List where the file may lie: where Numba keeps what it compiles, and the caches."""
    name = f"mirbench-kernels-{hashlib.sha256(_about().encode()).hexdigest()[:16]}.safetensors"
    folders = [platformdirs.user_cache_path("mirbench", appauthor=False) / "kernels"]
    if os.environ.get("NUMBA_CACHE_DIR"):
        folders.insert(0, Path(os.environ["NUMBA_CACHE_DIR"]))
    cache = CacheFolder.find()
    if cache.trusted:
        folders.append(cache.compiled)
    return [folder / name for folder in folders]


def _kept() -> tuple[Mapping[str, Any], Arrays] | None:
    for path in _places():
        with contextlib.suppress(OSError, Damaged):
            if not _is_ours(path):
                continue
            facts, arrays, sealed = unseal(path, _KEY, _about())
            if sealed and facts and facts.keys() == arrays.keys():
                return facts, arrays
    return None


def _is_ours(path: Path) -> bool:
    status = path.stat()
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _keep(facts: Mapping[str, Any], code: Arrays) -> None:
    content = seal(facts, code, _KEY, _about())
    for path in _places():
        with contextlib.suppress(MirbenchError):  # where nothing can be written, compile again
            write_atomic(path, content, durable=False)
            return
