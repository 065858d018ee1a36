"""The machine's cores, and one pool of threads in which files are read and the network runs.

With threads of their own, the readers and the network would compete for the same cores, because a parallel matrix
product waits for its slowest thread. In this pool each thread reads a file, decodes it or computes a whole batch alone.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from itertools import islice
from pathlib import Path, PurePosixPath

import joblib

_MOST_READERS = 16
FEW_ROWS = 250


def n_cores() -> int:
    """Return how many cores this process may use, at least 1; the limit of a container counts."""
    return joblib.cpu_count()


def n_readers() -> int:
    """Return how many threads read and decode images: one per core, at most `_MOST_READERS`."""
    return min(_MOST_READERS, n_cores())


def ram_bytes(root: Path = Path("/")) -> float:
    """Return how many bytes of memory this process may use, given the limit of a container; inf if unknown.

    The files of the control groups are those below `root`.
    """
    limits = [float("inf")]
    with suppress(OSError, ValueError, AttributeError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in _memory_files(_read(root / "proc/self/cgroup")):
        with suppress(ValueError):  # "max", or no such file
            limits.append(int(_read(root / path)))
    return min(limits)


def _memory_files(groups: str) -> Iterator[str]:
    """Yield the files that may limit this process's memory: those of its control groups (v2, v1) and their parents."""
    for line in [*groups.splitlines(), "0::/", "1:memory:/"]:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        folder, file = ("memory/", "memory.limit_in_bytes") if controllers else ("", "memory.max")
        while True:
            yield f"sys/fs/cgroup/{folder}{group.strip('/')}/{file}"
            if group in ("", "/"):
                break
            group = str(PurePosixPath(group).parent)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def threads_for(n_rows: int) -> AbstractContextManager:
    """Return a context in which scikit-learn starts no threads if there are fewer than `FEW_ROWS` rows.

    On 60 rows a forest of 300 trees takes 0.4 s with one thread and 0.6 s with two, because most of the work is in
    Python.
    """
    return joblib.parallel_config("sequential") if n_rows < FEW_ROWS else nullcontext()


@contextmanager
def one_core_each(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of `workers` threads, in each of which torch computes on one core.

    When the block ends, work that has not begun is cancelled.
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


def in_order(pool: ThreadPoolExecutor, function: Callable, items: Iterable, ahead: int) -> Iterator:
    """Yield function(item) for each item in order; at most `ahead` calls run early, which bounds the memory.

    Items are taken in the caller's thread, calls run in the pool.
    """
    items = iter(items)
    futures = deque(pool.submit(function, item) for item in islice(items, ahead))
    while futures:
        yield futures.popleft().result()
        futures.extend(pool.submit(function, item) for item in islice(items, 1))


def batched(items: Iterable, size: int) -> Iterator[list]:
    """Yield lists of `size` successive items; the last one may be shorter."""
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch
