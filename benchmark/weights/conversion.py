"""Convert a set of weights to safetensors, once, and note what it was made from.

The plugin's ``convert_weights`` reads the publishers' files; what it gives is
written tensor by tensor into a temporary file, which is put in place when it
is whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from mirbench.benchmark.api import DataError, MirbenchError, PluginError
from mirbench.benchmark.files.atomic import remove_stale_temporaries, write_atomic
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.checksums import file_sha256
from mirbench.benchmark.files.tensorfile import write_tensors
from mirbench.benchmark.progress import say
from mirbench.benchmark.weights.sets import Original, WeightFile, WeightSet


@dataclass(frozen=True, slots=True)
class Draft:
    """Converted weights that are not in place yet."""

    one: WeightSet
    originals: dict[str, Original]
    path: Path

    def keep(self) -> None:
        """Put the weights in place; the caller has the set `locked`."""
        _note_first_seen(self.one, self.originals)
        content = {
            "representation": self.one.plugin.name,
            "set": self.one.name,
            "licence": self.one.licence,
            "bytes": self.path.stat().st_size,
            "files": {name: asdict(file) for name, file in self.originals.items()},
        }
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        try:
            # Without its note a set counts as absent, so the two never disagree.
            self.one.note.unlink(missing_ok=True)
            os.replace(self.path, self.one.path)
        except OSError as error:
            raise _cannot_write(self.one, error) from error
        write_atomic(self.one.note, text.encode())

    def discard(self) -> None:
        """Remove what was not put in place."""
        self.path.unlink(missing_ok=True)


def convert(one: WeightSet, files: Mapping[str, Path]) -> None:
    """Convert the files of a set (name → path) and put them in place; see `draft`."""
    made = draft(one, files)
    try:
        made.keep()
    finally:
        made.discard()


def draft(one: WeightSet, files: Mapping[str, Path]) -> Draft:
    """Check and convert the files of a set (name → path), without putting them in place.

    Raises
    ------
    DataError
        If they are not the files of the set; the message says why.
    PluginError
        If the plugin fails otherwise.
    MirbenchError
        If they cannot be written, or a package is missing.
    """
    missing = one.plugin.missing_requirement()
    if missing is not None:
        raise MirbenchError(f"representation {one.plugin.name!r} {missing}")
    originals = {file.name: _identified(one, file, files[file.name]) for file in one.files}
    try:
        one.folder.mkdir(parents=True, exist_ok=True)
        remove_stale_temporaries(one.folder)
        handle, name = tempfile.mkstemp(prefix=f".{one.name}.", suffix=".tmp", dir=one.folder)
        try:
            with os.fdopen(handle, "wb") as file:
                _write(one, files, file)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _cannot_write(one, error) from error
    return Draft(one, originals, Path(name))


def _write(one: WeightSet, files: Mapping[str, Path], out: IO[bytes]) -> None:
    convert_weights = getattr(one.plugin.load_module(), "convert_weights", None)
    if convert_weights is None:
        _copy(files[one.files[0].name], out)
        return
    tensors = _guarded(one, lambda: convert_weights(one.name, dict(files)))
    if not isinstance(tensors, Mapping):
        tensors = _each(one, tensors)
    if not write_tensors(out, tensors):
        raise PluginError(f"convert_weights of {one.plugin.name!r} gave no tensors")


def _each(one: WeightSet, tensors: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Give the pairs of a plugin, with its errors explained."""
    iterator = _guarded(one, lambda: iter(tensors))
    while (pair := _guarded(one, lambda: next(iterator, None))) is not None:
        yield pair


def _guarded(one: WeightSet, step: Any) -> Any:
    try:
        with one.plugin.state:
            return step()
    except MirbenchError:
        raise
    except Exception as error:
        raise PluginError(
            f"convert_weights of {one.plugin.name!r} raised {type(error).__name__}: {error}"
        ) from error


def _copy(path: Path, out: IO[bytes]) -> None:
    """Take a file that is safetensors already, if it is."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} is not a safetensors file: {error}") from error
    with path.open("rb") as file:
        shutil.copyfileobj(file, out, 1 << 20)


def _identified(one: WeightSet, file: WeightFile, path: Path) -> Original:
    """Hash a file and hold it against what is published, or was seen first."""
    try:
        size = path.stat().st_size
        if file.bytes is not None and size != file.bytes:
            raise DataError(f"{path} has {size:,} bytes instead of {file.bytes:,}")
        sha256 = file_sha256(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if file.sha256 is not None and sha256 != file.sha256.lower():
        raise DataError(f"{path} has the sha256 {sha256}, the published file {file.sha256.lower()}")
    _check_first_seen(one, file, path, sha256)
    return Original(file.sources[0], size, sha256)


def first_seen_path(one: WeightSet) -> Path:
    """Where checksums are kept of files for which none is published."""
    return CacheFolder(one.cache).weights / "first_seen.json"


def first_seen(one: WeightSet) -> dict[str, str]:
    """SHA-256 that files of a set had when they were seen first, by file name.

    Raises
    ------
    MirbenchError
        If the record is damaged.
    """
    known = _read_first_seen(first_seen_path(one))
    return {file.name: known[_address(file)] for file in one.files if _address(file) in known}


def _address(file: WeightFile) -> str:
    return f"{file.sources[0]}#{file.name}" if file.zipped else file.sources[0]


def _read_first_seen(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text("utf-8"))
        return {str(key): str(value) for key, value in content.items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise MirbenchError(f"{path} is damaged ({error}); repair or delete it") from error


def _check_first_seen(one: WeightSet, file: WeightFile, path: Path, sha256: str) -> None:
    before = None if file.sha256 is not None else first_seen(one).get(file.name)
    if before not in (None, sha256):
        raise DataError(
            f"{path} has the sha256 {sha256}, but when {file.name} of {one.name} was seen first "
            f"it had {before}. If you know that its publishers have changed it, delete the line "
            f"of {_address(file)} from {first_seen_path(one)}"
        )


def _note_first_seen(one: WeightSet, originals: Mapping[str, Original]) -> None:
    if all(file.sha256 is not None for file in one.files):
        return
    place = first_seen_path(one)
    with _lock(place.with_name(".first_seen.lock")):
        known = _read_first_seen(place)
        for file in one.files:
            if file.sha256 is None:
                _check_first_seen(one, file, one.path, originals[file.name].sha256)
                known[_address(file)] = originals[file.name].sha256
        text = json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        write_atomic(place, text.encode())


@contextlib.contextmanager
def locked(one: WeightSet) -> Iterator[None]:
    """Keep other processes from converting the same set meanwhile; wait for one that does."""
    waiting = f"another process is fetching or converting the weights {one.name}; waiting"
    with _lock(one.folder / f".{one.name}.lock", waiting):
        yield


@contextlib.contextmanager
def _lock(path: Path, waiting: str = "") -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise MirbenchError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                say(waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _cannot_write(one: WeightSet, error: OSError) -> MirbenchError:
    return MirbenchError(f"cannot write {one.path}: {error.strerror or error}")
