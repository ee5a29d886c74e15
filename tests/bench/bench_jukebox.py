"""Time Jukebox on a GPU, beside the original's way of doing it on the same card.

    python tests/bench/bench_jukebox.py [--weights FILE] [--device cuda] [--clips 16]
    python tests/bench/bench_jukebox.py --small --device cpu    # does the script itself work?

Without a converted file of weights, random ones of the true size are made
(5 GB in the temporary folder). Timed are clips of 25 seconds of noise that are
in memory already: decoding runs beside the GPU in mirbench, and is left out.
The original's way is float32, a clip at a time, with its needless work: three
encoders instead of one, all 8,613 codes, the conditions made again for every
clip, weights raised again on every call, masks, and copies around attention.
"""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from helpers import jukebox_checkpoints as checkpoints  # noqa: E402

from mirbench.benchmark.files.tensorfile import write_tensors  # noqa: E402
from mirbench.representations.jukebox import conditioning, planning  # noqa: E402
from mirbench.representations.jukebox.model import Jukebox  # noqa: E402
from mirbench.representations.jukebox.precision import exact_products  # noqa: E402
from mirbench.representations.jukebox.shape import FIVE_B, Shape  # noqa: E402
from mirbench.representations.jukebox.transformer import (  # noqa: E402
    block_shapes,
    table_shapes,
)
from mirbench.representations.jukebox.vqvae import vqvae_shapes  # noqa: E402


