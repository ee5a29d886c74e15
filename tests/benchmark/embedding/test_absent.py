"""Audio files that vanish, cannot be read or change, before and while they are embedded."""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from helpers.here import embed_here
from helpers.meanwhile import MEANWHILE
from helpers.needs import needs
from helpers.pairs import embed_clips_of

from mirbench.benchmark.api import Clip, DataError, MirbenchError, Task, UnusableClip
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.embedding.absent import AbsentClip, check_readable, read_surely
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.registry import load_task, parse_representation

if TYPE_CHECKING:
    from conftest import TinyPackage

#: Tells the test of every clip; it runs in this process.
PLUGIN = """
import sys
import numpy as np

class Model:
    sample_rate, dims = 8000, 2
    {members}

    def embed(self, audio, sr):
        return self.embed_batch([audio], sr)[0]

    def embed_batch(self, audios, sr):
        rows = []
        for audio in audios:
            sys.modules["helpers.meanwhile"].MEANWHILE.embedding()
            rows.append([np.abs(audio).mean(), len(audio)])
        return np.array(rows, dtype=np.float32)

def load_model(device="cpu"):
    return Model()
"""


@dataclass
class Place:
    """Clips of their own below a folder, a plugin, and a store."""

    task: Task
    clips: list[Clip]
    root: Path
    members: str = ""

    @property
    def data(self) -> Path:
        return self.root / "data"

    def at(self, number: int, action: Callable[[], object]) -> None:
        """Say what happens when so many clips have been embedded."""
        MEANWHILE.actions[number] = action

    def embed(self, **settings: Any) -> Embeddings:
        plugin = self.root / "plugin.py"
        plugin.write_text(PLUGIN.format(members=self.members))
        clips = [replace(clip, path=self.data / f"{clip.id}.wav") for clip in self.clips]
        settings = {"jobs": 1} | settings
        MEANWHILE.start()
        spec = parse_representation(str(plugin))
        return embed_clips_of(spec, self.task, clips, self.root / "cache", **settings)

    def expected(self) -> dict[str, tuple[float, float]]:
        """Compute what the plugin gives of the files as they are now."""
        rows = {}
        for clip in self.clips:
            audio = soundfile.read(self.data / f"{clip.id}.wav", dtype="float32")[0]
            rows[clip.id] = (float(np.abs(audio).mean()), float(len(audio)))
        return rows


def rows_of(found: Embeddings) -> dict[str, tuple[float, float]]:
    rows = np.asarray(found.embedding)
    pairs = zip(found.clip, rows, strict=True)
    return {found.clip_ids[n]: (float(row[0]), float(row[1])) for n, row in pairs}


def assert_all_there(place: Place, found: Embeddings) -> None:
    assert not found.missing
    rows, wanted = rows_of(found), place.expected()
    assert rows.keys() == wanted.keys()
    np.testing.assert_allclose([rows[i] for i in rows], [wanted[i] for i in rows], rtol=1e-5)


