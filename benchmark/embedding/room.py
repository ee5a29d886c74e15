"""Whether the memory has room for a model once more."""

from __future__ import annotations

import sys

from mirbench.benchmark.machine.memory import free_main_memory, peak_memory


def room_for_another(device: str) -> bool:
    """Whether the memory has room for what this process has taken of it, once more; in a worker."""
    if device == "cpu":
        return free_main_memory() > peak_memory() + 2**30
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return False  # what other libraries take is not known
    free, _ = torch.cuda.mem_get_info(device)
    taken: int = torch.cuda.max_memory_reserved(device)
    return bool(free > 2 * taken + 2**30)
