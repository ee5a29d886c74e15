"""The settings of PyTorch that hold for a whole process, or a thread of it.

Nothing is imported here: there is nothing to read until somebody has imported torch.
What they were before that is taken to be what PyTorch starts with; only its number of
threads hangs on the machine, and is known from the next call on.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import sys
from typing import Any

import numpy as np

from mirbench.benchmark.machine.setting import Setting

#: Switches by module and name; a version of PyTorch may lack some.
_SWITCHES = (
    ("backends.cudnn", "enabled"),
    ("backends.cudnn", "benchmark"),
    ("backends.cudnn", "deterministic"),
    ("backends.cudnn", "allow_tf32"),
    ("backends.cuda.matmul", "allow_tf32"),
    ("backends.cuda.matmul", "allow_fp16_reduced_precision_reduction"),
    ("backends.cuda.matmul", "allow_bf16_reduced_precision_reduction"),
    ("backends.cuda.matmul", "fp32_precision"),
    ("backends.cudnn.conv", "fp32_precision"),
    ("backends.mkldnn.matmul", "fp32_precision"),
    ("backends.mkldnn.conv", "fp32_precision"),
)

#: What the switches are in a new process, where that is not the same as unset.
_FIRST = {
    "backends.cudnn.enabled": True,
    "backends.cudnn.benchmark": False,
    "backends.cudnn.deterministic": False,
    "backends.cudnn.allow_tf32": True,
    "backends.cuda.matmul.allow_tf32": False,
}


def torch_settings() -> dict[str, Setting]:
    """List the settings of PyTorch; none if it has not been imported."""
    torch = sys.modules.get("torch")
    return _settings(torch) if hasattr(torch, "get_rng_state") else {}


@functools.lru_cache(maxsize=1)
def _settings(torch: Any) -> dict[str, Setting]:
    def set_device(device: Any) -> None:
        # "cpu" would be a mode that every function goes through.
        torch.set_default_device(None if device.type == "cpu" else device)

    def set_deterministic(value: tuple[bool, bool]) -> None:
        torch.use_deterministic_algorithms(value[0], warn_only=value[1])

    def set_random(state: bytes) -> None:
        torch.set_rng_state(torch.from_numpy(np.frombuffer(state, np.uint8).copy()))

    return {
        "torch.inference": Setting(
            torch.is_inference_mode_enabled, functools.partial(_infer, torch), lambda _: False
        ),
        "torch.grad": Setting(torch.is_grad_enabled, torch.set_grad_enabled, lambda _: True),
        "torch.dtype": Setting(
            torch.get_default_dtype, torch.set_default_dtype, lambda _: torch.float32
        ),
        "torch.device": Setting(
            torch.get_default_device, set_device, lambda _: torch.device("cpu")
        ),
        "torch.deterministic": Setting(
            lambda: (
                torch.are_deterministic_algorithms_enabled(),
                torch.is_deterministic_algorithms_warn_only_enabled(),
            ),
            set_deterministic,
            lambda _: (False, False),
        ),
        "torch.precision": Setting(
            functools.partial(_read_precision, torch),
            functools.partial(_write_precision, torch),
            lambda _: "highest",
        ),
        **{f"torch.{place}.{name}": _switch(torch, place, name) for place, name in _SWITCHES},
        **{f"torch.autocast.{kind}": _autocast(torch, kind) for kind in ("cpu", "cuda")},
        "torch.threads": Setting(torch.get_num_threads, torch.set_num_threads),
        "torch.random": Setting(
            lambda: torch.get_rng_state().numpy().tobytes(),
            set_random,
            lambda _: torch.Generator().get_state().numpy().tobytes(),
        ),
        "torch.cuda": Setting(
            functools.partial(_read_cuda, torch), functools.partial(_write_cuda, torch)
        ),
    }


#: Modes that were entered by `_infer`; one that is let go would bring the mode before it back.
_MODES: list[Any] = []


def _infer(torch: Any, enabled: bool) -> None:
    mode = torch.inference_mode(enabled)
    mode.__enter__()
    _MODES.append(mode)


def _read_precision(torch: Any) -> str | None:
    try:
        precision: str = torch.get_float32_matmul_precision()
    except RuntimeError:  # one of the switches says otherwise
        return None
    return precision


def _write_precision(torch: Any, value: str | None) -> None:
    if value is not None:
        torch.set_float32_matmul_precision(value)


def _switch(torch: Any, place: str, name: str) -> Setting:
    find = operator.attrgetter(place)

    def read() -> Any:
        try:
            return getattr(find(torch), name)
        except (AttributeError, AssertionError, RuntimeError):
            return None

    def write(value: Any) -> None:
        if value is not None:
            with contextlib.suppress(RuntimeError):
                setattr(find(torch), name, value)

    return Setting(read, write, lambda now: _FIRST.get(f"{place}.{name}", now))


def _autocast(torch: Any, kind: str) -> Setting:
    def write(value: tuple[bool, Any]) -> None:
        torch.set_autocast_enabled(kind, value[0])
        torch.set_autocast_dtype(kind, value[1])

    return Setting(
        lambda: (torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)),
        write,
        lambda now: (False, now[1]),
    )


def _read_cuda(torch: Any) -> tuple[int, bytes] | None:
    """Read the present GPU and the state of its generator, once somebody has used one."""
    if not torch.cuda.is_initialized():
        return None
    return torch.cuda.current_device(), torch.cuda.get_rng_state().numpy().tobytes()


def _write_cuda(torch: Any, value: tuple[int, bytes] | None) -> None:
    if value is not None:
        device, state = value
        torch.cuda.set_device(device)
        torch.cuda.set_rng_state(torch.from_numpy(np.frombuffer(state, np.uint8).copy()))
