"""Count what would be launched on a device, and what it would read and write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

#: Operations that only make tensors of what is there, or that launch nothing.
FREE = {
    "view",
    "_unsafe_view",
    "t",
    "transpose",
    "permute",
    "expand",
    "unsqueeze",
    "squeeze",
    "select",
    "slice",
    "detach",
    "alias",
    "as_strided",
    "empty",
    "new_empty",
    "empty_like",
    "empty_strided",
    "unbind",
    "split",
    "resize_",
}
#: Operations that take more than one kernel on a GPU, by how many (as PyTorch's sources have it).
SEVERAL = {"baddbmm": 2, "_log_softmax_backward_data": 2, "sort": 2, "_fused_adam_": 1}


@dataclass
class Launches:
    """What was counted."""

    by_name: Counter[str] = field(default_factory=Counter)
    nbytes: int = 0

    @property
    def total(self) -> int:
        """Kernels in all."""
        return sum(self.by_name.values())


class _Counting(TorchDispatchMode):
    def __init__(self, launches: Launches) -> None:
        super().__init__()
        self._launches = launches

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name not in FREE:
            self._launches.by_name[name] += SEVERAL.get(name, 1)
            self._launches.nbytes += sum(
                leaf.numel() * leaf.element_size()
                for leaf in tree_leaves((args, kwargs, out))
                if isinstance(leaf, torch.Tensor)
            )
        return out


@contextmanager
def counted() -> Iterator[Launches]:
    """Count the operations of PyTorch inside the with statement, of this thread."""
    launches = Launches()
    with _Counting(launches):
        yield launches
