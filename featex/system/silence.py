"""Nothing is silent for long: while a command works without a line, say every few seconds what it does.

An import of a large library takes seconds, and a trial of a search or a page may take a minute. `announced` watches in
a thread of its own, and writes to the stream where the last line is older than a few seconds.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

LIBRARIES = ("torch", "torchvision", "sklearn", "pandas", "scipy", "matplotlib", "optuna", "timm", "skimage")
FIRST, LOADING, FACTOR, MOST = 2.8, 1.5, 2.5, 60.0  # seconds
_last_line, _step = 0.0, ""
WAITING = "waiting for the user"
"""A step of `working_on` during which nothing is written: a command that answers a browser works on nothing."""


def broken() -> None:
    """Note that something was written just now."""
    global _last_line
    _last_line = time.monotonic()


def working_on(step: str) -> None:
    """Note what the command does, such as "extract: 48 of 120 images", for the next line."""
    global _step
    _step = step


def loading() -> str:
    """Return which of `LIBRARIES` is being imported now, or ""."""
    for name in LIBRARIES:
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if getattr(spec, "_initializing", False):
            return name
    return ""


@contextmanager
def announced(stream: TextIO) -> Iterator[None]:
    """While the block runs, write a line to `stream` after `FIRST` seconds without one, then after longer pauses.

    An import of a large library is announced once, after `LOADING` seconds.
    """
    broken()
    working_on("")
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(stream, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(stream: TextIO, done: threading.Event) -> None:
    seen, pause, due, before = set(), FIRST, FIRST, _last_line
    while not done.wait(0.25):
        if _last_line != before:  # somebody else wrote
            pause, due, before = FIRST, FIRST, _last_line
        silent = time.monotonic() - _last_line
        library = loading()
        if library and library not in seen and silent >= LOADING:
            seen.add(library)
            _write(stream, f"Loading {library} ...")
        elif silent >= due and _step != WAITING:
            _write(stream, f"Still working, {silent:.0f} s since the last line" + _what(library))
            pause = min(MOST, pause * FACTOR)
            due = silent + pause
            continue
        else:
            continue
        broken()
        before = _last_line


def _what(library: str) -> str:
    step = f"loading {library}" if library else _step
    return f": {step}" if step else ""


def _write(stream: TextIO, line: str) -> None:
    bars = getattr(sys.modules.get("tqdm"), "tqdm", None)
    if bars is not None and getattr(bars, "_instances", None) and stream.isatty():
        for bar in list(bars._instances):
            bar.refresh()  # its clock shows that work goes on
    else:
        stream.write(line + "\n")
        stream.flush()
