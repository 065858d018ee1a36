"""Stopping in order: the first Ctrl-C or SIGTERM lets a job store what it has computed, a second one ends it."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A signal has stopped a job, which has stored what it had computed.

    Parameters
    ----------
    message : str
        What is stored.
    number : int
        The signal's number; a command line ends with 128 + `number`.
    """

    def __init__(self, message: str, number: int):
        super().__init__(message)
        self.number = int(number)


@contextmanager
def until_stopped() -> Iterator[Callable[[], int]]:
    """Yield a function that returns the number of the signal that asked to stop, 0 as long as there is none.

    Meanwhile a first signal interrupts nothing: the job asks between two steps and ends by itself. A second one acts
    as if nobody had waited for it. Signals that the program ignores, as one in the background of a shell does Ctrl-C,
    stay ignored. Only the main thread can receive signals; in another the function always returns 0.
    """
    received = 0

    def receive(number: int, _frame) -> None:
        nonlocal received
        received = number
        restore()

    def restore() -> None:
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {}
    if current_thread() is main_thread():
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        before = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, receive)
    try:
        yield lambda: received
    finally:
        restore()
