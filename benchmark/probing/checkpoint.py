"""Finished probes on disk, so that a killed grid goes on where it stopped.

``<folder>/<key>/<index>.safetensors``, one file per probe: the outputs on the
test set as a tensor, the rest of the record as JSON in its header. The key is
a hash of everything a result depends on, so a record of other data or another
protocol is never taken for this one's. Files appear whole or not at all, with
a digest of all that is in them, the key included.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.foreign import DAMAGES, Damaged
from mirbench.benchmark.files.sealed import seal, unseal
from mirbench.benchmark.probing.data import ProbeData, ProbeRecord
from mirbench.benchmark.progress import say
from mirbench.benchmark.protocol import ProbeConfig, Protocol

#: Raised whenever the trainer gives other numbers or the files another meaning.
VERSION = 3


def grid_key(data: ProbeData, protocol: Protocol, device: str) -> str:
    """Hash of data, protocol and kind of device: 32 hex digits."""
    digest = hashlib.blake2b(digest_size=16)
    facts = [VERSION, protocol.hash, device, data.kind, data.metrics, data.labels, data.n_outputs]
    digest.update(json.dumps(facts).encode())
    for array in (
        *(data.X_train, data.y_train, data.X_valid, data.y_valid, data.X_test, data.y_test),
        *(data.clips_valid, data.clips_test),
    ):
        if array is None:
            digest.update(b"none")
            continue
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


class Checkpoint:
    """The finished probes of one grid, below `folder`."""

    def __init__(self, folder: Path, data: ProbeData, protocol: Protocol, device: str) -> None:
        #: Of this grid.
        self.folder = folder / grid_key(data, protocol, device)
        self._told = False
        clips = len(data.y_test) if data.clips_test is None else len(np.unique(data.clips_test))
        self._shape = clips, data.outputs

    def save(self, record: ProbeRecord) -> None:
        """Write one record with its test outputs."""
        path = self._path(record.index)
        facts = {
            "index": record.index,
            "updates": record.updates,
            "best_update": record.best_update,
            "valid": record.valid,
            "way": record.way,
            "test": record.test,
            "config": asdict(record.config),
        }
        assert record.test_outputs is not None
        outputs = {"test_outputs": record.test_outputs}
        write_atomic(path, seal(facts, outputs, "record", self.folder.name))

    def load(self, config: ProbeConfig) -> ProbeRecord | None:
        """Read the record of one probe; None where there is none, or a damaged one.

        Of the damaged ones, the first is named.
        """
        path = self._path(config.index)
        try:
            facts, arrays, sealed = unseal(path, "record", self.folder.name)
            if not sealed:
                raise Damaged("it has no digest")
            if facts.pop("config") != asdict(config):
                raise Damaged("it is of another probe")
            record = ProbeRecord(**facts, config=config, test_outputs=arrays["test_outputs"])
            _check(record, self._shape)
            return record
        except FileNotFoundError:
            return None
        except (OSError, *DAMAGES) as error:
            if not self._told:
                say(f"the finished probe {path} is damaged ({error}); such ones are trained again")
            self._told = True
            return None

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:03d}.safetensors"


def _check(record: ProbeRecord, shape: tuple[int, int]) -> None:
    """Check types and shapes: a digest can be made of anything."""
    outputs = record.test_outputs
    if outputs is None or outputs.dtype != np.float32 or outputs.shape != shape:
        raise Damaged("its outputs are not those of the test set")
    counts = (record.index, record.updates, record.best_update)
    scores = (record.valid, *record.test.values())
    if record.index != record.config.index or not all(type(n) is int and n >= 0 for n in counts):
        raise Damaged("it is of another probe")
    if not all(type(score) in (int, float) for score in scores):
        raise Damaged("its scores are not numbers")
    if record.way is not None and not isinstance(record.way, str):
        raise Damaged("its way of merging windows is none")
