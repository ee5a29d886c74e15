"""The top prior: codes to activations of its layers.

A transformer over 8,192 codes with pre-normalised blocks, of which only those
up to the wanted layer are kept. The residual stream is float32; the matrix
products are float32 (``float32``, where each layer's 16-bit weights are raised
as it is computed) or float16 summed in float32 (``float16``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mirbench.representations.jukebox import conditioning
from mirbench.representations.jukebox.attention import PATTERNS
from mirbench.representations.jukebox.shape import Shape

CODES = "prior.x_emb.weight"
POSITIONS = "prior.pos_emb.pos_emb"
BLOCKS = "prior.transformer._attn_mods"

#: Called with a layer's number, from 1, and its activations ``[n_clips, n_positions, width]``,
#: which the next layer overwrites.
OnLayer = Callable[[int, Tensor], None]


def block_shapes(shape: Shape, number: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors of block `number`, from 0, as in the checkpoint."""
    width, inner = shape.width, shape.attention_width
    parts = {
        "attn.c_attn.w": (width, 3 * inner),
        "attn.c_attn.b": (3 * inner,),
        "attn.c_proj.w": (inner, width),
        "attn.c_proj.b": (width,),
        "ln_0.weight": (width,),
        "ln_0.bias": (width,),
        "mlp.c_fc.w": (width, width),
        "mlp.c_fc.b": (width,),
        "mlp.c_proj.w": (width, width),
        "mlp.c_proj.b": (width,),
        "ln_1.weight": (width,),
        "ln_1.bias": (width,),
    }
    return {f"{BLOCKS}.{number}.{part}": size for part, size in parts.items()}


def table_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the embedding tables that are needed of the checkpoint."""
    sizes = {
        conditioning.GENRE: shape.genres,
        conditioning.ARTIST: shape.artists,
        conditioning.TOTAL: shape.time_bins,
        conditioning.ABSOLUTE: shape.time_bins,
        conditioning.RELATIVE: shape.time_bins,
        CODES: shape.codes,
        POSITIONS: shape.n_ctx,
    }
    return {name: (rows, shape.width) for name, rows in sizes.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """``x @ weight + bias``, weight ``[in, out]`` in 16 bit, bias in float32."""

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Apply to ``[n, in]``, in the precision of `x`."""
        if x.dtype == torch.float16 and not x.is_cuda:
            # Processors have no fast float16 product; this one rounds where a GPU's does.
            bias = self.bias.half().float()
            return torch.addmm(bias, x.float(), self.weight.float()).half()
        return torch.addmm(self.bias.to(x.dtype), x, self.weight.to(x.dtype))


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """Layer normalisation in float32."""

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Apply to float32 ``[n, width]``; the result is of type `dtype`."""
        return functional.layer_norm(x, x.shape[-1:], self.weight, self.bias, eps=1e-5).to(dtype)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The weights of one layer."""

    before_attention: Norm
    query: Product
    key: Product
    value: Product
    attention_out: Product
    before_mlp: Norm
    mlp_in: Product
    mlp_out: Product


def make_block(shape: Shape, weights: Mapping[str, Tensor], number: int, pad_heads: bool) -> Block:
    """Arrange the tensors of one block.

    Parameters
    ----------
    pad_heads : bool
        Fill the heads with channels that are 0, up to a multiple of 8: the
        fused attention of GPUs wants it, and the result is the same.
    """
    tensor = {name: weights[f"{BLOCKS}.{number}.{name}"] for name in _PARTS}
    heads, channels = shape.heads, shape.head_width
    extra = -channels % 8 if pad_heads else 0

    def head_columns(x: Tensor) -> Tensor:
        if not extra:
            return x
        apart = x.reshape(*x.shape[:-1], heads, channels)
        return functional.pad(apart, (0, extra)).flatten(-2)

    out = tensor["attn.c_proj.w"]
    if extra:
        apart = out.reshape(heads, channels, shape.width)
        out = functional.pad(apart, (0, 0, 0, extra)).flatten(0, 1)
    parts = zip(tensor["attn.c_attn.w"].chunk(3, 1), tensor["attn.c_attn.b"].chunk(3), strict=True)
    query, key, value = (Product(head_columns(w), head_columns(b)) for w, b in parts)
    return Block(
        Norm(tensor["ln_0.weight"], tensor["ln_0.bias"]),
        query,
        key,
        value,
        Product(out, tensor["attn.c_proj.b"]),
        Norm(tensor["ln_1.weight"], tensor["ln_1.bias"]),
        Product(tensor["mlp.c_fc.w"], tensor["mlp.c_fc.b"]),
        Product(tensor["mlp.c_proj.w"], tensor["mlp.c_proj.b"]),
    )


_PARTS = [name.removeprefix(f"{BLOCKS}.0.") for name in block_shapes(Shape(), 0)]


class Prior:
    """The prior's first layers, on one device.

    Parameters
    ----------
    shape : Shape
    weights : mapping
        The tensors of `table_shapes`, of genre and artist at least row 0.
    blocks : sequence of Block
    dtype : torch.dtype
        Of the matrix products: float32 or float16.
    """

    def __init__(
        self,
        shape: Shape,
        weights: Mapping[str, Tensor],
        blocks: Sequence[Block],
        dtype: torch.dtype,
    ) -> None:
        self.shape = shape
        self.dtype = dtype
        self._blocks = blocks
        self._codes = weights[CODES]
        self._positions = weights[POSITIONS]
        self._start = conditioning.start_vector(weights)
        self._time = conditioning.time_signal(shape, weights)

    def run(self, codes: Tensor, on_layer: OnLayer) -> None:
        """Compute every layer.

        Parameters
        ----------
        codes : Tensor of int64, shape [n_clips, n_positions]
            At most `Shape.n_ctx` positions. The model is causal, so what
            comes after the end of a shorter clip changes nothing before it.
        on_layer : callable
            Is given each layer's activations in turn.
        """
        clips, count = codes.shape
        full = -(-count // self.shape.columns) * self.shape.columns
        x = self.inputs(functional.pad(codes, (0, full - count))).flatten(0, 1)
        for number, block in enumerate(self._blocks):
            x += self._attention(block, number, x, clips)
            x += block.mlp_out(_quick_gelu(block.mlp_in(block.before_mlp(x, self.dtype))))
            on_layer(number + 1, x.view(clips, full, -1)[:, :count])

    def inputs(self, codes: Tensor) -> Tensor:
        """Embed codes ``[n_clips, n]`` as ``[n_clips, n, width]``: position i holds code i - 1."""
        count = codes.shape[1]
        x = self._codes[codes.roll(1, 1)]
        x[:, 0] = self._start
        x += self._positions[:count]
        x += self._time[:count]
        return x

    def _attention(self, block: Block, number: int, x: Tensor, clips: int) -> Tensor:
        normed = block.before_attention(x, self.dtype)
        folded = (clips, -1, self.shape.columns, self.shape.heads)
        q, k, v = (
            product(normed).view(*folded, product.weight.shape[1] // self.shape.heads)
            for product in (block.query, block.key, block.value)
        )
        del normed
        attended = PATTERNS[number % 3](q, k, v, self.shape.head_width**-0.5)
        return block.attention_out(attended.reshape(len(x), -1))


def _quick_gelu(x: Tensor) -> Tensor:
    """Give x · sigmoid(1.702 x), in the memory of `x`."""
    return x.mul_((1.702 * x).sigmoid_())
