"""How likely so few wrong answers are at a given error: exactly for single images, by a bound for groups of images."""

import numpy as np
from scipy.stats import binom

N_TILTS, N_HALVINGS = 40, 50


def log_tail_of_images(wrong: np.ndarray, answers: np.ndarray, error: float) -> np.ndarray:
    """Return the log probability of `wrong` or fewer among independent `answers`, each wrong with `error`."""
    return binom.logcdf(wrong, answers, error)


def log_tail_of_groups(wrong: float, sizes: np.ndarray, error: float) -> float:
    """Return a bound on the log probability of so few wrong answers, where answers of a group are wrong together.

    Groups are independent; within one, any number of answers may be wrong, and groups may differ in how likely that
    is. Only the expected share of wrong answers among all of them is `error`. The bound is Chernoff's, at the worst way
    to spread that error over the groups: Hoeffding's (1963, theorem 1), of which it is the case of unequal weights. It
    is exact where nothing is wrong and each group is wrong as a whole or not at all. Where nearly all groups are single
    images, the exact tail of these is smaller, though all the others be wrong, and taken.

    Parameters
    ----------
    wrong : float
        Wrong answers in all groups.
    sizes : ndarray of shape (n_groups,), int
        Answers in each group, 1 or more.
    error : float
        In 0..1.

    Returns
    -------
    float
        0 or less.
    """
    size, count = np.unique(sizes, return_counts=True)
    n = float(size @ count)
    if wrong >= error * n:
        return 0.0
    tilt = np.geomspace(0.01, 30, N_TILTS)[:, None] / size.min() if wrong else np.array([[30.0 / size.min()]])
    spared = -np.expm1(-tilt * size)  # of the weight of a group that is wrong as a whole
    # Lagrange: the mean share of wrong answers in groups of each size, in 0..1, all of them together n * error.
    low, high = np.log(spared / size).min(1), np.log(spared / size).max(1) + tilt[:, 0] * size.max() + 1
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        mean = np.clip(1 / spared - np.exp(-middle)[:, None] / size, 0, 1)
        few = mean @ (size * count) < error * n
        low, high = np.where(few, middle, low), np.where(few, high, middle)
    worst = np.log1p(-np.minimum(mean * spared, 1 - 1e-15)) @ count
    bound = min(0.0, (tilt[:, 0] * wrong + worst).min())
    single = int(count[size == 1].sum())
    if single and (of_single := (error * n - (n - single)) / single) > 0:
        bound = min(bound, log_tail_of_images(np.floor(wrong), single, of_single))
    return float(bound)
