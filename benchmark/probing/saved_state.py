"""Probes that are still learning, on disk, so that a killed grid goes on within them.

``<checkpoint>/<key>/learning/<index>.safetensors``, one file per bank: weights, moments and
remembered weights of its probes, their early-stopping records, and where the streams of random
numbers are. A bank goes on from there with the numbers that it would have had. Files appear whole
or not at all, under a digest; what is damaged, or of another grid, PyTorch or processor, is not
used.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.files.atomic import remove_stale_temporaries, write_atomic
from mirbench.benchmark.files.foreign import DAMAGES, Damaged
from mirbench.benchmark.files.sealed import Arrays, seal, unseal
from mirbench.benchmark.probing.bank import Bank
from mirbench.benchmark.probing.draws import Draws
from mirbench.benchmark.probing.pace import Pace
from mirbench.benchmark.progress import say
from mirbench.benchmark.protocol import ProbeConfig

#: Raised whenever the files get another meaning.
VERSION = 1
#: Of the states of all banks that are trained at once: so many times their bytes must be free.
ROOM = 3
#: After which a file that is not whole is taken for one of a run that was killed.
HALF_WRITTEN_SECONDS = 300.0


class SavedStates:
    """The states of the learning probes of one grid; a context manager.

    Files are written by a thread of its own, one bank at a time: training waits only for the
    copy of one bank.

    Parameters
    ----------
    folder : Path
        Of the grid.
    device : torch.device
        Where it is trained.
    threads : int
        That train side by side.
    """

    def __init__(self, folder: Path, device: torch.device, threads: int) -> None:
        self._folder, self._about = folder / "learning", f"{folder.name} {VERSION}"
        self._made_with = _made_with(device)
        self.pace = Pace(threads, self._read_life())
        self._paths: dict[Bank, Path] = {}
        self._busy = threading.Lock()
        self._usable = True
        self._refused = False

    def __enter__(self) -> SavedStates:
        remove_stale_temporaries(self._folder, HALF_WRITTEN_SECONDS)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="saving")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.shutdown(cancel_futures=kind is not None)

    def find(self, configs: Iterable[ProbeConfig]) -> dict[int, Path]:
        """Look up by grid index which file holds a probe; of several, the furthest."""
        wanted = {config.index for config in configs}
        furthest: dict[int, tuple[int, Path]] = {}
        for path in sorted(self._folder.glob("*.safetensors")):
            try:
                facts = _look(path)
                number = int(facts["number"])
                indices = {probe["config"]["index"] for probe in facts["probes"]}
            except (OSError, *DAMAGES) as error:
                self._refuse(path, error)
                continue
            for index in wanted.intersection(indices):
                furthest[index] = max(furthest.get(index, (0, path)), (number, path))
        return {index: path for index, (_, path) in furthest.items()}

    def restore(self, path: Path, bank: Bank, masked: bool) -> tuple[int, Arrays] | None:
        """Put a bank where the file left it; None, and the bank untouched, if it is not whole.

        Parameters
        ----------
        path : Path
            One of `find`.
        bank : Bank
            New.
        masked : bool
            Whether the probes trained with it draw masks: the streams must be the same.

        Returns
        -------
        int, mapping
            Updates made, and the state of the draws for the updates to come.
        """
        try:
            facts, arrays, sealed = unseal(path, "state", self._about)
            if not sealed:
                raise Damaged("it has no digest")
            if facts["made_with"] != self._made_with:
                raise Damaged("it was made with another version or processor")
            if facts["masked"] != masked:
                raise Damaged("it is of other random numbers")
            rows = {probe["config"]["index"]: row for row, probe in enumerate(facts["probes"])}
            order = [rows[learner.config.index] for learner in bank.learners]
            records = [facts["probes"][row] for row in order]
            if [r["config"] for r in records] != [asdict(s.config) for s in bank.learners]:
                raise Damaged("it is of other probes")
            number, every = facts["number"], bank.setup.protocol.eval_every
            if number % every:
                raise Damaged("it lies between two evaluations")
            draws = {name: arrays.pop(name) for name in Draws.STATE}
            bank.restore(records, {name: array[order] for name, array in arrays.items()})
        except (OSError, *DAMAGES) as error:
            self._refuse(path, error)
            return None
        self._paths[bank] = path
        return number, draws

    def expect(self, banks: Sequence[Bank]) -> None:
        """Note which banks are trained from now on: all are to be saved within one cycle."""
        size = sum(bank.state_bytes for bank in banks)
        self.pace.expect(size)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            self._stop(error.strerror or str(error))
            return
        if free < ROOM * size:
            self._stop(f"{free >> 20:,} MiB are free, and {ROOM * size >> 20:,} MiB are asked for")

    def offer(self, bank: Bank, number: int, draws: Arrays, masked: bool) -> None:
        """Save a bank if it is time to, unless another is being written.

        Called by the thread that trains the bank, between two updates.

        Parameters
        ----------
        bank : Bank
        number : int
            Updates made.
        draws : mapping
            State of the draws for the updates to come.
        masked : bool
            Whether these draw masks.
        """
        if not self._usable:
            return
        life = self.pace.life_to_note()
        if life is not None:
            self._writer.submit(self._note, life)
        if not self.pace.due(bank, bank.state_bytes) or not self._busy.acquire(blocking=False):
            return
        try:
            self.pace.begun(bank)
            began = time.thread_time()
            probes, arrays = bank.state()
            facts = {
                "number": number,
                "masked": masked,
                "made_with": self._made_with,
                "probes": probes,
            }
            first = bank.learners[0].config.index
            path = self._paths.setdefault(bank, self._folder / f"{first:03d}.safetensors")
            copied = time.thread_time() - began
            self._writer.submit(self._write, path, facts, {**arrays, **draws}, copied)
        except BaseException:
            self._busy.release()
            raise

    def forget(self, bank: Bank) -> None:
        """Delete the file of a bank whose probes are all finished and recorded."""
        path = self._paths.pop(bank, None)
        self.pace.forget(bank)
        if path is not None:
            self._writer.submit(_delete, path)

    def _write(self, path: Path, facts: dict[str, Any], arrays: Arrays, copied: float) -> None:
        began = time.thread_time()
        try:
            write_atomic(path, seal(facts, arrays, "state", self._about))
        except MirbenchError as error:
            self._stop(str(error))
        finally:
            size = sum(array.nbytes for array in arrays.values())
            self.pace.written(size, copied + time.thread_time() - began)
            self._busy.release()

    def _note(self, life: float) -> None:
        with contextlib.suppress(MirbenchError):  # then a later run saves less often
            write_atomic(self._folder / "life.json", json.dumps({"seconds": life}).encode())

    def _read_life(self) -> float | None:
        with contextlib.suppress(OSError, *DAMAGES):
            life = float(json.loads((self._folder / "life.json").read_bytes())["seconds"])
            return life if life > 0 else None
        return None

    def _refuse(self, path: Path, error: Exception) -> None:
        if not self._refused:
            say(f"the saved state {path} is not used ({error}); probes of such begin anew")
        self._refused = True

    def _stop(self, reason: str) -> None:
        if self._usable:
            say(
                f"probes that are learning are not saved in {self._folder} ({reason}); "
                "they begin anew if this run is interrupted"
            )
        self._usable = False


def discard_states(folder: Path) -> None:
    """Delete all states of a grid, whose probes are finished and recorded."""
    shutil.rmtree(folder / "learning", ignore_errors=True)


def _look(path: Path) -> dict[str, Any]:
    """Read the facts of a file without its arrays, unchecked."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            facts: dict[str, Any] = json.loads(file.metadata()["state"])
            return facts
    except SafetensorError as error:
        raise Damaged(str(error)) from error


def _delete(path: Path) -> None:
    with contextlib.suppress(OSError):  # it is deleted with its folder
        path.unlink()


def _made_with(device: torch.device) -> dict[str, str]:
    """Name what the rounding of a probe depends on besides its data and the protocol."""
    where = "cpu" if device.type == "cpu" else torch.cuda.get_device_name(device)
    capability = torch.backends.cpu.get_cpu_capability()
    return {"torch": torch.__version__, "processor": capability, "device": where}
