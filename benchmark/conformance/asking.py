"""A worker process that does steps of the kit, and what becomes of it as a finding."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.conformance.calls import load
from mirbench.benchmark.conformance.findings import Answer, Finding, failure
from mirbench.benchmark.conformance.subject import Question
from mirbench.benchmark.machine.ended import WorkerDied
from mirbench.benchmark.machine.process import WorkerProcess

Step = Callable[[Question], Answer]

#: How many times the limit for a clip loading may take, and a step, which has many clips.
_LOADING, _STEP = 10, 30

#: Streams of every process; stdout is for the findings, which may be read as JSON.
_STDOUT, _STDERR = 1, 2


def _print_to(stream: int) -> None:
    """Let what this process prints go to another stream."""
    os.dup2(stream, _STDOUT)


class Process:
    """A worker process that is started anew when it has ended."""

    def __init__(self) -> None:
        self._worker: WorkerProcess | None = None

    def ask(self, check: str, step: Step, question: Question) -> Answer:
        """Let it do a step; an end of the process and any error is a finding of `check`."""
        late = threading.Event()
        if self._worker is None or not self._worker.alive:
            self.close()
            self._worker = WorkerProcess()
            self._worker.call(_print_to, _STDERR)
        worker = self._worker

        def end() -> None:
            late.set()
            worker.kill()

        times = _LOADING if step is load else _STEP
        timer = threading.Timer(times * question.limit, end)
        timer.daemon = True
        timer.start()
        try:
            answer: Answer = worker.call(step, question)
            return answer
        except WorkerDied as error:
            found = error.ended.said
            advice = "mend the line that is named; if there is none, look at compiled code"
            if error.ended.words.late or late.is_set():
                what = error.ended.words.doing or "loading or calling it"
                where = f" ({error.ended.words.line})" if error.ended.words.line else ""
                found = f"it took too long: {what}{where}"
                advice = "see what it waits for; if it is slow, allow more with --clip-timeout"
            elif error.ended.may_lack_memory:
                advice = "see what takes so much memory: cut long clips into pieces"
            return Answer((Finding(check, "failed", found, advice),))
        except MirbenchError as error:
            return Answer((failure(check, error, question.label, "see what raised it"),))
        except Exception as error:  # what a plugin has made of the answer
            found = f"{type(error).__name__}: {error}"
            return Answer((Finding(check, "failed", found, "see what raised it"),))
        finally:
            timer.cancel()

    def close(self) -> None:
        """End it."""
        if self._worker is not None:
            self._worker.close()
        self._worker = None
