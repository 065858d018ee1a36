import os
import signal
from threading import Thread

import pytest

from featex.system.stopping import SIGNALS, until_stopped


@pytest.fixture
def handlers():
    """Hear signals instead of dying of them, and put the handlers back."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = []
    for number in SIGNALS:
        signal.signal(number, lambda number, _frame: heard.append(number))
    yield heard
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_first_signal_is_only_noted_and_the_second_acts(handlers):
    with until_stopped() as stopped:
        assert stopped() == 0
        os.kill(os.getpid(), signal.SIGTERM)
        assert (stopped(), handlers) == (signal.SIGTERM, [])
        os.kill(os.getpid(), signal.SIGINT)
        assert handlers == [signal.SIGINT]
    os.kill(os.getpid(), signal.SIGTERM)
    assert handlers == [signal.SIGINT, signal.SIGTERM]


def test_an_ignored_signal_stays_ignored(handlers):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with until_stopped() as stopped:
        os.kill(os.getpid(), signal.SIGINT)
        assert stopped() == 0


def test_outside_the_main_thread_nothing_changes(handlers):
    def work():
        with until_stopped() as stopped:
            answers.append(stopped())

    answers: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [0]
    assert signal.getsignal(signal.SIGINT) is before
