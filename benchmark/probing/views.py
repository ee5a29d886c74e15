"""The batches of one round as the banks see them: gathered, standardised and masked once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence

import torch

from mirbench.benchmark.probing.draws import Update
from mirbench.benchmark.probing.inputs import Inputs

#: What a bank sees: whether rows are standardised, and the dropout rate.
View = tuple[bool, float]


class Views:
    """Batches for several updates, made when the first bank of a view takes them.

    They are forgotten when the last bank has taken them, so that hardly more
    views lie in memory than there are threads.

    Parameters
    ----------
    inputs : Inputs
        From which rows are gathered.
    updates : sequence of Update
        Rows and masks of each batch.
    takers : iterable of (bool, float)
        The view of every bank that will take batches, once per bank.
    """

    def __init__(self, inputs: Inputs, updates: Sequence[Update], takers: Iterable[View]) -> None:
        self._inputs, self._updates = inputs, updates
        self._left = Counter(takers)
        self._locks = {view: threading.Lock() for view in self._left}
        self._made: dict[View, list[torch.Tensor]] = {}

    def take(self, view: View) -> list[torch.Tensor]:
        """Return the batches of a view, float32 ``[batch, dims]`` each; not to be overwritten."""
        with self._locks[view]:
            if view not in self._made:
                self._made[view] = [self._batch(update, *view) for update in self._updates]
            self._left[view] -= 1
            return self._made[view] if self._left[view] else self._made.pop(view)

    def _batch(self, update: Update, standardise: bool, dropout: float) -> torch.Tensor:
        return self._inputs.batch(update.rows, standardise, update.masks[dropout])
