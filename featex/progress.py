"""How long work says how far it is: a bar with rate and time left on a terminal, sparse plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

SPARSE_SECONDS = 30.0


class Progress:
    """Say nothing: what library calls use unless told otherwise. Subclasses speak."""

    def say(self, line: str) -> None:
        """Take one finished sentence."""

    def remark(self, line: str) -> None:
        """Take a line of which many come, and any may be left out."""

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """Yield a function that is told how many of `total` units were done since it was last called."""
        yield lambda done: None


class TerminalProgress(Progress):
    """Write to `stream` (standard error): tqdm's bar on a terminal, else a line at most every half minute."""

    def __init__(self, stream: TextIO | None = None):
        self.stream = stream or sys.stderr
        self._remarked = -SPARSE_SECONDS

    def say(self, line: str) -> None:
        tqdm.write(line, file=self.stream)  # above the bar, if there is one
        self.stream.flush()

    def remark(self, line: str) -> None:
        now = time.monotonic()
        if self.stream.isatty() or now - self._remarked >= SPARSE_SECONDS:
            self._remarked = now
            self.say(line)

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        if self.stream.isatty():
            with tqdm(total=total, desc=label, unit=f" {unit}", file=self.stream, leave=False) as bar:
                yield bar.update
        else:
            yield self._sparse(label, total, unit)

    def _sparse(self, label: str, total: int, unit: str) -> Callable[[int], None]:
        started = said = time.monotonic()
        count = 0

        def update(done: int) -> None:
            nonlocal count, said
            count += done
            now = time.monotonic()
            if count and now - said >= SPARSE_SECONDS:
                said = now
                rate = count / (now - started)
                left = (total - count) / rate
                self.say(f"{label}: {count:,} of {total:,} {unit}s, {rate:.3g} {unit}s/s, {left:.0f} s left")

        return update