@pytest.fixture
def place(tiny: TinyPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    embed_here(monkeypatch)
    shutil.copytree(tiny.data / "tinytask", tmp_path / "data")
    task = load_task("tinytask")
    MEANWHILE.forget()
    return Place(task, read_clips(task, tmp_path / "data"), tmp_path)


def test_a_file_that_vanishes_while_others_are_embedded(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    lost, away = place.data / "clip040.wav", place.root / "away.wav"
    place.at(10, lambda: shutil.move(place.data / "clip040.wav", away))
    found = place.embed()
    assert found.missing == {"clip040": "clip040.wav does not exist"}
    said = capsys.readouterr().err
    assert f"1 of 150 audio files cannot be read below {place.data} (the first is clip040" in said
    assert "looked for again by the next run" in said
    again = place.embed()
    assert (again.computed, again.sha256) == (0, found.sha256), "while it stays away"
    shutil.move(away, lost)
    mended = place.embed()
    assert mended.computed == 64
    assert_all_there(place, mended)
    assert place.embed().computed == 0


def test_a_file_that_is_back_before_the_end(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    away = place.root / "away.wav"
    place.at(10, lambda: shutil.move(place.data / "clip040.wav", away))
    place.at(100, lambda: shutil.move(away, place.data / "clip040.wav"))
    found = place.embed()
    assert "1 shards are computed once more" in capsys.readouterr().err
    assert (found.computed, found.missing) == (150, {})
    assert_all_there(place, found)
    assert place.embed().computed == 0


@pytest.mark.parametrize("clip", ["clip005", "clip050"])
@pytest.mark.parametrize("full_hash", [False, True])
def test_a_file_that_is_replaced_meanwhile(place: Place, clip: str, full_hash: bool) -> None:
    """One that was decoded before, and one that was not; the old one comes back at last."""
    path, kept = place.data / f"{clip}.wav", place.root / "kept.wav"
    shutil.copy2(path, kept)
    soundfile.write(place.root / "other.wav", np.full(1600, 0.25), 8000)
    place.at(20, lambda: os.replace(place.root / "other.wav", path))
    found = place.embed(full_hash=full_hash)
    assert_all_there(place, found)
    assert rows_of(found)[clip] == pytest.approx((0.25, 1600), rel=1e-3)
    again = place.embed(full_hash=full_hash)
    assert (again.computed, again.sha256) == (0, found.sha256)
    shutil.copy2(kept, path)
    assert_all_there(place, place.embed(full_hash=full_hash))


def test_a_file_that_is_written_all_the_time(place: Place) -> None:
    MEANWHILE.always = lambda: os.utime(
        place.data / "clip005.wav", ns=(MEANWHILE.count, MEANWHILE.count)
    )
    with pytest.raises(DataError, match=r"clip005\.wav was changed while it was embedded, and"):
        place.embed()
    MEANWHILE.forget()
    found = place.embed()
    assert found.computed == 4, "the other parts of its shard are kept, too"
    assert_all_there(place, found)


def test_a_folder_that_goes_away_while_it_is_embedded(place: Place) -> None:
    place.at(70, lambda: place.data.rename(place.root / "unmounted"))
    with pytest.raises(DataError) as caught:
        place.embed()
    message = str(caught.value)
    assert message.startswith(f"8 of 150 audio files cannot be read below {place.data} (the first")
    assert "see that it is mounted, and run the same command again: what is finished" in message
    assert "\n" not in message
    (place.root / "unmounted").rename(place.data)
    found = place.embed()
    assert found.computed == 82
    assert_all_there(place, found)


def test_a_folder_that_is_not_there_at_the_start(place: Place) -> None:
    place.data.rename(place.root / "unmounted")
    with pytest.raises(DataError, match=r"^150 of 150 audio files cannot be read below "):
        place.embed()
    assert not list((place.root / "cache").rglob("*.safetensors"))
    found = place.embed(max_missing=1.0)
    assert len(found.missing) == 150
    (place.root / "unmounted").rename(place.data)
    assert_all_there(place, place.embed())


def be_a_folder(path: Path) -> None:
    path.mkdir()


def be_dangling(path: Path) -> None:
    path.symlink_to("nowhere.wav")


def be_a_loop(path: Path) -> None:
    path.symlink_to(path)


def be_a_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("become", [be_a_folder, be_dangling, be_a_loop, be_a_pipe])
@pytest.mark.parametrize("full_hash", [False, True])
def test_what_is_no_file(place: Place, become: Callable[[Path], None], full_hash: bool) -> None:
    path, kept = place.data / "clip003.wav", place.root / "kept.wav"
    path.rename(kept)
    become(path)
    found = place.embed(full_hash=full_hash)
    assert list(found.missing) == ["clip003"]
    assert found.missing["clip003"].startswith("clip003.wav ")
    assert place.embed(full_hash=full_hash).computed == 0
    path.rmdir() if path.is_dir() else path.unlink()
    kept.rename(path)
    assert_all_there(place, place.embed(full_hash=full_hash))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ENOTCONN])
def test_a_file_that_cannot_be_opened_and_then_can(
    place: Place, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    opening = Path.open

    def fail(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "clip040.wav":
            raise OSError(number, os.strerror(number), str(path))
        return opening(path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", fail)
        found = place.embed()
        assert found.missing == {"clip040": f"clip040.wav cannot be read: {os.strerror(number)}"}
        assert place.embed().computed == 0, "it is the same as before"
    mended = place.embed()
    assert mended.computed == 64
    assert_all_there(place, mended)


@needs("ordinary_user")
def test_without_permission(place: Place) -> None:
    (place.data / "clip040.wav").chmod(0)
    assert place.embed().missing == {"clip040": "clip040.wav cannot be read: Permission denied"}
    (place.data / "clip040.wav").chmod(0o644)
    assert_all_there(place, place.embed())


def test_what_is_known_to_be_bad_is_stored(place: Place) -> None:
    (place.data / "clip040.wav").write_bytes(b"no audio" * 100)
    found = place.embed()
    assert found.missing["clip040"].startswith("clip040.wav cannot be decoded")
    again = place.embed()
    assert (again.computed, again.missing) == (0, found.missing)


def test_a_file_is_read_twice_before_it_is_called_unusable(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"content")
    answers: list[Any] = [UnusableClip("a.wav is truncated"), "whole"]

    def read() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert read_surely(path, read) == "whole"
    for error in (UnusableClip("truncated"), MirbenchError("now"), PermissionError(13, "no")):
        answers[:] = [error, error]
        with pytest.raises(type(error) if isinstance(error, MirbenchError) else AbsentClip):
            read_surely(path, read)

    def vanish() -> Any:
        path.unlink()
        raise UnusableClip("a.wav does not exist")

    with pytest.raises(AbsentClip, match=r"^a\.wav does not exist$"):
        read_surely(path, vanish)


def test_a_system_without_file_handles_is_no_fault_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.wav").touch()

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(MirbenchError, match="cannot be read: Too many open files; run") as caught:
        check_readable(tmp_path / "a.wav")
    assert not isinstance(caught.value, UnusableClip)


BATCHES = "batch_dependent, batch_size = True, 40"


def test_a_batch_of_which_a_file_vanishes(place: Place) -> None:
    place.members, away = BATCHES, place.root / "away.wav"
    names = [clip.id for clip in place.clips]
    random.Random(0).shuffle(names)
    first, last = f"{names[0]}.wav", f"{names[-1]}.wav"
    for lost in (last, first):  # one not decoded by then, and one whose batch is made again
        place.at(40, partial(shutil.move, place.data / lost, away))
        found = place.embed()
        assert found.missing == {lost[:-4]: f"{lost} does not exist"}
        assert found.computed == 150
        again = place.embed()
        assert (again.computed, again.sha256) == (0, found.sha256)
        shutil.move(away, place.data / lost)
        mended = place.embed()
        assert mended.computed == (30 if lost == last else 40)
        assert_all_there(place, mended)
        shutil.rmtree(place.root / "cache")


def test_windows_of_a_file_that_is_away_are_counted_again(place: Place) -> None:
    place.members, place.task = BATCHES, replace(place.task, window=0.06)
    whole = place.embed()
    shutil.rmtree(place.root / "cache")
    path, away = place.data / "clip040.wav", place.root / "away.wav"
    path.rename(away)
    assert list(place.embed().missing) == ["clip040"]
    away.rename(path)
    mended = place.embed()
    assert (mended.missing, mended.sha256) == ({}, whole.sha256)
    place.data.rename(place.root / "unmounted")
    with pytest.raises(DataError, match=r"^8 of 150 audio files cannot be read below "):
        place.embed()
