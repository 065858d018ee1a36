"""Steps of long work: each is announced with its number and the time that is left."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from featex.system.progress import Progress

KEPT = 0.2  # a step that took less than this share of its usual time was done before, and tells nothing of the speed


class Steps:
    """Announces steps such as "Step 3 of 6, about 2 min left: normalise it".

    Parameters
    ----------
    seconds : mapping of str to float
        The title of each step, in order, and its usual duration. What is left is the sum of the usual durations of
        the steps to come, times how much longer or shorter the finished steps took than usual.
    progress : Progress
        Hears of each step.
    """

    def __init__(self, seconds: Mapping[str, float], progress: Progress):
        self.seconds, self.progress = dict(seconds), progress
        self._taken: dict[str, float] = {}

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step before its work, and measure the work."""
        number = list(self.seconds).index(title) + 1
        self.progress.say(f"Step {number} of {len(self.seconds)}, {in_words(self.left(title))} left: {title}")
        started = time.monotonic()
        yield
        self._taken[title] = time.monotonic() - started

    def left(self, title: str) -> float:
        """Return the seconds that a step and those after it may take."""
        titles = list(self.seconds)
        to_come = sum(self.seconds[name] for name in titles[titles.index(title) :])
        done = {name: taken for name, taken in self._taken.items() if taken >= KEPT * self.seconds[name]}
        usual = sum(self.seconds[name] for name in done)
        return to_come * (sum(done.values()) / usual if usual else 1)


def in_words(seconds: float) -> str:
    """Return a duration as people say it: "about 2 min", "about 20 s"."""
    if seconds >= 90:
        return f"about {seconds / 60:.0f} min"
    return f"about {max(1, round(seconds / 10)) * 10} s" if seconds >= 1 else "no time"
