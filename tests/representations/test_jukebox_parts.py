"""The parts of Jukebox: encoder in chunks, labels, attention, plans, parameters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import jukebox_checkpoints as checkpoints
from helpers import jukebox_reference as reference
from torch import Tensor

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.registry import parse_representation
from mirbench.representations import jukebox
from mirbench.representations.jukebox import conditioning, planning
from mirbench.representations.jukebox.attention import PATTERNS
from mirbench.representations.jukebox.shape import FIVE_B
from mirbench.representations.jukebox.transformer import block_shapes, table_shapes
from mirbench.representations.jukebox.vqvae import TopEncoder, reach, vqvae_shapes

SMALL = checkpoints.SMALL


def test_five_b_has_the_published_sizes() -> None:
    assert FIVE_B.hop == 128
    assert FIVE_B.columns == 64
    assert FIVE_B.head_width == 150
    assert round(FIVE_B.full_seconds, 3) == 23.777
    assert reach(FIVE_B) == 10_455
    assert len(vqvae_shapes(FIVE_B)) == 133
    assert sum(torch.Size(size).numel() for size in block_shapes(FIVE_B, 0).values()) == 69_157_200


def test_total_length_is_62_seconds_in_whole_codes() -> None:
    assert conditioning.total_length(FIVE_B) == 2_734_080


def test_time_bins_are_those_of_the_original() -> None:
    total, absolute, relative = conditioning.time_bins(FIVE_B)
    assert total == 0
    assert (torch.nonzero(absolute.diff())[:, 0] + 1).tolist() == [1615, 3230, 4845, 6460, 8075]
    assert absolute[-1] == 5
    assert relative[-1] == 49
    place = torch.arange(8192, dtype=torch.float32) / 8192
    sample = 0 + (1_048_576.0 - 0) * place
    assert torch.equal(absolute, (128 * ((sample - 0) / (600.0 * 44_100))).floor().long())
    end = torch.tensor(1_048_576 / 2_734_080, dtype=torch.float32)
    assert torch.equal(relative, (128 * ((end * place - 0) / 1)).floor().long())
    assert relative[1335 * 2] - relative[1335 * 2 - 1] == 1  # exactly on a boundary


def test_conditions_are_those_of_the_reference() -> None:
    state = checkpoints.prior_state(SMALL)
    start, signal = reference.conditions(state, SMALL)
    torch.testing.assert_close(
        conditioning.start_vector(state).double(), start, rtol=1e-6, atol=1e-6
    )
    found = conditioning.time_signal(SMALL, state)
    torch.testing.assert_close(found.double(), signal, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("clips", [1, 3])
@pytest.mark.parametrize("pattern", [0, 1, 2])
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_attention_sees_what_its_pattern_says(pattern: int, clips: int, rows: int) -> None:
    columns, heads, channels = 4, 2, 5
    random = torch.Generator().manual_seed(pattern)
    shape = (clips, rows, columns, heads, channels)
    q, k, v = (torch.randn(shape, generator=random, dtype=torch.float64) for _ in range(3))
    found = PATTERNS[pattern](q, k, v, 0.3)
    visible = reference.mask(pattern, columns, rows * columns)
    for clip in range(clips):
        for head in range(heads):
            one: list[Tensor] = [x[clip, :, :, head].flatten(0, 1) for x in (q, k, v)]
            scores = (one[0] @ one[1].t() * 0.3).masked_fill(~visible, float("-inf"))
            wanted = scores.softmax(1).nan_to_num(0.0) @ one[2]
            torch.testing.assert_close(found[clip, :, :, head].flatten(0, 1), wanted)
    if pattern == 2:
        assert not found[:, 0].any()


def test_every_earlier_position_is_seen_within_three_layers() -> None:
    n = 8 * 4
    seen = torch.eye(n, dtype=torch.bool)
    for pattern in (0, 1, 2):
        step = (reference.mask(pattern, 4, n) | torch.eye(n, dtype=torch.bool)).int()
        seen = (step @ seen.int()) > 0
    rows = torch.arange(n) // 4
    assert seen[rows[:, None] > rows[None]].all()
    assert not seen.triu(1).any()


@pytest.mark.parametrize("samples", [44_100 * 2, 70_001, 128, 33_333])
@pytest.mark.parametrize("chunk", [128, 1280, 16_384])
def test_chunks_give_the_codes_of_one_pass(samples: int, chunk: int) -> None:
    state = checkpoints.vqvae_state(SMALL)
    shape = replace(SMALL, n_ctx=8192)
    audio = 0.3 * torch.randn(samples, generator=torch.Generator().manual_seed(0))
    whole = TopEncoder(shape, state, None)
    codes = whole.codes(audio)
    assert len(codes) == samples // 128
    if samples // chunk < 60:
        assert torch.equal(TopEncoder(shape, state, chunk).codes(audio), codes)
    frames = reference.features(state, shape, audio)
    assert (whole.features(audio).t() - frames).abs().max() < 2e-5


def test_the_true_encoder_in_chunks_gives_the_codes_of_one_pass() -> None:
    state = checkpoints.vqvae_state(FIVE_B)
    audio = 0.3 * torch.randn(6 * 44_100, generator=torch.Generator().manual_seed(0))
    whole, chunked = (TopEncoder(FIVE_B, state, chunk) for chunk in (None, 65_536))
    assert torch.equal(whole.codes(audio), chunked.codes(audio))


def test_a_code_reaches_so_far_and_no_further() -> None:
    """So cropping at 1,048,576 samples changes the last codes; at 1,059,031 it would not."""
    shape = replace(FIVE_B, conv_width=4, code_width=4)
    # Nothing negative, so that no rectifier hides anything, and silence gives nothing.
    state = {
        key: value.abs() * (0 if key.endswith("bias") else 1)
        for key, value in checkpoints.vqvae_state(shape).items()
    }
    encoder = TopEncoder(shape, state, None)
    for place, seen in ((-10_455, True), (-10_456, False), (10_582, True), (10_583, False)):
        click = torch.zeros(300 * 128)
        click[100 * 128 + place] = 1.0
        assert bool(encoder.features(click)[:, 100].any()) == seen


def test_the_plan_counts_what_is_loaded() -> None:
    sizes = dict(vqvae_shapes(SMALL)) | table_shapes(SMALL)
    assert planning.parameters(FIVE_B, 36) == 36 * 69_157_200 + (2048 + 8192) * 4800
    assert planning.device_bytes(FIVE_B, 36) == pytest.approx(5.34e9, rel=0.01)
    assert sizes["prior.x_emb.weight"] == (64, 32)


def test_the_plan_counts_operations() -> None:
    assert planning.flops_per_clip(FIVE_B, 36) == pytest.approx(40.77e12 + 0.1e12, rel=0.003)
    assert planning._encoder_flops(FIVE_B, 8192) == pytest.approx(43.4e9 + 2.1e9, rel=0.06)
    half = planning.flops_per_clip(FIVE_B, 36, 4096)
    assert half == pytest.approx(planning.flops_per_clip(FIVE_B, 36) / 2, rel=1e-3)
    assert planning.flops_per_clip(FIVE_B, 36, 9000) == planning.flops_per_clip(FIVE_B, 36)


def test_plan_model_needs_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "measured_flops", lambda *args: 1e12)
    cost = jukebox.plan_model(30.0)
    assert cost.shape == (4800,)
    assert cost.seconds == pytest.approx(40.9 / planning.EFFICIENCY, rel=0.01)
    every = jukebox.plan_model(30.0, model="5b-72", layers="all")
    assert every.shape == (72, 4800)
    assert every.parameters > 1.9 * cost.parameters
    assert jukebox.plan_model(10.0).flops < 0.5 * cost.flops
    with pytest.raises(UsageError, match="leave pool out"):
        jukebox.plan_model(30.0, pool="none")


def test_the_measured_product_is_timed_once() -> None:
    planning.measured_flops.cache_clear()
    first = planning.measured_flops("cpu", "float32", 64)
    assert first > 1e6
    assert planning.measured_flops("cpu", "float32", 64) == first


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"model": "1b"}, "5b and 5b-72, not '1b'"),
        ({"layer": 0}, "layer must be 1 to 36"),
        ({"layer": 37}, "model=5b-72 has all 72"),
        ({"layer": 73, "model": "5b-72"}, "layer must be 1 to 72"),
        ({"layer": True}, "layer must be 1 to 36"),
        ({"layers": "none"}, "layers must be 'all'"),
        ({"dtype": "bfloat16"}, "float32 or float16, not 'bfloat16'"),
        ({"pool": "max"}, "mean or none, not 'max'"),
        ({"pool": "none", "layers": "all"}, "name one layer"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        jukebox.load_model(**params)  # type: ignore[arg-type]


def test_the_default_precision_is_that_of_the_device() -> None:
    assert jukebox._checked("cpu", "5b", 36, None, None, "mean") == ((36,), "float32")
    assert jukebox._checked("cuda:1", "5b", 36, None, None, "mean") == ((36,), "float16")
    assert jukebox._checked("cuda", "5b", 36, "all", "float32", "mean") == (
        range(1, 37),
        "float32",
    )


def test_the_fingerprint_covers_every_file_of_the_package() -> None:
    source = parse_representation("jukebox").plugin.source
    assert source is not None
    folder = Path(jukebox.__path__[0])
    assert {path.name for path in source.files()} == {path.name for path in folder.glob("*.py")}
