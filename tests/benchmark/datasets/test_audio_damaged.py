"""Files whose length is hard to tell, or told wrong: all of the audio, or the true reason."""

from __future__ import annotations

import resource
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.audio_damage import (
    ape,
    bare,
    encoded,
    id3v1,
    id3v2,
    lyrics,
    mp3,
    mp3_frames,
    with_count,
    with_number,
)

from mirbench.benchmark.api import UnusableClip
from mirbench.benchmark.datasets.audio import audio_info, count_windows, read_audio, read_windows

HIGH, LOW, VARIABLE = (
    mp3(6, mode, level)
    for mode, level in (("CONSTANT", 0.0), ("CONSTANT", 0.95), ("VARIABLE", 0.3))
)
H, L = mp3_frames(HIGH), mp3_frames(LOW)
MONO, OTHER_RATE = mp3(1, "CONSTANT", 0.7, channels=1), mp3(1, "CONSTANT", 0.7, rate=48_000)
OLD, OLDER = (mp3(6, "VARIABLE", 0.5, rate=rate, channels=1) for rate in (16_000, 8000))
FRAME = 1152 / 44_100


def lossless(container: str, coding: str | None = None) -> bytes:
    return encoded(6, 22_050, 1, container, coding)


WAV, AIFF, AU, CAF, W64, RF64 = map(lossless, ("WAV", "AIFF", "AU", "CAF", "W64", "RF64"))
FLAC, OGG = lossless("FLAC"), lossless("OGG")
OPUS = encoded(6, 16_000, 1, "OGG", "OPUS")
CHUNK = b"LIST" + struct.pack("<I", 4000) + b"INFO" + bytes(range(1, 112)) * 36
SIZE = len(WAV) - 44


def with_total(content: bytes, total: int) -> bytes:
    """Make a FLAC file whose header tells another number of samples, of 36 bits."""
    known = int.from_bytes(content[18:26], "big")
    return content[:18] + (known >> 36 << 36 | total).to_bytes(8, "big") + content[26:]


def wav(size: int, riff: int | None = None) -> bytes:
    content = with_number(WAV, b"data", 0, struct.pack("<I", size))
    return content if riff is None else with_number(content, b"RIFF", 0, struct.pack("<I", riff))


#: Files of which all is read, and its seconds.
WHOLE = {
    "mp3 of a variable rate, no length": (bare(VARIABLE), 6),
    "mp3 of a constant rate, no length": (bare(HIGH), 6),
    "mp3 with a quiet start": (b"".join(L[:40] + H[40:]), 6),
    "mp3 with a loud start": (b"".join(H[:40] + L[40:]), 6),
    "mp3 of MPEG 2": (bare(OLD), 6),
    "mp3 of MPEG 2.5": (bare(OLDER), 6),
    "mp3, two joined": (VARIABLE + VARIABLE, 12),
    "mp3, three joined": (VARIABLE + HIGH + LOW, 18),
    "mp3, joined with tags": (id3v2(900) + VARIABLE + id3v1() + id3v2(900) + HIGH + id3v1(), 12),
    "mp3, joined, no lengths": (bare(HIGH) + bare(LOW), 12),
    "mp3, joined, the second one without a length": (HIGH + bare(LOW), 12),
    "mp3 of length 0": (with_count(VARIABLE, 0), 6),
    "mp3 of too small a length": (with_count(VARIABLE, 50), 6),
    "mp3 of too large a length": (with_count(VARIABLE, 2000), 6),
    "mp3 with a large picture": (id3v2(700_000) + b"".join(H[:80]), 80 * FRAME),
    "mp3 with tags behind": (bare(LOW) + ape(3000) + lyrics() + id3v1(), 6),
    "mp3 with an old tag behind": (bare(LOW) + ape(3000, header=False), 6),
    "mp3 with junk that its header knows of": (VARIABLE + b"junk" * 9000, 6),
    "mp3 with junk in the middle": (VARIABLE[:30_000] + b"junk" * 99 + VARIABLE[30_000:], None),
    "wav, ffmpeg to a pipe": (wav(0xFFFFFFFF, 0xFFFFFFFF), 6),
    "wav, sox to a pipe": (wav(0x7FFFF000, 0x7FFFF024), 6),
    "wav, arecord to a pipe": (wav(0x80000000, 0x80000024), 6),
    "wav, largest number": (wav(0x7FFFFFFF), 6),
    "wav, lame to a pipe": (wav(0xFFFFFFFF - 44), 6),
    "wav of a recorder that was stopped": (wav(0, 0), 6),
    "wav with a chunk behind": (WAV + CHUNK, 6),
    "wav with a tag behind": (WAV + id3v2(9000), 6),
    "wav with padding": (WAV + bytes(30_000), 6),
    "wav with a wrong riff size": (wav(SIZE, 100), 6),
    "au of unknown length": (with_number(AU, b".snd", 4, b"\xff" * 4), 6),
    "au of length 0": (with_number(AU, b".snd", 4, bytes(4)), 6),
    "aiff, sox to a pipe": (with_number(AIFF, b"SSND", 0, b"\x7f\0\0\x08"), 6),
    "caf of unknown length": (with_number(CAF, b"data", 0, b"\xff" * 8), 6),
    "rf64 of length 0": (with_number(RF64, b"ds64", 12, bytes(8)), 6),
    "flac to a pipe": (with_total(FLAC, 0), 6),
    "flac with a tag behind": (FLAC + id3v1(), 6),
    "ogg, two joined": (OGG + OGG, 12),
    "opus, three joined": (OPUS * 3, 18),
    "ogg with a tag behind": (OGG + id3v1(), 6),
}  # fmt: skip

