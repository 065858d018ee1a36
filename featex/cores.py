"""The machine's cores, and work that shares them: readers and a network on the same threads, results in order.

Two cores that read files and two that run a network would fight over two cores: a parallel matrix product waits for its
slowest thread. Here each thread reads, decodes or runs a whole batch by itself, whatever is next.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from itertools import islice
from pathlib import Path, PurePosixPath

import joblib

_MOST_READERS = 16
FEW_ROWS = 250


def n_cores() -> int:
    """Return how many cores this process may use, at least 1; a container's limit is minded."""
    return joblib.cpu_count()


def n_readers() -> int:
    """Return how many threads read and decode images: one a core, `_MOST_READERS` at most."""
    return min(_MOST_READERS, n_cores())


def ram_bytes() -> float:
    """Return how much memory this process may use; a container's limit is minded, inf where nothing tells."""
    limits = [float("inf")]
    with suppress(OSError, ValueError, AttributeError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in _memory_files(_read("/proc/self/cgroup")):
        with suppress(ValueError):  # "max", or no such file
            limits.append(int(_read(path)))
    return min(limits)


def _memory_files(groups: str, root: str = "/sys/fs/cgroup") -> Iterator[str]:
    """Yield the files that may limit the memory of this process: of its control groups (v2, v1) and all above them."""
    for line in [*groups.splitlines(), "0::/", "1:memory:/"]:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        folder, file = ("memory/", "memory.limit_in_bytes") if controllers else ("", "memory.max")
        while True:
            yield f"{root}/{folder}{group.strip('/')}/{file}".replace("//", "/")
            if group in ("", "/"):
                break
            group = str(PurePosixPath(group).parent)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def threads_for(n_rows: int) -> AbstractContextManager:
    """Return a context in which scikit-learn starts no threads for fewer than `FEW_ROWS` rows.

    A forest of 300 trees on 60 rows takes 0.4 s on one thread and 0.6 s on two: most of the work is Python's.
    """
    return joblib.parallel_config("sequential") if n_rows < FEW_ROWS else nullcontext()


@contextmanager
def one_core_each(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of `workers` threads in which torch computes on the calling thread alone.

    What has not begun when it is left is never begun.
    """
    import torch  # here, because counting cores must not cost torch's time

    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
    try:
        with pool:
            try:
                yield pool
            finally:
                pool.shutdown(cancel_futures=True)
    finally:
        torch.set_num_threads(before)


def in_order(pool: ThreadPoolExecutor, function, items: Sequence, ahead: int) -> Iterator:
    """Yield function(item) in order, at most `ahead` calls early, so that memory does not grow with the items."""
    items = iter(items)
    futures: deque[Future] = deque(pool.submit(function, item) for item in islice(items, ahead))
    while futures:
        yield futures.popleft().result()
        for item in islice(items, 1):
            futures.append(pool.submit(function, item))


class Batches:
    """Items on their way through a function of whole batches, while more are read.

    Parameters
    ----------
    pool : ThreadPoolExecutor
    function : callable
        ``function(values)`` returns a result a value; called in the pool's threads.
    deliver : callable
        ``deliver(keys, results)`` takes what came of a batch; called in the thread of the caller, in order.
    size : int
        Items of a batch.
    most : int
        Batches that may wait or run at once.
    """

    def __init__(self, pool: ThreadPoolExecutor, function: Callable, deliver: Callable, size: int, most: int):
        self._pool, self._function, self._deliver, self._size, self._most = pool, function, deliver, size, most
        self._batch: list[tuple] = []
        self._running: deque[tuple[list, Future]] = deque()

    def add(self, key, value) -> None:
        """Take one item; it is computed when its batch is whole."""
        self._batch.append((key, value))
        if len(self._batch) == self._size:
            self._start()
        while self._running and (len(self._running) > self._most or self._running[0][1].done()):
            self._end()

    def finish(self) -> None:
        """Compute and deliver what is left."""
        if self._batch:
            self._start()
        while self._running:
            self._end()

    def _start(self) -> None:
        keys, values = ([item[side] for item in self._batch] for side in (0, 1))
        self._batch = []
        self._running.append((keys, self._pool.submit(self._function, values)))

    def _end(self) -> None:
        keys, future = self._running.popleft()
        self._deliver(keys, future.result())
