"""Forward and backward pass of a bank on the CPU, by kernels.

The operations are those of `mirbench.benchmark.probing.network` in the same order, with the
products of the BLAS in PyTorch; only the loss is PyTorch's own. Nothing is allocated but by
it, and another thread waits for Python's lock only while the loss is computed. Where PyTorch
computes otherwise than the kernels believe, so that a bit differs, they are not used.
"""

from __future__ import annotations

import functools

import torch

from mirbench.benchmark.probing.draws import Mask
from mirbench.benchmark.probing.kernels import Call, word
from mirbench.benchmark.probing.kernels.torchs import function_address
from mirbench.benchmark.probing.layout import Layout, aligned
from mirbench.benchmark.probing.losses import Terms, loss_gradient
from mirbench.benchmark.probing.network import batch_gradient, parts_of

#: Hidden layers are of so many units, or a multiple: others are summed up in another order.
UNITS = 512
#: Passes that are compared before the kernels are believed.
TRIALS = 4


class Pass:
    """Gradients of one bank, in the memory of one thread.

    Parameters
    ----------
    layout : Layout
        Of the bank.
    weights : tensor of float32, shape [layout.size]
    terms : tuple
        `Loss.terms`.
    batch : int
        Rows of a batch.
    room : tensor of float32, shape [Pass.floats(…)]
        Aligned.
    """

    def __init__(
        self, layout: Layout, weights: torch.Tensor, terms: Terms, batch: int, room: torch.Tensor
    ) -> None:
        self._terms, self._probes, self._width = terms, layout.probes, layout.widths[-1]
        sizes = _sizes(layout, terms, batch)
        pieces = torch.split(room, [aligned(size) for size in sizes])
        self._gradient, first, out, self._goals, passed = (
            piece[:size] for piece, size in zip(pieces, sizes, strict=True)
        )
        self._goals = self._goals.view(batch, -1)
        self._into = parts_of(layout, self._gradient)
        parts = parts_of(layout, weights)
        product = {
            "blas": function_address("sgemm_"),
            "batch": batch,
            "dims": layout.widths[0],
            "first": first,
        }
        goals, wide = terms[0], terms[0].shape[1]
        self._gather = Call("gather_goals", goals=goals, wide=wide, batch=batch, out=self._goals)
        self._hidden = len(layout.widths) > 2
        if self._hidden:
            units = layout.widths[1]
            both = {**product, "units": units, "W2": parts[2], "outputs": self._width}
            self._outputs = out.view(1, batch, self._width)
            self._forward = Call("hidden", **both, W1=parts[0], b1=parts[1], b2=parts[3], out=out)
            self._backward = Call(
                "hidden_gradient",
                **both,
                passed=passed,
                into_W1=self._into[0],
                into_b1=self._into[1],
                into_W2=self._into[2],
            )
        else:
            used = layout.probes * self._width
            both = {**product, "columns": layout.columns, "used": used}
            self._outputs = out.view(batch, layout.probes, self._width)
            self._goals = self._goals.unsqueeze(1)
            self._forward = Call("linear", **both, W=parts[0], b=parts[1], out=out)
            self._backward = Call("linear_gradient", **both, into=self._into[0])

    @staticmethod
    def floats(layout: Layout, terms: Terms, batch: int) -> int:
        """Count the floats that `room` must have."""
        return sum(aligned(size) for size in _sizes(layout, terms, batch))

    def gradient(self, X: torch.Tensor, rows: torch.Tensor, mask: Mask) -> torch.Tensor:
        """Differentiate the loss on one batch.

        Parameters
        ----------
        X : tensor of float32, shape [batch, dims]
            The batch as the bank sees it: standardised and masked.
        rows : tensor of int64, shape [batch]
            Its rows of the training set.
        mask : Mask
            Of the hidden layer, if there is one.

        Returns
        -------
        tensor of float32, shape [layout.size]
            In `room`: the next call overwrites it.
        """
        address = X.data_ptr()
        self._gather(rows=rows.data_ptr())
        _, kind, scale = self._terms
        if self._hidden:
            levels = mask.levels[1].data_ptr() if mask.levels else 0
            masked = {"levels": levels, "least": mask.least, "factor": word(mask.factor)}
            self._forward(X=address, **masked)
            back = loss_gradient(self._outputs, self._goals, kind, scale)
            torch.sum(back, [1], out=self._into[3])
            self._backward(X=address, back=back.data_ptr(), **masked)
            return self._gradient
        self._forward(X=address)
        back = loss_gradient(self._outputs, self._goals, kind, scale)
        self._backward(X=address, back=back.data_ptr())
        biases = self._into[1][: self._probes * self._width].view(self._probes, self._width)
        # A sum over rows of all probes would round by how many probes there are.
        torch.sum(back.transpose(0, 1).contiguous(), [1], out=biases)
        return self._gradient


def _sizes(layout: Layout, terms: Terms, batch: int) -> list[int]:
    """Floats of the gradient, first layer, outputs, goals and what is passed back."""
    units = layout.widths[1] if len(layout.widths) > 2 else 0
    return [
        layout.size,
        batch * (units or layout.columns),
        batch * layout.probes * layout.widths[-1],
        batch * terms[0].shape[1],
        (batch + 1) * units,
    ]


def applies(layout: Layout, terms: Terms, batch: int, device: torch.device) -> bool:
    """Find out whether kernels give what PyTorch gives, bit for bit, for banks of that form.

    Parameters
    ----------
    layout : Layout
        Of a bank.
    terms : tuple
        `Loss.terms`.
    batch : int
        Rows of a batch.
    device : torch.device
    """
    if device.type != "cpu" or not function_address("sgemm_"):
        return False
    targets, kind, scale = terms
    return _agrees(layout.widths, layout.probes, batch, (kind, scale, targets.shape[1]))


@functools.lru_cache(maxsize=256)
def _agrees(widths: tuple[int, ...], probes: int, batch: int, loss: tuple[str, float, int]) -> bool:
    """Compare passes over random numbers, of other sizes each, with and without a mask."""
    if len(widths) > 2 and (probes > 1 or widths[1] % UNITS):
        return False
    return all(_agree(Layout(widths, probes), batch, loss, seed) for seed in range(TRIALS))


def _agree(layout: Layout, batch: int, loss: tuple[str, float, int], seed: int) -> bool:
    kind, scale, wide = loss
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        sizes = torch.randint(-6, 4, shape[:1] + (1,) * (len(shape) - 1), generator=generator)
        return torch.randn(shape, generator=generator) * torch.exp2(sizes)

    weights, X = draw(layout.size) / 16, draw(batch, layout.widths[0])
    terms, rows = (draw(batch, wide).abs(), kind, scale), torch.arange(batch)
    levels = [
        torch.randint(0, 2, (batch, n), dtype=torch.uint8, generator=generator)
        for n in layout.widths[:-1]
    ]
    mask = Mask(tuple(levels) if seed % 2 else (), 0, 2.0)
    ours = Pass(layout, weights, terms, batch, torch.zeros(Pass.floats(layout, terms, batch)))
    found = ours.gradient(X, rows, mask)
    gradient = torch.zeros(layout.size)
    batch_gradient(
        (X, rows, mask.hidden),
        terms,
        parts_of(layout, weights),
        parts_of(layout, gradient),
        layout.probes,
        layout.widths[1],
    )
    return torch.equal(found, gradient)