#: Files that are refused, and what is said of them.
REFUSED = {
    "mp3 that was cut": (HIGH[: len(HIGH) * 2 // 3], r"is truncated: 4\.0 s of 6\.\d s"),
    "mp3 that was cut a little": (HIGH[:-4000], r"is truncated: 5\.9 s of 6\.0 s"),
    "mp3, joined, the first one cut": (HIGH[:100_000] + HIGH, r"is truncated"),
    "mp3, joined, stereo and mono": (HIGH + MONO, r"changes from .* 2 channels to .* 1 channel "),
    "mp3, joined, two rates": (HIGH + OTHER_RATE, r"from 44100 Hz .* to 48000 Hz .* 6\.0 s"),
    "mp3 without a length, zeroed": (b"".join(H[:99]) + bytes(9000) + b"".join(H[108:]), "damaged"),
    "mp3 without a length, zeroed end": (b"".join(H[:99]) + bytes(9000), "is damaged: 9,000 bytes"),
    "mp3 whose tag has a wrong length": (id3v2(900, told=20_000) + LOW, "a tag whose length"),
    "mp3 with a header only": (HIGH[:1044], "no audio"),
    "wav that was cut": (WAV[:99_000], r"is truncated: 2\.2 s of 6\.0 s"),
    "wav that was cut a little": (WAV[:-4000], r"is truncated: 5\.9 s of 6\.0 s"),
    "wav of too small a length": (wav(9000), r"0\.2 s, but the file goes on for 255,600 b"),
    "wav of too small lengths": (wav(9000, 9036), r"0\.2 s, but the file goes on for 255,600 b"),
    "wav of a large length": (wav(0x70000000), r"is truncated: 6\.0 s of 42608\.8 s"),
    "wav, two joined": (WAV + WAV, "cannot be decoded|joined"),
    "wav of two rates": (with_number(WAV, b"fmt ", 8, b"\x40\x1f\0\0"), "has a damaged header"),
    "au that was cut": (AU[:99_000], "is truncated"),
    "au of too small a length": (with_number(AU, b".snd", 4, b"\0\0\x27\x10"), "goes on for"),
    "aiff that was cut": (AIFF[:99_000], "is truncated"),
    "aiff of too small a length": (with_number(AIFF, b"SSND", 0, b"\0\0\x27\x10"), "goes on for"),
    "caf that was cut": (CAF[:99_000], "cannot be decoded|is truncated"),
    "w64 that was cut": (W64[:99_000], "is truncated"),
    "rf64 that was cut": (RF64[:99_000], "is truncated"),
    "flac that was cut": (FLAC[:99_000], r"is truncated: 3\.\d s of 6\.0 s|cannot be decoded"),
    "flac that was cut a little": (FLAC[:-500], "truncated|cannot be decoded"),
    "flac of too small a length": (with_total(FLAC, 22_050), r"tells of 1\.00 s, .* at 6\.00 s"),
    "flac of too large a length": (with_total(FLAC, 222_050), r"is truncated: 6\.0 s of 10\.1 s"),
    "flac, two joined": (FLAC + FLAC, "several files joined"),
    "flac of another rate": (with_number(FLAC, b"fLaC", 14, b"\x0a\xc4\x40"), "another rate"),
    "flac, a piece missing": (FLAC[:60_000] + FLAC[90_000:], "cannot be decoded: "),
    "ogg, the last page missing": (OGG[: OGG.rindex(b"OggS")], "the last page"),
    "ogg, joined, two rates": (OGG + OPUS, "rates or channels differ"),
    "ogg, a page damaged": (OGG[:20_000] + b"damaged" + OGG[20_007:], "has been changed"),
    "ogg, joined, the first one cut": (OGG[: OGG.rindex(b"OggS")] + OGG, "no last page"),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_all_of_the_audio_is_read(name: str, tmp_path: Path) -> None:
    content, seconds = WHOLE[name]
    path = tmp_path / "clip.bin"
    path.write_bytes(content)
    info = audio_info(path)
    audio = read_audio(path, info.sample_rate)
    assert info.duration == len(audio) / info.sample_rate
    # An mp3 without a header keeps what the encoder has put before and behind: some frames.
    expected = 6 if seconds is None else seconds
    assert expected - 0.05 < len(audio) / info.sample_rate < expected + 0.2
    assert count_windows(path, 1.0) == len(read_windows(path, 22_050, 1.0)) == int(info.duration)
    part = read_audio(path, info.sample_rate, start=1.0, duration=0.5)
    begin = info.sample_rate
    # libmpg123 begins without the bits that earlier frames have kept for a few later ones.
    difference = np.abs(part - audio[begin : begin + len(part)])
    assert difference[len(part) // 4 :].max() < 0.01


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_missing_is_told(name: str, tmp_path: Path) -> None:
    content, reason = REFUSED[name]
    path = tmp_path / "clip.bin"
    path.write_bytes(content)
    with pytest.raises(UnusableClip, match=rf"clip\.bin .*({reason})"):
        read_audio(path, 22_050)
    if name != "flac, a piece missing":  # which only a decoder finds
        with pytest.raises(UnusableClip, match=rf"clip\.bin .*({reason})"):
            audio_info(path)


def test_mended_files_begin_as_libsndfile_reads_them(tmp_path: Path) -> None:
    for content in (bare(VARIABLE), b"".join(H[:40] + L[40:]), with_count(VARIABLE, 50)):
        path = tmp_path / "a.mp3"
        path.write_bytes(content)
        with soundfile.SoundFile(path) as file:
            file.seek(0)
            short = file.read(dtype="float32", always_2d=True)
        whole = read_audio(path, 44_100)
        assert len(short) < len(whole) - 44_100
        assert np.array_equal((short[:, 0] + short[:, 1]) / np.float32(2), whole[: len(short)])


def test_joined_files_are_those_of_which_they_were_joined(tmp_path: Path) -> None:
    for name, first, second in (("a.mp3", VARIABLE, HIGH), ("a.ogg", OGG, OGG)):
        pieces = []
        for content in (first, second, first + second):
            (tmp_path / name).write_bytes(content)
            rate = audio_info(tmp_path / name).sample_rate
            pieces.append(read_audio(tmp_path / name, rate))
        assert np.array_equal(np.concatenate(pieces[:2]), pieces[2])
        across = read_audio(tmp_path / name, rate, start=5.5, duration=1.0)
        begin = int(5.5 * rate)
        assert np.abs(across - pieces[2][begin : begin + rate]).max() < 0.01


def test_fraunhofer_headers_are_silent_frames_as_ever(tmp_path: Path) -> None:
    header = bytearray(H[0][:4].ljust(len(H[0]), b"\0"))
    header[36:40] = b"VBRI"
    path = tmp_path / "a.mp3"
    path.write_bytes(bytes(header) + bare(HIGH))
    assert len(read_audio(path, 44_100)) == 1152 * (len(H) + 1)


def test_an_mp3_beside_what_macos_leaves_there(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(VARIABLE)
    expected = read_audio(tmp_path / "a.mp3", 44_100)
    (tmp_path / "._a.mp3").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(4000))
    assert np.array_equal(read_audio(tmp_path / "a.mp3", 44_100), expected)


def test_mp2_is_read_whole_or_refused(tmp_path: Path) -> None:
    # 32 kbit/s, then 64 kbit/s, at 48 kHz, mono; silent frames of layer II.
    frames = [b"\xff\xfd" + bytes([index << 4 | 4, 0xC0]) for index in (1, 3)]
    small, large = (frame.ljust(size, b"\0") for frame, size in zip(frames, (96, 168), strict=True))
    path = tmp_path / "a.mp2"
    path.write_bytes(small * 50 + large * 50)
    assert len(read_audio(path, 48_000)) == 100 * 1152
    path.write_bytes(large * 50 + small * 50)
    assert len(read_audio(path, 48_000)) == 100 * 1152


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("1 Hz", with_number(WAV, b"fmt ", 8, struct.pack("<II", 1, 2)), "1 Hz and 1 channels"),
        ("2**31 frames", with_total(FLAC, 2**31), "is truncated"),
        ("2**36 frames", with_total(FLAC, 2**36 - 1), "is truncated"),
        (
            "1000 channels",
            with_number(WAV, b"fmt ", 6, struct.pack("<HIIH", 1000, 22_050, 44_100_000, 2000)),
            "1000 channels",
        ),
        ("a large mp3", with_count(VARIABLE[:20_000], 2**31), "is truncated"),
        ("a large au", with_number(AU, b".snd", 4, b"\x7e\0\0\0"), "is truncated"),
    ],
)
def test_absurd_headers_are_a_missing_clip(
    name: str, content: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "clip.bin"
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in (audio_info, lambda p: read_audio(p, 22_050)):
        with pytest.raises(UnusableClip, match=rf"clip\.bin .*{reason}"):
            read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
