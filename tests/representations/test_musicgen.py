"""MusicGen beside transformers' own classes and a plain NumPy model, with random weights.

Each trap that lies in the way has a test which shows that falling into it would be seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers.musicgen_checkpoints import CODES, DEPTH, WIDTH, write_checkpoint
from helpers.musicgen_reference import delay_pattern, language_states
from helpers.needs import needs

from mirbench.benchmark.api import PluginError, UnusableClip, UsageError
from mirbench.representations.musicgen import load_model

pytestmark = needs("transformers")

RATE, HOP = 32_000, 640
Array = npt.NDArray[Any]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def mono(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("musicgen") / "mono")


@pytest.fixture(scope="module")
def stereo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("musicgen") / "stereo", 2)


@pytest.fixture(scope="module")
def model(mono: Path) -> Any:
    return load_model(weights=str(mono), layers="all")


def whole(folder: Path) -> Any:
    """Load all of a model with transformers, as its documentation says."""
    from transformers import MusicgenForConditionalGeneration

    return MusicgenForConditionalGeneration.from_pretrained(folder).eval()


def tensors_of(folder: Path) -> Mapping[str, Array]:
    from safetensors.numpy import load_file

    tensors: Mapping[str, Array] = load_file(folder / "model.safetensors")
    return tensors


def noise(seconds: float, seed: int = 0) -> Array:
    """Noise whose colour changes, so that no second is like another."""
    random = np.random.default_rng(seed).normal(0, 0.3, round(seconds * RATE))
    swell = 1 + np.sin(np.arange(len(random)) / RATE * 2.1)
    return np.asarray(random * swell, dtype=np.float32)


def encoded(folder: Path, audio: Array) -> Any:
    """Codes of EnCodec by transformers, ``[n_codebooks, n_frames]``."""
    import torch

    with torch.inference_mode():
        return whole(folder).audio_encoder.encode(torch.tensor(audio)[None, None]).audio_codes[0, 0]


def decoded(model: Any, codes: Any, **arguments: Any) -> list[Any]:
    """States of transformers' whole model for codes ``[n_codebooks, n_positions]``."""
    import torch

    with torch.inference_mode():
        states = model(
            decoder_input_ids=codes, output_hidden_states=True, use_cache=False, **arguments
        ).decoder_hidden_states
    return [state[0].numpy() for state in states]


def test_frames_and_means_of_every_state_are_those_of_transformers(mono: Path, model: Any) -> None:
    audio = noise(6)  # more positions than the table of the small model has
    theirs = whole(mono)
    fed = delay_pattern(encoded(mono, audio).numpy(), CODES)
    assert fed.shape[1] == 301 > theirs.config.decoder.max_position_embeddings
    nothing = theirs.get_unconditional_inputs(1)
    import torch

    wanted = decoded(
        theirs,
        torch.tensor(fed),
        encoder_outputs=nothing.encoder_outputs,
        attention_mask=nothing.attention_mask,
    )
    assert model.layers == ("0", "1", "2", "3")
    assert (model.sample_rate, model.dims) == (RATE, WIDTH)
    frames, means = model.frames(audio, RATE), model.embed(audio, RATE)
    assert frames.shape == (DEPTH + 1, 300, WIDTH)
    assert frames.dtype == means.dtype == np.float32
    for layer, state in enumerate(wanted):
        np.testing.assert_allclose(frames[layer], state[1:], atol=1e-5)
        np.testing.assert_allclose(means[layer], state[1:].mean(0), atol=1e-5)
        assert np.abs(means[layer] - state.mean(0)).max() > 1e-4  # with the start token


@pytest.mark.parametrize("text", ["null", "empty"])
@pytest.mark.parametrize("pattern", ["delay", "none"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_plain_model_in_numpy_agrees(
    mono: Path, stereo: Path, text: str, pattern: str, channels: int
) -> None:
    folder = mono if channels == 1 else stereo
    audio = noise(1.7)
    found = load_model(weights=str(folder), layers="all", text=text, pattern=pattern)
    codes = encoded(folder, audio).numpy().repeat(channels, axis=0)
    fed = delay_pattern(codes, CODES, channels) if pattern == "delay" else codes
    heard = empty_text(folder) if text == "empty" else None
    wanted = language_states(tensors_of(folder), fed, heads=2, text=heard)
    first = int(pattern == "delay")
    for layer, frames in enumerate(found.frames(audio, RATE)):
        np.testing.assert_allclose(frames, wanted[layer][first:], atol=1e-5)
    np.testing.assert_allclose(
        found.embed(audio, RATE), [state[first:].mean(0) for state in wanted], atol=1e-5
    )


def empty_text(folder: Path) -> Array:
    """Encode the text "", whose only token ends it, for the blocks to attend to."""
    import torch

    theirs = whole(folder)
    token = torch.tensor([[1]])
    with torch.inference_mode():
        states = theirs.text_encoder(input_ids=token, attention_mask=token)[0]
        projected: Array = theirs.enc_to_dec_proj(states)[0].numpy()
    return projected


@pytest.mark.parametrize("channels", [1, 2])
def test_the_preset_is_one_forward_of_the_whole_model(
    mono: Path, stereo: Path, channels: int
) -> None:
    """As SynTheory calls it: audio and the text "", nothing else. Stereo doubles mono audio."""
    import torch

    folder = mono if channels == 1 else stereo
    audio = noise(4)
    scaled = torch.tensor(audio / np.abs(audio).max())[None, None]
    with torch.inference_mode():
        theirs = whole(folder)(
            input_values=scaled,
            input_ids=torch.tensor([[1]]),
            attention_mask=torch.tensor([[1]]),
            output_hidden_states=True,
        ).decoder_hidden_states
    preset = load_model(weights=str(folder), layers="all", preset="syntheory")
    frames = preset.frames(audio, RATE)
    assert frames.shape[1] == 200
    for layer, state in enumerate(theirs):
        np.testing.assert_allclose(frames[layer], state[0].numpy(), atol=1e-5)
        np.testing.assert_allclose(
            preset.embed(audio, RATE)[layer], state[0].mean(0).numpy(), atol=1e-5
        )
    np.testing.assert_allclose(preset.embed(audio / 4, RATE), preset.embed(audio, RATE), atol=1e-5)


def test_only_the_preset_divides_by_the_peak(mono: Path, model: Any) -> None:
    audio = noise(1)
    assert np.abs(model.embed(audio / 4, RATE) - model.embed(audio, RATE)).max() > 1e-3
    plain = load_model(weights=str(mono), layers="all", text="empty", pattern="none")
    preset = load_model(weights=str(mono), layers="all", preset="syntheory")
    np.testing.assert_allclose(
        preset.embed(audio, RATE), plain.embed(audio / np.abs(audio).max(), RATE), atol=1e-5
    )


@pytest.mark.parametrize("channels", [1, 2])
def test_the_delay_pattern_is_what_generate_feeds(mono: Path, stereo: Path, channels: int) -> None:
    import torch

    from mirbench.representations.musicgen.codes import delayed

    folder = mono if channels == 1 else stereo
    theirs = whole(folder)
    codes = encoded(folder, noise(0.5)).repeat_interleave(channels, dim=0)
    fed: list[Any] = []
    theirs.decoder.model.decoder.register_forward_pre_hook(
        lambda _, inputs, named: fed.append(named["input_ids"]), with_kwargs=True
    )
    nothing = theirs.get_unconditional_inputs(1)
    theirs.generate(
        encoder_outputs=nothing.encoder_outputs,
        attention_mask=nothing.attention_mask,
        decoder_input_ids=codes,
        max_new_tokens=5,
        guidance_scale=1.0,
        do_sample=False,
        use_cache=False,
    )
    own = delayed(codes[None], CODES, channels)
    assert torch.equal(own[0], fed[0])
    np.testing.assert_array_equal(own[0], delay_pattern(codes.numpy(), CODES, channels))
    for frames in (1, 2, 3):  # fewer than there are codebooks to delay
        short = codes[:, :frames]
        np.testing.assert_array_equal(
            delayed(short[None], CODES, channels)[0],
            delay_pattern(short.numpy(), CODES, channels),
        )


def test_the_mask_of_transformers_is_no_delayed_input(mono: Path) -> None:
    """It wants a start token that the caller puts before, and leaves -1 where codes are to come."""
    import torch

    theirs = whole(mono)
    codes = encoded(mono, noise(0.5))
    own = torch.tensor(delay_pattern(codes.numpy(), CODES))
    _, bare = theirs.decoder.build_delay_pattern_mask(codes, CODES, max_length=60)
    assert not torch.equal(bare[:, : own.shape[1]], own)
    started = torch.cat([torch.full((4, 1), CODES), codes], dim=1)
    inputs, mask = theirs.decoder.build_delay_pattern_mask(started, CODES, max_length=60)
    assert (mask == -1).any()
    assert torch.equal(inputs, own)


def test_null_is_attention_to_nothing_and_empty_is_not(mono: Path, model: Any) -> None:
    import torch

    audio, theirs = noise(1), whole(mono)
    fed = torch.tensor(delay_pattern(encoded(mono, audio).numpy(), CODES))
    zeros = torch.zeros(1, 1, theirs.config.text_encoder.d_model)
    masked, heard, unmasked = (
        decoded(theirs, fed, encoder_outputs=(zeros,), attention_mask=mask)
        for mask in (torch.tensor([[0]]), torch.tensor([[1]]), None)
    )
    own = model.frames(audio, RATE)
    np.testing.assert_allclose(own, [state[1:] for state in masked], atol=1e-5)
    empty = load_model(weights=str(mono), layers="all", text="empty").frames(audio, RATE)
    for other in ([state[1:] for state in heard], [state[1:] for state in unmasked], empty):
        assert np.abs(own[1:] - np.asarray(other)[1:]).max() > 0.01
    assert np.abs(empty[1:] - np.asarray([state[1:] for state in heard])[1:]).max() > 0.01
    np.testing.assert_array_equal(own[0], empty[0])


def test_the_text_encoder_is_kept_for_no_longer_than_it_is_needed(mono: Path) -> None:
    null, empty = (load_model(weights=str(mono), text=text) for text in ("null", "empty"))
    for found in (null, empty):
        kept = [type(value).__name__ for value in vars(found).values()]
        assert "T5EncoderModel" not in kept
    assert null._text is None
    assert not any("encoder_attn" in name for name, _ in null._decoder.named_parameters())
    assert empty._text.shape == (1, 1, WIDTH)


def test_the_last_state_is_normalised_and_no_other_is(mono: Path, model: Any) -> None:
    audio, tensors = noise(1), tensors_of(mono)
    fed = delay_pattern(encoded(mono, audio).numpy(), CODES)
    flat = {
        key: np.zeros_like(value) if key == "decoder.model.decoder.layer_norm.weight" else value
        for key, value in tensors.items()
    }
    bias = tensors["decoder.model.decoder.layer_norm.bias"]
    states = language_states(flat, fed, heads=2)
    np.testing.assert_allclose(states[-1], np.broadcast_to(bias, states[-1].shape))
    frames = model.frames(audio, RATE)
    assert np.abs(frames[-1] - bias).max() > 0.1
    for layer in range(DEPTH):
        np.testing.assert_allclose(frames[layer], states[layer][1:], atol=1e-5)


def test_a_batch_of_unequal_lengths_is_its_clips(model: Any) -> None:
    seconds = (1.0, 2.5, 1.0, 0.013, 1.7, 1.0)
    audios = [noise(length, seed) for seed, length in enumerate(seconds)]
    together = model.embed_batch(audios, RATE)
    for audio, found in zip(audios, together, strict=True):
        np.testing.assert_array_equal(found, model.embed(audio, RATE))


def test_padding_on_the_left_would_change_every_state(mono: Path, model: Any) -> None:
    """What the extractor of transformers does to the shorter clip of a batch, mask or not."""
    import torch

    audio, silence = noise(1), np.zeros(RATE // 2, np.float32)
    theirs = whole(mono)
    padded = torch.tensor(np.concatenate([silence, audio]))
    mask = torch.cat([torch.zeros(RATE // 2), torch.ones(RATE)]).long()
    text = {"input_ids": torch.tensor([[1]]), "attention_mask": torch.tensor([[1]])}
    with torch.inference_mode():
        states = theirs(
            input_values=padded[None, None],
            padding_mask=mask[None],
            output_hidden_states=True,
            **text,
        ).decoder_hidden_states
    own = load_model(weights=str(mono), layers="all", text="empty", pattern="none")
    valid = [state[0, -50:].mean(0).numpy() for state in states]
    assert (np.abs(own.embed(audio, RATE) - valid).max(axis=1) > 1e-3).all()


class TestAsOnGpu:
    """Several pieces at once, on the processor."""

    @pytest.fixture
    def many(self, mono: Path) -> Any:
        found = load_model(weights=str(mono), layers="all", chunk=0.5)
        found._batch = 4
        return found

    def test_pieces_of_one_length_go_together(self, many: Any, mono: Path) -> None:
        shapes: list[tuple[int, ...]] = []
        many._decoder.register_forward_pre_hook(
            lambda _, inputs, named: shapes.append(tuple(named["input_ids"].shape)),
            with_kwargs=True,
        )
        audios = [noise(length, seed) for seed, length in enumerate((1.0, 0.4, 1.5, 0.4))]
        found = many.embed_batch(audios, RATE)
        # Two and three pieces of 25 frames, and two of 20; each four codebooks, one position more.
        assert shapes == [(16, 26), (4, 26), (8, 21)]
        singly = load_model(weights=str(mono), layers="all", chunk=0.5)
        for audio, row in zip(audios, found, strict=True):
            np.testing.assert_allclose(row, singly.embed(audio, RATE), atol=1e-6)

    def test_where_memory_ends_by_halves(self, many: Any) -> None:
        import torch

        audios = [noise(0.5, seed) for seed in range(4)]
        wanted = many.embed_batch(audios, RATE)
        tried: list[int] = []

        def full(_: Any, inputs: Any, named: Any) -> None:
            tried.append(len(named["input_ids"]) // 4)
            if tried[-1] > 1:
                raise torch.OutOfMemoryError("CUDA out of memory")

        many._decoder.register_forward_pre_hook(full, with_kwargs=True)
        np.testing.assert_allclose(many.embed_batch(audios, RATE), wanted, atol=1e-6)
        assert tried == [4, 2, 1, 1, 2, 1, 1]


def test_long_clips_are_cut_where_a_frame_begins(mono: Path) -> None:
    cut = load_model(weights=str(mono), layers="all", chunk=1)
    audio = noise(2.4)[:-77]  # 120 frames, the last one cut short: pieces of 40
    first, second, third = (audio[at : at + 40 * HOP] for at in range(0, len(audio), 40 * HOP))
    means = np.mean([cut.embed(piece, RATE) for piece in (first, second, third)], axis=0)
    np.testing.assert_allclose(cut.embed(audio, RATE), means, atol=1e-6)
    longer = noise(2.44)  # 122 frames: pieces of 41, 41 and 40
    pieces = [longer[at : at + 41 * HOP] for at in range(0, len(longer), 41 * HOP)]
    weighted = np.average([cut.embed(x, RATE) for x in pieces], axis=0, weights=[41, 41, 40])
    np.testing.assert_allclose(cut.embed(longer, RATE), weighted, atol=1e-6)
    assert [len(own[0]) for own in cut.codes(longer, RATE)] == [41, 41, 40]


@pytest.mark.slow
def test_the_last_second_of_a_long_clip_counts(model: Any) -> None:
    audio = noise(65)
    assert [own.shape[-1] for own in model.codes(audio, RATE)] == [1084, 1084, 1082]
    other = audio.copy()
    other[-RATE:] = noise(1, seed=9)
    found, changed = model.embed_batch([audio, other], RATE)
    assert np.abs(found - changed).max(axis=1).min() > 1e-4


def test_one_layer_is_that_layer_of_all_and_nothing_above_is_kept(mono: Path, model: Any) -> None:
    audio = noise(1)
    every = model.embed(audio, RATE)
    for layer in range(DEPTH + 1):
        single = load_model(weights=str(mono), layer=layer)
        assert single.layers == ()
        assert len(single._decoder.layers) == max(1, layer)
        np.testing.assert_array_equal(single.embed(audio, RATE), every[layer])
    middle = load_model(weights=str(mono))
    np.testing.assert_array_equal(middle.embed(audio, RATE), every[DEPTH // 2])


def test_silence_and_the_shortest_clips(mono: Path, model: Any) -> None:
    silence = model.embed(np.zeros(RATE, np.float32), RATE)
    assert np.isfinite(silence).all()
    assert np.abs(silence - model.embed(noise(1), RATE)).max(axis=1).min() > 1e-3
    for samples, frames in ((1, 1), (HOP, 1), (HOP + 1, 2)):
        audio = noise(1)[:samples]
        assert model.frames(audio, RATE).shape == (DEPTH + 1, frames, WIDTH)
        assert np.isfinite(model.embed(audio, RATE)).all()
    with pytest.raises(UnusableClip, match="it has no samples"):
        model.embed(np.zeros(0, np.float32), RATE)
    with pytest.raises(UsageError, match="musicgen wants audio at 32000 Hz, not 44100 Hz"):
        model.embed(noise(1), 44_100)
    preset = load_model(weights=str(mono), preset="syntheory")
    assert np.isfinite(preset.embed(np.zeros(RATE, np.float32), RATE)).all()


def test_half_precision_is_near_and_says_when_it_overflows(mono: Path, model: Any) -> None:
    import torch

    audio = noise(0.5)
    half = load_model(weights=str(mono), layers="all", dtype="float16")
    assert half.embed(audio, RATE).dtype == np.float32
    scale = np.abs(model.embed(audio, RATE)).max()
    difference = np.abs(half.embed(audio, RATE) - model.embed(audio, RATE)).max()
    assert 0 < difference < 2e-3 * scale
    for mine, other in zip(half.codes(audio, RATE), model.codes(audio, RATE), strict=True):
        assert torch.equal(mine, other)  # EnCodec stays in float32
    with torch.no_grad():
        half._decoder.layers[0].fc2.weight.fill_(60_000)
    with pytest.raises(PluginError, match="float16 overflowed; use the parameter dtype=float32"):
        half.embed(audio, RATE)


def test_a_gpu_would_compute_in_true_float32(model: Any) -> None:
    import torch

    seen: list[tuple[bool, str]] = []
    hook = model._decoder.register_forward_pre_hook(
        lambda *_: seen.append(
            (torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision())
        )
    )
    usual = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        model.embed(noise(0.1), RATE)
    finally:
        torch.set_float32_matmul_precision(usual)
        hook.remove()
    assert seen == [(False, "highest")]
