"""Convert a set of weights to safetensors, once, and note what it was made from.

The plugin's ``convert_weights`` reads the publishers' files; what it gives is
written tensor by tensor into a temporary file, which is put in place when it
is whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from mirbench.benchmark.api import DataError, MirbenchError, PluginError
from mirbench.benchmark.files.atomic import lock, remove_stale_temporaries, write_atomic
from mirbench.benchmark.files.checksums import file_sha256
from mirbench.benchmark.files.tensorfile import write_tensors
from mirbench.benchmark.machine.code_lines import error_text
from mirbench.benchmark.progress import count
from mirbench.benchmark.weights.first_seen import check_first_seen, note_first_seen
from mirbench.benchmark.weights.sets import Original, WeightFile, WeightSet

#: Characters of a message of a plugin about a file.
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Draft:
    """Converted weights that are not in place yet."""

    weights: WeightSet
    originals: dict[str, Original]
    path: Path

    def keep(self) -> None:
        """Put the weights in place; the caller has the set `locked`."""
        note_first_seen(self.weights, self.originals)
        content = {
            "representation": self.weights.plugin.name,
            "set": self.weights.name,
            "licence": self.weights.licence,
            "bytes": self.path.stat().st_size,
            "files": {name: asdict(file) for name, file in self.originals.items()},
        }
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        try:
            # Without its note a set counts as absent, so the two never disagree.
            self.weights.note.unlink(missing_ok=True)
            os.replace(self.path, self.weights.path)
        except OSError as error:
            raise _cannot_write(self.weights, error) from error
        write_atomic(self.weights.note, text.encode())

    def discard(self) -> None:
        """Remove what was not put in place."""
        self.path.unlink(missing_ok=True)


def convert(weights: WeightSet, files: Mapping[str, Path]) -> None:
    """Convert the files of a set (name → path) and put them in place; see `draft`."""
    converted = draft(weights, files)
    try:
        converted.keep()
    finally:
        converted.discard()


def draft(weights: WeightSet, files: Mapping[str, Path]) -> Draft:
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
    missing = weights.plugin.missing_requirement()
    if missing is not None:
        raise MirbenchError(f"representation {weights.plugin.name!r} {missing}")
    originals = {file.name: _identified(weights, file, files[file.name]) for file in weights.files}
    try:
        weights.folder.mkdir(parents=True, exist_ok=True)
        remove_stale_temporaries(weights.folder)
        handle, name = tempfile.mkstemp(
            prefix=f".{weights.name}.", suffix=".tmp", dir=weights.folder
        )
        try:
            with os.fdopen(handle, "wb") as file:
                _write(weights, files, file)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _cannot_write(weights, error) from error
    return Draft(weights, originals, Path(name))


def _write(weights: WeightSet, files: Mapping[str, Path], out: IO[bytes]) -> None:
    convert_weights = getattr(weights.plugin.load_module(), "convert_weights", None)
    if convert_weights is None:
        _copy(files[weights.files[0].name], out)
        return
    tensors = _guarded(weights, lambda: convert_weights(weights.name, dict(files)))
    if not isinstance(tensors, Mapping):
        tensors = _each(weights, tensors)
    if not write_tensors(out, tensors):
        raise PluginError(f"convert_weights of {weights.plugin.name!r} gave no tensors")


def _each(weights: WeightSet, tensors: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Go through the pairs of a plugin, with its errors explained."""
    iterator = _guarded(weights, lambda: iter(tensors))
    while (pair := _guarded(weights, lambda: next(iterator, None))) is not None:
        yield pair


def _guarded(weights: WeightSet, step: Any) -> Any:
    try:
        with weights.plugin.running():
            return step()
    except MirbenchError as error:
        if len(str(error)) <= _LONGEST:
            raise
        # What libraries say of a damaged file may hold half of it.
        raise type(error)(f"{str(error)[:_LONGEST]}…") from error
    except Exception as error:
        raise PluginError(
            f"convert_weights of {weights.plugin.name!r} raised {error_text(error)}"
        ) from error


def _copy(path: Path, out: IO[bytes]) -> None:
    """Take a file that is safetensors already, if it is."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} is not a safetensors file: {str(error)[:300]}") from error
    with path.open("rb") as file:
        shutil.copyfileobj(file, out, 1 << 20)


def _identified(weights: WeightSet, file: WeightFile, path: Path) -> Original:
    """Hash a file and hold it against what is published, or was seen first."""
    try:
        size = path.stat().st_size
        if file.bytes is not None and size != file.bytes:
            raise DataError(f"{path} has {count(size, 'byte')} instead of {file.bytes:,}")
        sha256 = file_sha256(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if file.sha256 is not None and sha256 != file.sha256.lower():
        raise DataError(f"{path} has the sha256 {sha256}, the published file {file.sha256.lower()}")
    check_first_seen(weights, file, path, sha256)
    return Original(file.sources[0], size, sha256)


@contextlib.contextmanager
def locked(weights: WeightSet) -> Iterator[None]:
    """Keep other processes from converting the same set meanwhile; wait for one that does."""
    waiting = f"another process is fetching or converting the weights {weights.name}; waiting"
    with lock(weights.folder / f".{weights.name}.lock", waiting):
        yield


def _cannot_write(weights: WeightSet, error: OSError) -> MirbenchError:
    return MirbenchError(f"cannot write {weights.path}: {error.strerror or error}")
