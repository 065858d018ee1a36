import io
import sys
import time
from types import SimpleNamespace

import pytest

from featex.system import silence
from featex.system.silence import announced, broken, working_on


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(silence, "FIRST", 0.3)
    monkeypatch.setattr(silence, "NEXT", 0.5)


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_a_silent_command_says_what_it_works_on_at_ever_longer_pauses(quick):
    stream = io.StringIO()
    with announced(stream, "a command"):
        working_on("extract, 48 of 120 images")
        assert until(lambda: stream.getvalue().count("\n") == 2)
    first, second = stream.getvalue().splitlines()
    assert first.startswith("Still working, ")
    assert first.endswith(": extract, 48 of 120 images")
    assert float(second.split()[2]) >= float(first.split()[2])
    with announced(stream, "a command"):
        pass
    assert silence._step == "a command"


def test_a_library_that_is_being_imported_is_named_once(quick, monkeypatch):
    loading = SimpleNamespace(__spec__=SimpleNamespace(_initializing=True))
    monkeypatch.setattr(silence, "LIBRARIES", ("slow_library",))
    monkeypatch.setitem(sys.modules, "slow_library", loading)
    stream = io.StringIO()
    with announced(stream, "a command"):
        assert until(lambda: "Still working" in stream.getvalue())
    assert stream.getvalue().splitlines()[0] == "Loading slow_library ..."
    assert stream.getvalue().count("Loading slow_library") == 1


def test_lines_of_the_command_itself_keep_the_watcher_silent(quick):
    stream = io.StringIO()
    with announced(stream, "a command"):
        for _ in range(20):
            broken()
            time.sleep(0.03)
    assert stream.getvalue() == ""


def test_after_the_longest_pause_lines_keep_that_distance(monkeypatch):
    monkeypatch.setattr(silence, "FIRST", 0.1)
    monkeypatch.setattr(silence, "NEXT", 0.3)
    monkeypatch.setattr(silence, "MOST", 1.0)
    stream = io.StringIO()
    broken()
    silence._watch(stream, Ticks(12))
    assert 2 <= stream.getvalue().count("Still working") <= 5


def test_a_command_that_writes_often_gets_few_lines_between_its_own(monkeypatch):
    monkeypatch.setattr(silence, "FIRST", 0.1)
    stream = io.StringIO()
    broken()
    silence._watch(stream, Ticks(8, every=broken))
    assert stream.getvalue().count("Still working") == 1  # no second one within NEXT


class Ticks:
    """An event that is set after some waits of a quarter of a second each."""

    def __init__(self, n, every=lambda: None):
        self.left, self.every = n, every

    def wait(self, seconds):
        self.left -= 1
        if self.left % 2:
            self.every()
        time.sleep(seconds)
        return self.left < 0


def test_a_command_that_waits_for_the_user_is_silent(quick):
    stream = io.StringIO()
    with announced(stream, "a command"):
        working_on(silence.WAITING)
        time.sleep(0.8)
    assert stream.getvalue() == ""
