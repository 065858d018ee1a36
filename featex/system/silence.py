"""Nothing is silent for long: where a command works for seconds without a line, say what it does.

An import of a large library takes seconds, and a trial of a search or a page may take a minute. `announced` watches in
a thread of its own, and writes to the stream where the last line is older than three seconds, but not often.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

LIBRARIES = ("torch", "torchvision", "sklearn", "pandas", "scipy", "matplotlib", "optuna", "timm", "skimage")
FIRST, NEXT, FACTOR, MOST = 2.8, 10.0, 2.0, 60.0  # seconds
_last_line, _step = 0.0, ""
WAITING = "waiting for the user"
"""A step of `working_on` during which nothing is written: a command that answers a browser works on nothing."""


def broken() -> None:
    """Note that something was written just now."""
    global _last_line
    _last_line = time.monotonic()


def working_on(step: str) -> str:
    """Note what the command does, such as "extract, 48 of 120 images", for the next line; return what it did before."""
    global _step
    before, _step = _step, step
    return before


def loading() -> str:
    """Return which of `LIBRARIES` is being imported now, or ""."""
    for name in LIBRARIES:
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if getattr(spec, "_initializing", False):
            return name
    return ""


@contextmanager
def announced(stream: TextIO, step: str) -> Iterator[None]:
    """While the block runs, write a line to `stream` after `FIRST` seconds without one, but no two within `NEXT`.

    In a long silence the pauses grow, to `MOST`. The import of a large library is announced once, in place of such a
    line. `step` is what the command does until it says more.
    """
    broken()
    working_on(step)
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(stream, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(stream: TextIO, done: threading.Event) -> None:
    loaded, pause, spoke = set(), NEXT, float("-inf")
    while not done.wait(0.25):
        now = time.monotonic()
        silent = now - _last_line
        again = spoke >= _last_line  # the command wrote nothing since
        if _step == WAITING or silent < FIRST or now - spoke < (pause if again else NEXT):
            continue
        library = loading()
        if library and library not in loaded:
            loaded.add(library)
            _write(stream, f"Loading {library} ...")
        else:
            step = f"loading {library}" if library else _step
            _write(stream, f"Still working, {silent:.0f} s since the last line: {step}")
        pause, spoke = min(MOST, pause * FACTOR) if again else NEXT, now


def _write(stream: TextIO, line: str) -> None:
    bars = getattr(sys.modules.get("tqdm"), "tqdm", None)
    if bars is not None and getattr(bars, "_instances", None) and stream.isatty():
        for bar in list(bars._instances):
            bar.refresh()  # its clock shows that work goes on
    else:
        stream.write(line + "\n")
        stream.flush()
