"""The model that is checked, in the worker process that has loaded it."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mirbench.benchmark.api import Clip, FloatArray
from mirbench.benchmark.embedding.difference import Difference, Rows
from mirbench.benchmark.embedding.judge import Judge
from mirbench.benchmark.embedding.listening import company
from mirbench.benchmark.embedding.model import ModelInfo
from mirbench.benchmark.embedding.pair import ModelKey
from mirbench.benchmark.embedding.trial import Seen, Trial, embed_copies
from mirbench.benchmark.embedding.verdicts import kind_of
from mirbench.benchmark.embedding.worker import loaded_model, spec_of, stand_in
from mirbench.benchmark.machine.memory import free_main_memory

#: Seconds of the clips that are embedded again and again: enough for models that want ten.
CLIP_SECONDS = 12.0

#: How many times the limit for a clip the first call of a process may take, which may compile.
FIRST = 3


@dataclass(frozen=True)
class Question:
    """What a step is asked.

    Attributes
    ----------
    model : ModelKey
    label : str
        Name of the representation, for messages.
    folder : str
        Where relative paths start.
    clips : tuple of Clip
        Synthetic ones of `CLIP_SECONDS`, as files.
    limit : float
        Seconds that the model may take for a clip before its process is ended.
    """

    model: ModelKey
    label: str
    folder: str
    clips: tuple[Clip, ...]
    limit: float

    def trial(self, once: bool = False) -> Trial:
        """Say what is tried as in the look before a run."""
        limit = self.limit * (FIRST if once else 1)  # another process is new
        return Trial(self.model, None, self.clips, self.folder, once=once, clip_timeout=limit)


class Subject:
    """The model of a question, loaded in this process if it was not before."""

    def __init__(self, question: Question) -> None:
        stand_in(question.folder)
        limit_memory(question.model.device)
        self.question = question
        self.model, self.info = loaded_model(question.model)
        self.plugin = spec_of(question.model).plugin
        self._seed = 0

    def rows(self, audios: Mapping[str, FloatArray], times: float = 1.0) -> Rows:
        """Embed clips by id in one go, with other seeds than before; without unusable ones.

        Parameters
        ----------
        audios : mapping
            Arrays of float32, shape [n_samples]; copies of them are embedded.
        times : float
            How many times the limit a clip may take.

        Raises
        ------
        PluginError
            If the model breaks the contract, or raises anything else than `UnusableClip`.
        """
        self._seed += 1
        return embed_copies(self.question.model, audios, self.question.limit * times, self._seed)

    def row(self, name: str, audio: FloatArray, times: float = 1.0) -> FloatArray | None:
        """Embed one clip; None if the model refuses it by `UnusableClip`.

        Parameters
        ----------
        name : str
            Its id.
        audio : ndarray of float32, shape [n_samples]
        times : float
            As for `rows`.
        """
        return self.rows({name: audio, **company(self.info)}, times).get(name)

    def at_most(self, seconds: float) -> float:
        """Shorten a duration to what the model is given of a clip at most."""
        most = self.info.max_seconds
        return seconds if most is None else min(seconds, most)


def judge_of(question: Question, info: ModelInfo) -> Judge:
    """Return a judge of what is seen without clips that were embedded before."""
    nothing = Seen(
        pid=os.getpid(),
        rows={},
        again=Difference(),
        in_batch=None,
        seconds=0.0,
        info=info,
        once=True,
        heard=None,
    )
    return Judge(question.label, "the kit", kind_of(question.model.device), nothing)


def limit_memory(device: str) -> None:
    """Let an allocation that the machine has no memory for fail, before others are killed for it.

    Not on a GPU, whose driver takes addresses without end.
    """
    if device != "cpu":
        return
    limit, most = resource.getrlimit(resource.RLIMIT_DATA)
    if limit == resource.RLIM_INFINITY:
        free = max(2**30, int(0.9 * free_main_memory()))
        if most != resource.RLIM_INFINITY:
            free = min(free, most)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (free, most))


class Printed:
    """What is written to the standard streams meanwhile."""

    text = ""

    def __enter__(self) -> Printed:
        self._file = tempfile.TemporaryFile()
        _flush()
        self._kept = [os.dup(handle) for handle in (1, 2)]
        for handle in (1, 2):
            os.dup2(self._file.fileno(), handle)
        return self

    def __exit__(self, *_: object) -> None:
        _flush()
        for handle, kept in zip((1, 2), self._kept, strict=True):
            os.dup2(kept, handle)
            os.close(kept)
        self._file.seek(0)
        self.text = self._file.read(2000).decode(errors="replace").strip()
        self._file.close()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # a plugin may have put anything there
            stream.flush()


class Network:
    """Keeps code of this process off the network from now on, and notes what it wanted there.

    Connections within this machine are let through.
    """

    def __init__(self) -> None:
        self.wanted: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in ("socket.getaddrinfo", "socket.gethostbyname"):
            host = arguments[0]
        elif event in ("socket.connect", "socket.sendto"):
            address = arguments[1]
            if not isinstance(address, tuple):  # a path on this machine
                return
            host = address[0]
        else:
            return
        name = host.decode(errors="replace") if isinstance(host, bytes) else str(host or "")
        if name not in ("", "localhost", "::1") and not name.startswith("127."):
            self.wanted.append(name)
            raise ConnectionRefusedError(f"mirbench check lets no plugin reach {name}")


@contextlib.contextmanager
def listening_to(subject: Subject) -> Iterator[Printed]:
    """Run code of the plugin, and hear what it prints."""
    with subject.plugin.running(), Printed() as printed:
        yield printed
