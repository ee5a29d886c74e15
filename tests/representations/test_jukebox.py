"""Jukebox beside a plain reference in float64, and what each of its traps would break.

Small models of every attention pattern, with random weights that went through
a checkpoint of the original form.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import jukebox_checkpoints as checkpoints
from helpers import jukebox_reference as reference
from helpers.needs import needs
from torch import Tensor

from mirbench.benchmark.api import FloatArray, PluginError, UnusableClip, UsageError
from mirbench.representations.jukebox import model as jukebox
from mirbench.representations.jukebox import planning
from mirbench.representations.jukebox.model import Jukebox
from mirbench.representations.jukebox.precision import exact_products

SHAPE = checkpoints.SMALL
RATE = SHAPE.sample_rate
#: Samples that fill every position of the small model.
FULL = SHAPE.n_ctx * SHAPE.hop


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a converted file with all layers of the small model."""
    return checkpoints.converted_file(tmp_path_factory.mktemp("jukebox"), SHAPE, SHAPE.depth)


@pytest.fixture(scope="module")
def frames_model(weights: Path) -> Jukebox:
    return Jukebox(weights, SHAPE, [SHAPE.depth], False, "cpu", "float32", "none")


@pytest.fixture(scope="module")
def all_layers(weights: Path) -> Jukebox:
    return Jukebox(weights, SHAPE, range(1, SHAPE.depth + 1), True, "cpu", "float32")


def noise(samples: int, seed: int = 0, peak: float = 1.0) -> FloatArray:
    random = np.random.default_rng(seed)
    audio = random.uniform(-1, 1, samples).astype(np.float32)
    return audio * np.float32(peak) / np.abs(audio).max()


def relative(found: Any, wanted: Any) -> float:
    found, wanted = (torch.as_tensor(x).double() for x in (found, wanted))
    return float((found - wanted).norm() / wanted.norm())


def test_codes_are_the_nearest_codewords(frames_model: Jukebox) -> None:
    audio = noise(2 * RATE)
    found = frames_model.codes(audio, RATE)
    distances = reference.distances(checkpoints.vqvae_state(SHAPE), SHAPE, torch.from_numpy(audio))
    distances = distances[: len(found)]
    # In float32 either of two codewords that are equally near may win.
    chosen = distances.gather(1, found[:, None])[:, 0]
    assert torch.all(chosen <= distances.min(1).values * (1 + 1e-5) + 1e-6)
    assert (found == distances.argmin(1)).float().mean() > 0.99
    assert len(found) == SHAPE.n_ctx
    assert len(found.unique()) > 30


def test_frames_of_every_layer_are_those_of_the_reference(
    weights: Path, frames_model: Jukebox, all_layers: Jukebox
) -> None:
    audio = noise(2 * RATE)
    codes = frames_model.codes(audio, RATE)
    wanted = reference.layers(checkpoints.prior_state(SHAPE), SHAPE, codes, SHAPE.depth)
    pooled = all_layers.embed(audio, RATE)
    assert pooled.dtype == np.float32
    assert pooled.shape == (SHAPE.depth, SHAPE.width)
    for number, activations in enumerate(wanted, start=1):
        single = Jukebox(weights, SHAPE, [number], False, "cpu", "float32", "none")
        frames = torch.from_numpy(single.embed(audio, RATE))
        assert (frames - activations).abs().max() < 5e-5, f"layer {number}"
        assert relative(frames, activations) < 1e-6
        assert relative(pooled[number - 1], activations.mean(0)) < 1e-6


def test_one_layer_is_that_layer_of_all(weights: Path, all_layers: Jukebox) -> None:
    audio = noise(RATE)
    every = all_layers.embed(audio, RATE)
    single = Jukebox(weights, SHAPE, [3], False, "cpu", "float32")
    assert single.layers == ()
    assert all_layers.layers == ("1", "2", "3", "4", "5", "6", "7", "8")
    np.testing.assert_array_equal(single.embed(audio, RATE), every[2])


