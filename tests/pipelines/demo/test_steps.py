import pytest

from featex.system.progress import Progress
from pipelines.demo import steps as room
from pipelines.demo.steps import Steps, in_words


class Heard(Progress):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def test_time_left_follows_the_speed_of_the_steps_already_done(monkeypatch):
    clock, progress = [0.0], Heard()
    monkeypatch.setattr(room.time, "monotonic", lambda: clock[0])
    steps = Steps({"first": 60, "second": 60, "third": 120}, progress)
    for title, taken in (("first", 120), ("second", 1)):
        with steps.step(title):
            clock[0] += taken
    assert progress.lines == ["Step 1 of 3, about 4 min left: first", "Step 2 of 3, about 6 min left: second"]
    assert steps.left("third") == 240  # the second step was done before, so it tells nothing of the speed


@pytest.mark.parametrize(
    ("seconds", "words"), [(240, "about 4 min"), (64, "about 60 s"), (3, "about 10 s"), (0, "no time")]
)
def test_durations_are_rounded(seconds, words):
    assert in_words(seconds) == words
