"""Changes of audio that a representation should bear: noise, MP3, gain, a room, another pitch.

A deformation is applied to the mono samples of a clip at the rate of its file, before windows are
cut and before resampling. It keeps the number of samples, and is the same at every run: what is
random in it is seeded by the clip's id. docs/robustness.md tells of each.
"""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mirbench.benchmark.api import Clip, FloatArray, Task, UsageError
from mirbench.benchmark.datasets.audio import Change, resample
from mirbench.benchmark.datasets.dataset import Dataset

#: Part of the fingerprint of deformed clips: raised when one would give other samples.
DEFORM_VERSION = 1

#: Decibels by which a clip is turned down.
GAIN = 12.0

#: Seconds after which the room's echo is 60 dB below its beginning.
RT60 = 0.5

#: Rates, in Hz, that MP3 knows, with the largest and smallest rate of bits of each, in kbit/s.
_MP3_RATES = {
    8000: (64, 8),
    11025: (64, 8),
    12000: (64, 8),
    16000: (160, 8),
    22050: (160, 8),
    24000: (160, 8),
    32000: (320, 32),
    44100: (320, 32),
    48000: (320, 32),
}
_MP3_KBITS = 64


#: Of mono samples, their rate and the clip's id.
Deform = Callable[[FloatArray, int, str], FloatArray]


@dataclass(frozen=True, slots=True)
class Deformation:
    """A change of audio.

    Attributes
    ----------
    name : str
        As in ``--deform``.
    title : str
        What it does, for people.
    change : callable
        ``change(mono, rate, clip_id)`` gives as many samples as `mono` has.
    transposes : bool
        Whether it changes the pitch, which some labels depend on.
    """

    name: str
    title: str
    change: Deform
    transposes: bool = False


def _noise(decibels: float) -> Deform:
    def change(mono: FloatArray, rate: int, clip_id: str) -> FloatArray:
        seed = int.from_bytes(hashlib.sha256(clip_id.encode()).digest()[:4], "little")
        # Streams of RandomState are frozen; those of newer generators may change.
        noise = np.random.RandomState(seed).standard_normal(len(mono))
        power = np.mean(np.square(mono, dtype=np.float64))
        level = np.sqrt(power / 10 ** (decibels / 10))
        return np.asarray(mono + level * noise, dtype=np.float32)

    return change


def _turn_down(mono: FloatArray, rate: int, clip_id: str) -> FloatArray:
    return np.asarray(mono * 10 ** (-GAIN / 20), dtype=np.float32)


@functools.cache
def room_response(rate: int) -> FloatArray:
    """Make the impulse response of a room: the direct sound, and noise that decays.

    Parameters
    ----------
    rate : int
        Samples per second.

    Returns
    -------
    ndarray of float32, shape [n_samples]
        Direct sound and echo have the same energy, together 1.
    """
    times = np.arange(1, round(RT60 * rate)) / rate
    echo = np.random.RandomState(0).standard_normal(len(times)) * 10 ** (-3 * times / RT60)
    whole = np.concatenate([[1.0], echo / np.sqrt(np.sum(echo**2))])
    return np.asarray(whole / np.sqrt(2), dtype=np.float32)


def _put_in_room(mono: FloatArray, rate: int, clip_id: str) -> FloatArray:
    from scipy.signal import fftconvolve

    heard = fftconvolve(mono.astype(np.float64), room_response(rate))[: len(mono)]
    return np.asarray(heard, dtype=np.float32)


def _through_mp3(mono: FloatArray, rate: int, clip_id: str) -> FloatArray:
    import soundfile

    coded = next((known for known in _MP3_RATES if known >= rate), max(_MP3_RATES))
    most, least = _MP3_RATES[coded]
    # Louder than full scale, the coder would clip.
    peak = max(1.0, float(np.abs(mono).max(initial=0)))
    file = io.BytesIO()
    soundfile.write(
        file,
        resample(mono / np.float32(peak), rate, coded),
        coded,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        compression_level=(most - _MP3_KBITS) / (most - least),
    )
    file.seek(0)
    samples, _ = soundfile.read(file, dtype="float32")
    heard = resample(samples, coded, rate)[: len(mono)] * np.float32(peak)
    return np.pad(heard, (0, len(mono) - len(heard)))


def _transpose(mono: FloatArray, rate: int, clip_id: str, semitones: int) -> FloatArray:
    import librosa

    shifted = librosa.effects.pitch_shift(mono, sr=rate, n_steps=semitones)
    return np.asarray(shifted, dtype=np.float32)


DEFORMATIONS = {
    each.name: each
    for each in (
        Deformation("noise20", "white noise, 20 dB below", _noise(20)),
        Deformation("noise10", "white noise, 10 dB below", _noise(10)),
        Deformation("mp3", "MP3 at 64 kbit/s, mono", _through_mp3),
        Deformation("gain", "12 dB quieter", _turn_down),
        Deformation("room", "a room whose echo decays in half a second", _put_in_room),
        Deformation(
            "pitch_up", "a semitone higher", functools.partial(_transpose, semitones=1), True
        ),
        Deformation(
            "pitch_down", "a semitone lower", functools.partial(_transpose, semitones=-1), True
        ),
    )
}


def get_deformation(name: str) -> Deformation:
    """Look a deformation up by name.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    try:
        return DEFORMATIONS[name]
    except KeyError:
        known = ", ".join(DEFORMATIONS)
        raise UsageError(f"there is no deformation {name!r}; choose one of: {known}") from None


def why_not(deformation: Deformation, task: Task) -> str | None:
    """Say why a task's clips cannot be deformed so; None: they can."""
    if not deformation.transposes or task.transposable:
        return None
    return (
        f"--deform {deformation.name} changes the pitch, on which the labels of task "
        f"{task.name!r} may depend"
    )


def change_of(clip: Clip) -> Change | None:
    """Say what becomes of the samples of a clip; None: they stay as they are."""
    if clip.deformed is None:
        return None
    change, clip_id = get_deformation(clip.deformed).change, clip.id
    return lambda mono, rate: np.ascontiguousarray(change(mono, rate, clip_id))


def deformed_task(task: Task, name: str) -> Task:
    """Name a task's audio otherwise, so that deformed embeddings are never taken for clean ones."""
    return replace(task, folder=f"{task.folder}+{name}-{DEFORM_VERSION}")


def deformed_dataset(data: Dataset, name: str) -> Dataset:
    """Deform the test clips of a dataset; those of training and validation are left out.

    Only fixed batches are made of all clips, as ever, with the test clips deformed.
    """
    test = set(data.split.ids("test"))

    def changed(clip: Clip) -> Clip:
        return replace(clip, deformed=name) if clip.id in test else clip

    clips = tuple(changed(clip) for clip in data.clips if clip.id in test)
    every = tuple(changed(clip) for clip in data.every)
    task = deformed_task(data.task, name)
    complete = tuple(changed(clip) for clip in data.complete)
    return replace(data, task=task, clips=clips, every=every, complete=complete)