def test_nothing_above_the_wanted_layer_is_read(tmp_path: Path, weights: Path) -> None:
    few = checkpoints.converted_file(tmp_path, SHAPE, 3)
    audio = noise(RATE)
    models = (Jukebox(path, SHAPE, [3], False, "cpu", "float32") for path in (few, weights))
    first, second = (model.embed(audio, RATE) for model in models)
    np.testing.assert_array_equal(first, second)


def test_the_peak_is_that_of_the_whole_clip(frames_model: Jukebox) -> None:
    audio = noise(3 * RATE, peak=0.5)
    loud = audio.copy()
    loud[-1] = 1.0  # after the two seconds that the encoder reads
    start = audio[: 2 * RATE]
    np.testing.assert_array_equal(frames_model.codes(loud, RATE), _codes(frames_model, start))
    np.testing.assert_array_equal(
        frames_model.codes(audio, RATE), _codes(frames_model, start / np.abs(audio).max())
    )
    assert not torch.equal(frames_model.codes(loud, RATE), frames_model.codes(audio, RATE))


def _codes(model: Jukebox, scaled: FloatArray) -> Tensor:
    with exact_products():
        return model._encoder.codes(torch.from_numpy(scaled))


def test_silence_is_not_divided(frames_model: Jukebox) -> None:
    frames = frames_model.embed(np.zeros(RATE, dtype=np.float32), RATE)
    assert np.isfinite(frames).all()


def test_the_encoder_reads_on_past_the_last_code(frames_model: Jukebox) -> None:
    audio = noise(2 * RATE)
    every = frames_model.codes(audio, RATE)
    cropped = frames_model.codes(audio[:FULL], RATE)
    assert len(every) == len(cropped) == SHAPE.n_ctx
    changed = torch.nonzero(every != cropped)
    assert len(changed) > 0
    assert changed.min() > SHAPE.n_ctx - 40  # only the end is near the cut


def test_a_short_clip_gives_the_first_positions_of_a_long_one(frames_model: Jukebox) -> None:
    audio = noise(2 * RATE)
    codes = frames_model.codes(audio, RATE)
    whole = _run(frames_model, codes)
    for count in (1, 5, SHAPE.columns, 77, 300):
        np.testing.assert_allclose(_run(frames_model, codes[:count]), whole[:count], atol=1e-5)


def test_a_short_clip_runs_with_as_many_positions_as_it_has_codes(frames_model: Jukebox) -> None:
    for samples, codes in ((128, 1), (255, 1), (256, 2), (12_345, 96), (FULL - 1, 511)):
        assert frames_model.embed(noise(samples), RATE).shape == (codes, SHAPE.width)
    with pytest.raises(UnusableClip, match="it has 127 samples, and Jukebox needs 128"):
        frames_model.embed(noise(127), RATE)


def test_the_row_is_told_of_clips_that_do_not_fill_the_window(all_layers: Jukebox) -> None:
    assert all_layers.note(noise(FULL), RATE) is None
    assert all_layers.note(noise(FULL - 1), RATE) == "shorter than 1.49 s"


def _run(model: Jukebox, codes: Tensor) -> FloatArray:
    kept: list[Tensor] = []
    with torch.inference_mode():
        model._prior.run(codes[None], lambda number, x: kept.append(x[0].clone()))
    frames: FloatArray = kept[-1].numpy()
    return frames


def test_a_position_sees_the_codes_before_it_and_no_other(frames_model: Jukebox) -> None:
    codes = frames_model.codes(noise(2 * RATE), RATE)
    before = _run(frames_model, codes)
    for place in (0, 63, 64, 200):
        other = codes.clone()
        other[place] = (other[place] + 1) % SHAPE.codes
        changed = np.abs(_run(frames_model, other) - before).max(1) > 0
        assert not changed[: place + 1].any()
        assert changed[place + 1]
    other = codes.clone()
    other[-1] = (other[-1] + 1) % SHAPE.codes
    np.testing.assert_array_equal(_run(frames_model, other), before)  # the last is never used


