"""Less work for settings that cannot win: some stop after a few folds, and a part of the rows selects the settings that
are worth fitting on all rows."""

from collections.abc import Mapping, Sequence

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

MARGIN = 0.01  # of the score, far above what a better setting gains at the end of a search
LEAST_FOLDS = 2
PART_FROM = 2500  # training rows; with fewer the whole search is a matter of seconds
PART = 0.2  # of the training rows, and no fewer than these:
LEAST_PART = 1000
FINALISTS = 3
ROUNDS = 3  # around the best of them, for more rows want other settings than a part of them
STEP = 1 / 6  # of a parameter's range, in its logarithm where it is searched so


def lost_after(scores: Sequence[float], best: Sequence[float], worst: bool = False) -> int | None:
    """Return after how many folds a setting can no longer be expected to win, or None.

    Folds differ in how hard they are, so it is compared with the best setting on the same folds: it has lost once it is
    `MARGIN` behind there, on average. Where the worst fold decides, a fold below the best's worst is the end.

    Parameters
    ----------
    scores : sequence of float
        Its scores on the first folds, in their order.
    best : sequence of float
        Those of the best setting so far, on all folds.
    worst : bool
        Whether the worst fold decides, rather than the mean.
    """
    for n in range(1 if worst else LEAST_FOLDS, min(len(scores), len(best) - 1) + 1):
        if (worst and min(scores[:n]) < min(best)) or (not worst and behind(scores[:n], best) > MARGIN):
            return n
    return None


def behind(scores: Sequence[float], best: Sequence[float]) -> float:
    """Return by how much scores on the first folds are below the best setting's on these, on average."""
    return float(np.mean(best[: len(scores)]) - np.mean(scores))


def neighbours(params: dict, distributions: Mapping[str, BaseDistribution], step: float) -> list[dict]:
    """Return settings a step away from `params` along each number, both ways, within what is searched."""
    around = []
    for name, searched in distributions.items():
        if not isinstance(searched, FloatDistribution | IntDistribution):
            continue
        low, high, now = (np.log(x) if searched.log else x for x in (searched.low, searched.high, params[name]))
        for way in (-step, step):
            value = np.clip(now + way * (high - low), low, high)
            value = float(np.exp(value) if searched.log else value)
            value = (
                round(value) if isinstance(searched, IntDistribution) else min(max(value, searched.low), searched.high)
            )
            if value != params[name]:
                around.append({**params, name: value})
    return around


def part_of(y: np.ndarray, units: np.ndarray, seed: int) -> np.ndarray | None:
    """Return which rows (n_train,) the search begins with, bool; None where it takes all of them.

    Whole units are drawn, so that groups stay together, class by class, so that each keeps its share.
    """
    share = max(PART, LEAST_PART / len(y))
    if len(y) < PART_FROM or share >= 1:
        return None
    chance = np.random.default_rng(seed)
    chosen = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        of_class = np.unique(units[y == label])
        drawn = chance.permutation(of_class)[: max(2, round(share * len(of_class)))]
        chosen |= np.isin(units, drawn)
    return chosen
