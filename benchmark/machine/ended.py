"""How a worker process ended, in words, and what to do about it."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field

from mirbench.benchmark.machine.last_words import LastWords

_SIGNALS = {
    "SIGSEGV": "had a segmentation fault (SIGSEGV)",
    "SIGABRT": "aborted (SIGABRT)",
    "SIGBUS": "had a bus error (SIGBUS), as where /dev/shm is full,",
    "SIGILL": "met an instruction that this processor lacks (SIGILL)",
    "SIGFPE": "had an arithmetic error (SIGFPE)",
}


class WorkerDied(Exception):
    """A worker process ended before it answered.

    Attributes
    ----------
    ended : Ended
        How.
    """

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.text(1))
        self.ended = ended


@dataclass(frozen=True)
class Ended:
    """How a worker process ended.

    Attributes
    ----------
    status : int
        Its exit status; negative: the number of the signal that ended it.
    words : LastWords
        What it was at.
    out_of_memory : bool
        Whether the kernel has killed a process for want of memory meanwhile.
    """

    status: int
    words: LastWords = field(default_factory=LastWords)
    out_of_memory: bool = False

    @property
    def signal(self) -> str:
        """Name of the signal that ended it; empty if none did.

        A sandbox tells of a signal as shells do, by a status above 128.
        """
        number = -self.status if self.status < 0 else self.status - 128
        try:
            return signal.Signals(number).name
        except ValueError:
            return ""

    @property
    def may_lack_memory(self) -> bool:
        """Whether it was killed, and not by mirbench: most likely for want of memory."""
        return self.signal == "SIGKILL"

    def text(self, workers: int) -> str:
        """Say it in a sentence, with what to do.

        Parameters
        ----------
        workers : int
            How many there were.
        """
        return f"{self.said}; {self._advice(workers)}; what is finished is kept"

    @property
    def said(self) -> str:
        """How it ended and what it was at, without what to do."""
        said = f"a worker process {self._how()}"
        if self.words.doing:
            said += f" while {self.words.doing}"
        if self.words.line:
            said += f" ({self.words.line})"
        return said

    def _how(self) -> str:
        if self.words.late:
            return "was ended, since it took longer than --clip-timeout allows,"
        if self.signal == "SIGKILL":
            if self.out_of_memory:
                return "was killed by the kernel for want of memory (SIGKILL)"
            return "was killed (SIGKILL), by the kernel for want of memory or by somebody,"
        if self.signal:
            return _SIGNALS.get(self.signal, f"was ended by signal {self.signal}")
        return f"exited with status {self.status} (os._exit, or exit in C)"

    def _advice(self, workers: int) -> str:
        if self.words.late:
            return "mend the representation, or allow more seconds"
        if self.signal == "SIGKILL":
            if workers > 1:
                return f"run the same command again with fewer workers (--jobs {workers // 2})"
            return "see that more memory is free, and run the same command again"
        return "mend the representation, and run the same command again"
