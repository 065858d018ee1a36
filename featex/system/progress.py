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

    def say_once(self, line: str) -> None:
        """Report a sentence that holds for several parts of the work, such as of the data behind several models."""
        self.say(line)

    def status(self, line: str) -> None:
        """Report the state of work that changes often, such as the epoch of a net; each state replaces the last."""

    def remark(self, line: str) -> None:
        """Report a detail of which there are many."""

    def step(self, label: str) -> None:
        """Note what is done from now on; it is written only where no line comes for seconds."""

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """Yield a function; call it with the number of units done since the last call."""
        yield lambda done: None


class TerminalProgress(Progress):
    """Writes to `stream` (default standard error): on a terminal bars and one live line, else a line per half minute.

    Only if `verbose`, remarks are written; they then take the place of states.
    """

    def __init__(self, stream: TextIO | None = None, verbose: bool = False):
        self.stream, self.verbose = stream or sys.stderr, verbose
        self._stated, self._live = time.monotonic(), None
        self._said: set[str] = set()

    def say(self, line: str) -> None:
        self._end_live()
        tqdm.write(line, file=self.stream)  # above the bar, if there is one
        self.stream.flush()
        broken()

    def say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self.say(line)

    def status(self, line: str) -> None:
        now = time.monotonic()
        working_on(line)
        if self.verbose:
            return
        if self.stream.isatty():
            if self._live is None:
                self._live = tqdm(bar_format="{desc}", file=self.stream, leave=False, dynamic_ncols=True)
            self._live.set_description_str(line)
        elif now - self._stated >= SPARSE_SECONDS:
            self._stated = now
            self.say(line)

    def remark(self, line: str) -> None:
        if self.verbose:
            self.say(line)

    def step(self, label: str) -> None:
        working_on(label)

    def _end_live(self) -> None:
        if self._live is not None:
            self._live.close()
            self._live = None

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        self._end_live()
        before = working_on(label)
        try:
            if self.stream.isatty():
                with tqdm(total=total, desc=label, unit=f" {unit}", file=self.stream, leave=False) as bar:
                    yield bar.update
            else:
                yield self._sparse(label, total, unit)
        finally:
            working_on(before)

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
