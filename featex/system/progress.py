"""Progress of long work: a bar with rate and remaining time on a terminal, occasional plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

from featex.system.silence import broken, working_on

SPARSE_SECONDS = 30.0


class Progress:
    """Reports nothing; the default of library calls. Subclasses write to a terminal."""

    def say(self, line: str) -> None:
        """Report one sentence."""

    def remark(self, line: str) -> None:
        """Report a line of which there are many; a subclass may skip some."""

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """Yield a function; call it with the number of units done since the last call."""
        yield lambda done: None


class TerminalProgress(Progress):
    """Writes to `stream` (default standard error): a tqdm bar on a terminal, else at most one line per half minute.

    If `verbose`, every remark is written everywhere.
    """

    def __init__(self, stream: TextIO | None = None, verbose: bool = False):
        self.stream, self.verbose = stream or sys.stderr, verbose
        self._remarked = -SPARSE_SECONDS

    def say(self, line: str) -> None:
        tqdm.write(line, file=self.stream)  # above the bar, if there is one
        self.stream.flush()
        broken()

    def remark(self, line: str) -> None:
        now = time.monotonic()
        if self.verbose or self.stream.isatty() or now - self._remarked >= SPARSE_SECONDS:
            self._remarked = now
            self.say(line)

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        if self.stream.isatty():
            with tqdm(total=total, desc=label, unit=f" {unit}", file=self.stream, leave=False) as bar:
                yield bar.update
        else:
            try:
                yield self._sparse(label, total, unit)
            finally:
                working_on("")

    def _sparse(self, label: str, total: int, unit: str) -> Callable[[int], None]:
        started = written = time.monotonic()
        count = 0

        def update(done: int) -> None:
            nonlocal count, written
            count += done
            working_on(f"{label}, {count:,} of {total:,} {unit}s")
            now = time.monotonic()
            if count and now - written >= SPARSE_SECONDS:
                written = now
                rate = count / (now - started)
                left = (total - count) / rate
                self.say(f"{label}: {count:,} of {total:,} {unit}s, {rate:.3g} {unit}s/s, {left:.0f} s left")

        return update
