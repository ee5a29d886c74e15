"""Decoding: formats, excerpts, windows, and files that are not what they should be."""

from __future__ import annotations

import warnings
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from mirbench.benchmark.api import MirbenchError, UnusableClip
from mirbench.benchmark.datasets.audio import audio_info, read_audio, read_windows

FORMATS = ("wav", "flac", "ogg", "mp3")


def sound(seconds: float, rate: int = 44_100, channels: int = 2) -> np.ndarray:
    times = np.arange(round(seconds * rate)) / rate
    parts = [0.4 * np.sin(2 * np.pi * (220 + 110 * c) * times) for c in range(channels)]
    return np.stack(parts, axis=1) + np.random.default_rng(0).normal(0, 0.01, (len(times), 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("audio")
    for suffix in FORMATS:
        soundfile.write(place / f"stereo.{suffix}", sound(4), 44_100)
    return place


def reference(path: Path, rate: int, **how: float | None) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return librosa.load(path, sr=rate, mono=True, **how)[0]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("start", "duration"), [(0.0, None), (1.25, 1.5), (2.0, None)])
def test_equals_librosa(folder: Path, suffix: str, start: float, duration: float | None) -> None:
    path = folder / f"stereo.{suffix}"
    for rate in (22_050, 44_100, 48_000):
        audio = read_audio(path, rate, start, duration)
        assert audio.dtype == np.float32
        assert audio.ndim == 1
        expected = reference(path, rate, offset=start, duration=duration)
        np.testing.assert_allclose(audio, expected, atol=1e-6)


def test_equals_librosa_on_real_recordings(shared: Path) -> None:
    audio = shared / "audio"
    paths = sorted(path for path in audio.iterdir() if path.suffix in (".ogg", ".mp3"))
    assert paths
    for path in paths:
        duration = audio_info(path).duration
        start = min(2.0, duration / 2)
        expected = reference(path, 22_050, offset=start, duration=min(5.0, duration / 3))
        audio = read_audio(path, 22_050, start, min(5.0, duration / 3))
        np.testing.assert_allclose(audio, expected, atol=1e-6, err_msg=path.name)


def test_channels_are_averaged(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.tile([0.5, -0.25], (100, 1)), 8000, subtype="FLOAT")
    assert np.all(read_audio(tmp_path / "a.wav", 8000) == 0.125)


@pytest.mark.parametrize("suffix", FORMATS)
def test_header_is_read_without_decoding(
    folder: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(soundfile.SoundFile, "read", refuse)
    info = audio_info(folder / f"stereo.{suffix}")
    assert info.duration == pytest.approx(4, abs=0.1)
    assert (info.sample_rate, info.channels) == (44_100, 2)


def test_an_excerpt_reads_no_more_than_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    read = soundfile.SoundFile.read

    def spy(self: soundfile.SoundFile, frames: int = -1, **how: object) -> np.ndarray:
        asked.append(frames)
        return read(self, frames, **how)

    monkeypatch.setattr(soundfile.SoundFile, "read", spy)
    read_audio(folder / "stereo.wav", 22_050, start=1, duration=0.5)
    assert asked == [22_050]


def test_windows_are_cut_before_resampling(folder: Path) -> None:
    path = folder / "stereo.wav"
    windows = read_windows(path, 22_050, 1.5)
    assert [len(window) for window in windows] == [33_075, 33_075]
    for k, window in enumerate(windows):
        expected = reference(path, 22_050, offset=1.5 * k, duration=1.5)
        np.testing.assert_allclose(window, expected, atol=1e-6)
    assert len(read_windows(path, 22_050, 1.0)) == 4
    assert len(read_windows(path, 22_050, 1.0, start=0.5, duration=2.9)) == 2


def test_a_clip_shorter_than_a_window_is_unusable(folder: Path) -> None:
    with pytest.raises(UnusableClip, match=r"is 4\.0 s long, shorter than one window of 5 s"):
        read_windows(folder / "stereo.wav", 22_050, 5.0)


@pytest.mark.parametrize(
    ("subtype", "rate", "channels"),
    [("PCM_24", 44_100, 1), ("PCM_16", 96_000, 2), ("FLOAT", 48_000, 8), ("PCM_U8", 8000, 1)],
)
@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_unusual_files_work(
    tmp_path: Path, suffix: str, subtype: str, rate: int, channels: int
) -> None:
    if suffix == "flac":
        subtype = {"FLOAT": "PCM_24", "PCM_U8": "PCM_S8"}.get(subtype, subtype)
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, sound(0.5, rate, channels), rate, subtype=subtype)
    audio = read_audio(path, 22_050)
    assert len(audio) == 11_025
    np.testing.assert_allclose(audio, reference(path, 22_050), atol=1e-6)


def test_silence_and_a_single_sample_work(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(8000), 8000)
    assert not read_audio(tmp_path / "silent.wav", 22_050).any()
    soundfile.write(tmp_path / "one.wav", [0.5], 44_100)
    assert read_audio(tmp_path / "one.wav", 44_100).tolist() == [0.5]
    for rate in (8000, 96_000):
        short = read_audio(tmp_path / "one.wav", rate)
        assert len(short) == np.ceil(rate / 44_100)
        assert np.isfinite(short).all()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("content", [b"", b"Not audio, but a text. " * 400, bytes(9000)])
def test_what_is_not_audio_is_unusable(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    for read in (audio_info, lambda p: read_audio(p, 8000)):
        with pytest.raises(UnusableClip) as caught:
            read(path)
        message = str(caught.value)
        assert message.startswith(f"a.{suffix} ")
        assert "\n" not in message
        assert str(tmp_path) not in message
        if not content:
            assert message == f"a.{suffix} is empty (0 bytes)"


def test_absent_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.wav", tmp_path):
        with pytest.raises(UnusableClip, match="does not exist"):
            read_audio(path, 8000)


def test_header_without_samples(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 8000)
    with pytest.raises(UnusableClip, match=r"a\.wav holds no audio"):
        read_audio(tmp_path / "a.wav", 8000)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3"])
@pytest.mark.parametrize("share", [0.3, 0.02])
def test_truncated_files_are_unusable(
    folder: Path, tmp_path: Path, suffix: str, share: float
) -> None:
    content = (folder / f"stereo.{suffix}").read_bytes()
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UnusableClip, match=rf"cut\.{suffix} (is truncated|cannot be decoded)"):
        read_audio(path, 22_050)


def test_a_truncated_ogg_is_unusable(folder: Path, tmp_path: Path) -> None:
    # An ogg file does not say how long it should be, but marks its last page.
    content = (folder / "stereo.ogg").read_bytes()
    path = tmp_path / "cut.ogg"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UnusableClip, match=r"cut\.ogg is truncated: it ends within a page"):
        read_audio(path, 22_050)
    path.write_bytes(content[: content.rindex(b"OggS")])
    with pytest.raises(UnusableClip, match=r"cut\.ogg is truncated: the last page"):
        read_audio(path, 22_050)
    path.write_bytes(content[:60])
    with pytest.raises(UnusableClip, match=r"cut\.ogg cannot be decoded"):
        read_audio(path, 22_050)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_not_finite(tmp_path: Path, bad: float) -> None:
    samples = np.zeros(100)
    samples[50] = bad
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
    with pytest.raises(UnusableClip, match=r"a\.wav holds samples that are NaN or infinite"):
        read_audio(tmp_path / "a.wav", 8000)


def test_excerpts_beyond_the_end(folder: Path) -> None:
    for suffix in FORMATS:
        with pytest.raises(UnusableClip, match=r"is 4\.\d s long, but the clip starts at 9 s"):
            read_audio(folder / f"stereo.{suffix}", 22_050, start=9)
    with pytest.raises(UnusableClip, match=r"truncated: 1\.0 s of 3\.0 s"):
        read_audio(folder / "stereo.wav", 22_050, start=3, duration=3)
    # Rounding in a dataset's annotations is no truncation.
    assert len(read_audio(folder / "stereo.wav", 22_050, start=3, duration=1.05)) == 22_050


def test_a_file_that_cannot_be_read_just_now_is_not_called_unusable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(100), 8000)

    def fail(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(soundfile, "SoundFile", fail)
    with pytest.raises(MirbenchError, match=r"cannot be read: .*Too many open files; run") as found:
        read_audio(path, 8000)
    assert not isinstance(found.value, UnusableClip)


def test_a_wav_written_to_a_pipe_has_no_length(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(8000, 0.5), 8000)
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert len(read_audio(path, 8000)) == 8000
