"""The results that a demo should have, committed beside this file, and what differs from them."""

import json
from collections.abc import Mapping
from importlib.resources import files

from classify.pages.words import percent
from pipelines.demo.outcome import Outcome

MARGIN = 0.04
"""How far a number may lie outside the range over random seeds: six of the 156 images of an unseen set, since other
processors and numbers of threads sum in another order, and the search may then choose another setting."""


def expected(backbone: str) -> dict[str, tuple[float, float]]:
    """Return the lowest and the highest value of each number of a demo on the features of a backbone.

    Empty if nobody has measured that backbone.
    """
    stored = json.loads(files(__package__).joinpath("expected.json").read_text(encoding="utf-8"))
    return {name: tuple(limits) for name, limits in stored["ranges"].get(backbone, {}).items()}


def differences(outcome: Outcome, ranges: Mapping[str, tuple[float, float]]) -> list[str]:
    """Return what differs from the expected results, in a line each."""
    lines = [f"not shown: {part}" for part, shown in outcome.story.items() if not shown]
    numbers = outcome.numbers
    for name, (low, high) in ranges.items():
        value = numbers.get(name, float("nan"))
        if not low <= value <= high:
            lines.append(f"{name}: {percent(value)}, expected {percent(low)} to {percent(high)}")
    return lines


def ranges_of(runs: list[Mapping[str, float]]) -> dict[str, list[float]]:
    """Return the range of each number over runs, widened by `MARGIN` on both sides, as `expected` reads it."""
    return {
        name: [
            round(max(0.0, min(run[name] for run in runs) - MARGIN), 3),
            round(min(1.0, max(run[name] for run in runs) + MARGIN), 3),
        ]
        for name in runs[0]
    }
