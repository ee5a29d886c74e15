"""How many probes of a group fit into memory at once, known before anything is allocated."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.machine.memory import free_main_memory
from mirbench.benchmark.probing.layout import Layout

FLOAT, DOUBLE = 4, 8
#: Of each probe: weights, two moments, remembered weights.
BUFFERS = 4
#: Of what is free, the share that a grid may plan with by default.
SHARE = 0.8


def free_memory(device: torch.device) -> int:
    """Bytes that are free on the device, or in main memory for a CPU."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    return free_main_memory()


@dataclass(frozen=True, slots=True)
class Need:
    """What training a group takes, in bytes, besides the embeddings as they were given.

    Attributes
    ----------
    shared : int
        However many probes: masks drawn ahead, batches, validation rows and
        their outputs, gradients.
    probe : int
        For each probe that is trained at the same time.
    """

    shared: int
    probe: int

    @classmethod
    def of(
        cls,
        widths: tuple[int, ...],
        batch: int,
        n_dropouts: int,
        n_ahead: int,
        n_valid: int,
        bank: int,
        threads: int,
    ) -> Need:
        """Add up what a group of one architecture and batch size needs.

        Parameters
        ----------
        widths : tuple of int
            Units of the layers, the input first.
        batch : int
            Rows per batch.
        n_dropouts : int
            Dropout rates of the group.
        n_ahead : int
            Updates for which masks are drawn at once.
        n_valid : int
            Rows of the validation set.
        bank : int
            Probes of a bank.
        threads : int
            Banks that are computed at the same time.
        """
        inputs = sum(widths[:-1])
        # Two sets of masks: those in use and those drawn meanwhile.
        masks = 2 * n_ahead * n_dropouts * batch * inputs * FLOAT + batch * max(widths) * DOUBLE
        layout = Layout(widths, bank).size * FLOAT
        # Batches as a bank sees them: one view per thread, and one that the next bank begins.
        views = (threads + 1) * n_ahead * batch * widths[0] * FLOAT
        rows = max(batch, n_valid)
        active = rows * (2 * widths[0] + 4 * bank * sum(widths[1:])) * FLOAT
        valid = 2 * n_valid * widths[0] * FLOAT
        # One bank that is saved: its copy, and that once more as the content of a file.
        saving = 2 * BUFFERS * layout
        probe = BUFFERS * Layout(widths, 1).size * FLOAT
        return cls(masks + views + valid + saving + threads * (layout + active), probe)

    @classmethod
    def of_fleet(
        cls,
        widths: tuple[int, ...],
        batch: int,
        views: int,
        n_ahead: int,
        rows: tuple[int, int],
    ) -> Need:
        """Add up what a group needs whose probes are trained as one stack.

        Parameters
        ----------
        widths : tuple of int
            Units of the layers, the input first.
        batch : int
            Rows per batch.
        views : int
            Ways in which batches are seen.
        n_ahead : int
            Updates of a round.
        rows : tuple of int
            Of the training and of the validation set.
        """
        n_train, n_valid = rows
        # A standardised copy of both sets, and a whole round: as views see it, as it is gathered
        # from both copies, and masked at every rate.
        copies = (n_train + n_valid) * widths[0]
        seen = n_ahead * batch * sum(widths[:-1]) * (2 * views + 2)
        # The gradient beside the buffers, and both again where those that are left move together;
        # passes forward and back, or sorted scores.
        layout = 2 * (BUFFERS + 1) * Layout(widths, 1).size
        active = max(4 * batch * sum(widths[1:]), n_valid * (2 * widths[1] + 8 * widths[-1]))
        return cls(FLOAT * (copies + seen), FLOAT * (layout + active))

    def fit(self, budget: int, most: int) -> int:
        """Count the probes, `most` at most, that fit into `budget` bytes at once.

        Raises
        ------
        UsageError
            If not even one does.
        """
        room = (budget - self.shared) // self.probe
        if room < 1:
            raise UsageError(
                f"one probe needs {_gib(self.shared + self.probe)}, but only {_gib(budget)} "
                "may be used; give it more memory, or close other programs"
            )
        return min(most, room)


def _gib(size: int) -> str:
    return f"{size / 1024**3:.2f} GiB"