def random_weights(shape: Shape, layers: int) -> Iterator[tuple[str, Tensor]]:
    """Give tensors as `weights.convert` does, random."""
    state = checkpoints.vqvae_state(shape)
    yield from ((name, state[name]) for name in vqvae_shapes(shape))
    random = torch.Generator().manual_seed(0)
    pool = torch.randn(1 << 24, generator=random)
    sizes = table_shapes(shape)
    for number in range(layers):
        sizes |= block_shapes(shape, number)
    for place, (name, size) in enumerate(sizes.items()):
        count = torch.Size(size).numel()
        start = 7919 * place % (1 << 20)
        values = pool[start:].repeat(1 + count // (len(pool) - start))[:count].view(size)
        if name.endswith(".w"):
            yield name, (values * size[0] ** -0.5).half()
        elif "ln_" in name and name.endswith("weight"):
            yield name, 1 + 0.1 * values
        else:
            yield name, (0.05 if name.endswith((".b", "bias")) else 0.5) * values


class Original:
    """The original's way: plain float32, a clip at a time."""

    def __init__(self, path: Path, shape: Shape, layers: int, device: str) -> None:
        from safetensors.torch import load_file

        self.shape, self.layers, self.device = shape, layers, device
        self.weights = load_file(path, device=device)
        others = {
            name: tensor.to(device)
            for name, tensor in checkpoints.vqvae_state(shape).items()
            if name not in self.weights
        }
        self.vqvae = others | {name: self.weights[name] for name in vqvae_shapes(shape)}

    def embed(self, audio: np.ndarray) -> np.ndarray:
        shape, w = self.shape, self.weights
        x = torch.from_numpy(audio / np.abs(audio).max())[: shape.crop_seconds * shape.sample_rate]
        codes = [self._codes(level, x.to(self.device)) for level in range(3)][2][: shape.n_ctx]
        time_signal = conditioning.time_signal(shape, w).expand(8, -1, -1).clone()[0]
        h = functional.embedding(codes, w["prior.x_emb.weight"])
        h = torch.cat([conditioning.start_vector(w)[None], h[:-1]])
        h = h + w["prior.pos_emb.pos_emb"][: len(h)] + time_signal[: len(h)]
        for number in range(self.layers):
            h = self._block(h, number)
        pooled: np.ndarray = h.mean(0).cpu().numpy()
        return pooled

    def _codes(self, level: int, audio: Tensor) -> Tensor:
        x, shape = audio[None, None], self.shape
        for block in range(level + 1):
            name = f"encoders.{level}.level_blocks.{block}.model"
            for stage in range(shape.downs[block]):
                x = self._conv(x, f"{name}.{stage}.0", stride=2, padding=1)
                for unit in range(shape.conv_depth * (2 if level == 0 else 1)):
                    key, d = f"{name}.{stage}.1.model.{unit}.model", shape.dilation_growth**unit
                    y = self._conv(functional.relu(x), f"{key}.1", padding=d, dilation=d)
                    x = x + self._conv(functional.relu(y), f"{key}.3")
            x = self._conv(x, f"{name}.{shape.downs[block]}", padding=1)
        rows, book = x[0].t(), self.vqvae[f"bottleneck.level_blocks.{level}.k"].t()
        distances = (rows**2).sum(1, keepdim=True) - 2 * rows @ book + (book**2).sum(0)
        return distances.argmin(1)

    def _conv(self, x: Tensor, name: str, **options: int) -> Tensor:
        return functional.conv1d(
            x, self.vqvae[f"{name}.weight"], self.vqvae[f"{name}.bias"], **options
        )

    def _block(self, h: Tensor, number: int) -> Tensor:
        name = f"prior.transformer._attn_mods.{number}"

        def product(x: Tensor, part: str) -> Tensor:
            return torch.addmm(self.weights[f"{name}.{part}.b"], x, self._raised(name, part))

        def norm(x: Tensor, part: str) -> Tensor:
            weight, bias = (self.weights[f"{name}.{part}.{kind}"] for kind in ("weight", "bias"))
            return functional.layer_norm(x, x.shape[-1:], weight, bias)

        q, k, v = product(norm(h, "ln_0"), "attn.c_attn").chunk(3, 1)
        h = h + product(self._attend(number % 3, q, k, v), "attn.c_proj")
        hidden = product(norm(h, "ln_1"), "mlp.c_fc")
        return h + product(hidden * torch.sigmoid(1.702 * hidden), "mlp.c_proj")

    def _raised(self, name: str, part: str) -> Tensor:
        return self.weights[f"{name}.{part}.w"].float()

    def _attend(self, pattern: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        columns, heads = self.shape.columns, self.shape.heads

        def fold(x: Tensor) -> Tensor:
            x = x.view(-1, columns, x.shape[1])
            return x.transpose(0, 1).contiguous() if pattern == 1 else x

        q, k, v = fold(q), fold(k), fold(v)
        if pattern == 2:
            k, v = (functional.pad(x[:-1], (0, 0, 0, 0, 1, 0)) for x in (k, v))
        q, k, v = (x.unflatten(2, (heads, -1)).transpose(1, 2).contiguous() for x in (q, k, v))
        scores = q @ k.transpose(2, 3) * self.shape.head_width**-0.5
        if pattern != 2:
            mask = torch.ones(scores.shape[2:], device=scores.device).tril()
            scores = scores * mask - 1e9 * (1 - mask)
        out = (scores.softmax(3) @ v).transpose(1, 2).flatten(2)
        out = out.transpose(0, 1).contiguous() if pattern == 1 else out
        return out.reshape(-1, out.shape[2])


def timed(work: Callable[[], np.ndarray], times: int, device: str) -> tuple[float, float]:
    """Give seconds of one time, and the peak memory of a GPU in GB; the first time is not timed."""
    work()
    if device == "cpu":
        started = time.perf_counter()
        for _ in range(times):
            work()
        return (time.perf_counter() - started) / times, float("nan")
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    for _ in range(times):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / times, torch.cuda.max_memory_allocated() / 1e9


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def time_original(
    path: Path, shape: Shape, layers: int, device: str, clips: list[np.ndarray]
) -> tuple[np.ndarray, float]:
    """Time the original's way; give its embeddings of the clips, and seconds a clip."""
    with exact_products(), torch.inference_mode():
        model = Original(path, shape, layers, device)
        seconds, memory = timed(lambda: model.embed(clips[0]), 3, device)
        print(f"the original's way, float32: {1 / seconds:.2f} clips/s, {memory:.1f} GB")
        return np.stack([model.embed(clip) for clip in clips]), seconds


def time_ours(
    model: Jukebox, clips: list[np.ndarray], flops: float, dtype: str, device: str
) -> float:
    """Time batches of all sizes; give the seconds of a clip in the best of them."""
    ceiling = planning.measured_flops(device, "float32" if device == "cpu" else dtype, model.dims)
    best = float("inf")
    for size in (size for size in (1, 2, 4, 8, 16, 32) if size <= len(clips)):
        some = clips[:size]
        repeats = max(1, 8 // size)
        work = functools.partial(model.embed_batch, some, model.sample_rate)
        seconds, memory = timed(work, repeats, device)
        rate = size / seconds
        best = min(best, seconds / size)
        print(
            f"{dtype}, batch {size}: {rate:.2f} clips/s, {rate * flops / 1e12:.2f} Tflop/s, "
            f"{rate * flops / ceiling:.0%} of a matrix product alone, {memory:.2f} GB"
        )
    return best


def compare(path: Path, shape: Shape, layers: int, device: str, count: int) -> None:
    """Time everything, and print it."""
    random = np.random.default_rng(0)
    samples = shape.crop_seconds * shape.sample_rate
    clips = [0.3 * random.standard_normal(samples).astype(np.float32) for _ in range(count)]
    flops = planning.flops_per_clip(shape, layers)
    wanted, plain = time_original(path, shape, layers, device, clips[:3])
    found = {}
    for dtype in ("float32", "float16"):
        if device != "cpu":
            torch.cuda.empty_cache()
        model = Jukebox(path, shape, [layers], False, device, dtype)
        best = time_ours(model, clips, flops, dtype, device)
        found[dtype] = model.embed_batch(clips[:3], shape.sample_rate)
        del model
        print(
            f"{dtype}: {plain / best:.1f} times the original's way; relative distance from it "
            f"{relative(found[dtype], wanted):.1e}"
        )
    print(f"float16 from float32: {relative(found['float16'], found['float32']):.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--weights", type=Path, help="converted weights, 5b.safetensors")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--small", action="store_true", help="a small model")
    options = parser.parse_args()
    if options.device != "cpu" and not torch.cuda.is_available():
        sys.exit("PyTorch finds no GPU here, so nothing was timed (--small --device cpu tries it)")
    shape, layers = (checkpoints.SMALL, 8) if options.small else (FIVE_B, 36)
    with tempfile.TemporaryDirectory(prefix="mirbench-") as folder:
        path = options.weights
        if path is None:
            path = Path(folder) / "random.safetensors"
            with path.open("wb") as file:
                write_tensors(file, random_weights(shape, layers))
        name = torch.cuda.get_device_name() if options.device != "cpu" else "processor"
        print(f"{name}, PyTorch {torch.__version__}, {layers} layers of {shape.width}")
        compare(path, shape, layers, options.device, options.clips)


if __name__ == "__main__":
    main()
