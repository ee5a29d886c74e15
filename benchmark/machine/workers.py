"""Where embeddings are computed: local worker processes, one thread each."""

from __future__ import annotations

import functools
import gc
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.machine.heap import kept_memory

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def map_unordered(
    function: Callable[[Item], Outcome], items: Iterable[Item], jobs: int
) -> Iterator[Outcome]:
    """Apply a function to items in `jobs` processes; results come as they are ready.

    Numerical libraries get one thread a worker, so that workers do not slow
    each other and results do not depend on their number. With one job
    everything runs in this process.

    Raises
    ------
    MirbenchError
        If a worker dies; whatever the function itself raises is passed on.
    """
    if jobs <= 1:
        from threadpoolctl import ThreadpoolController

        libraries, seen = ThreadpoolController(), len(sys.modules)
        for item in items:
            if len(sys.modules) != seen:  # to look for libraries takes as long as a small clip
                libraries, seen = ThreadpoolController(), len(sys.modules)
            with libraries.limit(limits=1), kept_memory():
                outcome = function(item)
            yield outcome
        return

    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    try:
        with (
            parallel_config(backend="loky", inner_max_num_threads=1),
            warnings.catch_warnings(),
        ):
            # What joblib says of chunks that are left when a run stops with an error.
            warnings.filterwarnings("ignore", message=".*tasks have been successfully executed")
            workers = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
            yield from workers(delayed(_in_worker)(function, item) for item in items)
    except TerminatedWorkerError as error:
        raise _died(jobs) from error


def map_ahead(
    function: Callable[[Item], Outcome], items: Iterable[Item], jobs: int, ahead: int
) -> Iterator[Outcome]:
    """Apply a function to items in `jobs` other processes; results come in order.

    At most `ahead` items are begun or finished and not yet taken, so that
    results that are large do not fill the memory while their taker is busy.

    Raises
    ------
    MirbenchError
        If a worker dies; whatever the function itself raises is passed on.
    """
    from joblib.externals.loky import ProcessPoolExecutor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    executor = ProcessPoolExecutor(max_workers=jobs)
    begun: deque[Future[Outcome]] = deque()
    try:
        for item in items:
            if len(begun) == ahead:
                yield begun.popleft().result()
            begun.append(executor.submit(_in_worker, function, item))
        while begun:
            yield begun.popleft().result()
    except TerminatedWorkerError as error:
        raise _died(jobs) from error
    finally:
        executor.shutdown(kill_workers=True)


def _in_worker(function: Callable[[Item], Outcome], item: Item) -> Outcome:
    """Apply a function to an item in a worker process.

    After an item, loky looks whether the process leaks memory. With psutil installed,
    one that has grown by 300 MB since its first item makes way for a new one, and a
    model that is not small would be loaded over and over. So it does what it would do
    without psutil: collect garbage once a second. Among all the objects of PyTorch and
    librosa that takes up to a twelfth of the time, and so they are left out.
    """
    from joblib.externals.loky import process_executor

    process_executor._USE_PSUTIL = False
    with kept_memory():
        outcome = function(item)
    _leave_out_of_collection(len(sys.modules))
    return outcome


@functools.lru_cache(maxsize=1)
def _leave_out_of_collection(modules: int) -> None:
    """Leave what there is now out of garbage collection, once for so many modules."""
    gc.collect()
    gc.freeze()


def collect_everything() -> None:
    """Collect garbage, also among what a worker process has left out of collection."""
    _leave_out_of_collection.cache_clear()
    gc.unfreeze()
    gc.collect()


def _died(jobs: int) -> MirbenchError:
    return MirbenchError(
        "a worker process died, most likely for want of memory; run the same command again "
        f"with fewer workers (--jobs {max(1, jobs // 2)}): what is finished is kept"
    )