def test_inputs_are_shifted_codes_places_and_times(frames_model: Jukebox) -> None:
    state = checkpoints.prior_state(SHAPE)
    codes = frames_model.codes(noise(2 * RATE), RATE)
    start, signal = reference.conditions(state, SHAPE)
    found = frames_model._prior.inputs(codes[None])[0]
    places = state["prior.pos_emb.pos_emb"]
    assert relative(found[0], start + places[0] + signal[0]) < 1e-6
    wanted = state["prior.x_emb.weight"][codes[:-1]] + places[1:] + signal[1:]
    assert relative(found[1:], wanted) < 1e-6


def test_float16_products_agree_with_float32(weights: Path, all_layers: Jukebox) -> None:
    half = Jukebox(weights, SHAPE, range(1, SHAPE.depth + 1), True, "cpu", "float16")
    audio = noise(2 * RATE)
    exact, rounded = all_layers.embed(audio, RATE), half.embed(audio, RATE)
    assert 0 < relative(rounded, exact) < 5e-4
    assert (half.made_with, all_layers.made_with) == ({"dtype": "float16"}, {"dtype": "float32"})


def test_float16_that_overflows_says_what_to_do(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(checkpoints.converted_file(tmp_path, SHAPE, 1))
    tensors["prior.transformer._attn_mods.0.mlp.c_fc.w"] *= 30_000
    save_file(tensors, tmp_path / "large.safetensors")
    model = Jukebox(tmp_path / "large.safetensors", SHAPE, [1], False, "cpu", "float16")
    with pytest.raises(PluginError, match="float16 overflowed; use the parameter dtype=float32"):
        model.embed(noise(RATE), RATE)


@pytest.mark.parametrize("together", [1, 2, 8])
def test_a_batch_is_its_clips(
    all_layers: Jukebox, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    clips = [noise(samples, seed) for seed, samples in enumerate((FULL, 2 * RATE, 9_000, 40_000))]
    singly = [all_layers.embed(clip, RATE) for clip in clips]
    monkeypatch.setattr(Jukebox, "_clips_at_once", lambda self: together)
    np.testing.assert_allclose(all_layers.embed_batch(clips, RATE), singly, atol=1e-5)


def test_a_batch_that_is_too_large_for_the_memory_is_halved(
    all_layers: Jukebox, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [noise(20_000, seed) for seed in range(5)]
    wanted = all_layers.embed_batch(clips, RATE)
    compute, sizes = Jukebox._pooled_together, []

    def limited(self: Jukebox, codes: Any) -> FloatArray:
        sizes.append(len(codes))
        if len(codes) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return compute(self, codes)

    monkeypatch.setattr(Jukebox, "_clips_at_once", lambda self: 5)
    monkeypatch.setattr(Jukebox, "_pooled_together", limited)
    np.testing.assert_allclose(all_layers.embed_batch(clips, RATE), wanted, atol=1e-5)
    assert sizes == [5, 2, 3, 1, 2]


def test_as_many_clips_as_fit_the_memory_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = jukebox.Shape()
    clip = planning.CLIP_BYTES[torch.float16] * shape.n_ctx * shape.width
    for free, fitting in ((0, 1), (clip * 3, 2), (10 * clip, 9), (10**12, planning.MAX_BATCH)):
        assert planning.clips_at_once(shape, torch.float16, free) == fitting
    model = object.__new__(Jukebox)
    model._shape, model._dtype, model._device = shape, torch.float16, torch.device("cuda")
    monkeypatch.setattr(planning, "free_bytes", lambda device: 10 * clip)
    assert model._clips_at_once() == 9


def test_heads_filled_with_zeros_change_nothing(
    weights: Path, all_layers: Jukebox, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_block = jukebox.make_block
    made = []

    def padded(*args: Any, pad_heads: bool) -> Any:
        made.append(make_block(*args, pad_heads=True))
        return made[-1]

    monkeypatch.setattr(jukebox, "make_block", padded)
    model = Jukebox(weights, SHAPE, range(1, SHAPE.depth + 1), True, "cpu", "float32")
    assert made[0].query.weight.shape == (SHAPE.width, SHAPE.heads * 8)
    audio = noise(RATE)
    assert relative(model.embed(audio, RATE), all_layers.embed(audio, RATE)) < 1e-6


def test_arithmetic_is_exact_meanwhile_and_as_it_was_afterwards(
    all_layers: Jukebox, monkeypatch: pytest.MonkeyPatch
) -> None:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul

    def settings() -> tuple[Any, ...]:
        return (
            torch.get_float32_matmul_precision(),
            cudnn.allow_tf32,
            matmul.allow_fp16_reduced_precision_reduction,
        )

    seen = []
    run = all_layers._prior.run
    monkeypatch.setattr(
        all_layers._prior, "run", lambda *args: (seen.append(settings()), run(*args))
    )
    before = settings()
    torch.set_float32_matmul_precision("medium")
    try:
        all_layers.embed(noise(RATE), RATE)
        assert seen == [("highest", False, False)]
        assert settings() == ("medium", *before[1:])
        assert before[1]  # PyTorch's default: it would have rounded
    finally:
        torch.set_float32_matmul_precision(before[0])


def test_audio_is_not_modified(all_layers: Jukebox) -> None:
    audio = noise(RATE, peak=0.25)
    kept = audio.copy()
    all_layers.embed(audio, RATE)
    np.testing.assert_array_equal(audio, kept)


def test_another_rate_is_refused(all_layers: Jukebox) -> None:
    with pytest.raises(UsageError, match="44100 Hz, not 22050 Hz"):
        all_layers.embed(noise(RATE), 22_050)


def test_frames_are_for_python_and_not_for_probes(frames_model: Jukebox) -> None:
    from mirbench.benchmark.embedding.model import describe_model

    with pytest.raises(PluginError, match="leave pool out"):
        describe_model(frames_model, "jukebox:pool=none")


@pytest.mark.parametrize(
    "trap",
    [
        "patterns swapped",
        "rows of another length",
        "no time signal",
        "no start vector",
        "no shift",
        "matrices transposed",
        "one layer less",
    ],
)
def test_each_wrong_variant_is_far_beyond_the_tolerance(frames_model: Jukebox, trap: str) -> None:
    """What the comparison with the reference would say of the mistakes that are easily made."""
    state, shape = checkpoints.prior_state(SHAPE), SHAPE
    codes = frames_model.codes(noise(2 * RATE), RATE)
    depth = shape.depth
    if trap == "patterns swapped":
        names = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"]
        for part in (f"{name}.{kind}" for name in names for kind in "wb"):
            first, second = (f"prior.transformer._attn_mods.{d}.{part}" for d in (0, 1))
            state[first], state[second] = state[second], state[first]
    elif trap == "rows of another length":
        shape = replace(shape, blocks=shape.blocks // 2)
    elif trap == "no time signal":
        state = {k: 0 * v if "_pos_emb" in k or "total" in k else v for k, v in state.items()}
    elif trap == "no start vector":
        state = {k: 0 * v if "genre" in k or "artist" in k else v for k, v in state.items()}
    elif trap == "no shift":
        codes = codes.roll(-1)
    elif trap == "matrices transposed":
        key = "prior.transformer._attn_mods.2.mlp.c_fc.w"
        state[key] = state[key].t()
    else:
        depth -= 1
    frames = frames_model.embed(noise(2 * RATE), RATE)
    assert relative(frames, reference.layers(state, shape, codes, depth)[-1]) > 1e-3


@needs("gpu")
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float16", 5e-4)])
def test_a_gpu_agrees_with_the_processor(
    weights: Path, all_layers: Jukebox, dtype: str, tolerance: float
) -> None:
    model = Jukebox(weights, SHAPE, range(1, SHAPE.depth + 1), True, "cuda", dtype)
    audio = noise(2 * RATE)
    # The codes of the processor, because the GPU may choose otherwise between equals.
    codes = all_layers.codes(audio, RATE)
    assert (model.codes(audio, RATE).cpu() == codes).float().mean() > 0.99
    with exact_products(), torch.inference_mode():
        found, wanted = (each._pooled([codes.to(each._device)]) for each in (model, all_layers))
    assert relative(found, wanted) < tolerance
