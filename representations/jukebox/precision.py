"""Arithmetic that is what it says: float32 without TF32, float16 summed in float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def exact_products() -> Iterator[None]:
    """Keep PyTorch from rounding the factors of float32 products, and put its settings back after.

    Convolutions on NVIDIA cards use TF32 unless told otherwise.
    """
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    products = torch.get_float32_matmul_precision()
    convolutions = cudnn.allow_tf32
    sums = matmul.allow_fp16_reduced_precision_reduction
    torch.set_float32_matmul_precision("highest")
    cudnn.allow_tf32 = False
    matmul.allow_fp16_reduced_precision_reduction = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        cudnn.allow_tf32 = convolutions
        matmul.allow_fp16_reduced_precision_reduction = sums
