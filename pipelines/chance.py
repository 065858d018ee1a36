"""How far an out-of-fold balanced accuracy lies from chance, where several are judged at once and units are few."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from classify.intervals import wilson

ALPHA = 0.05
TWICE = 2.0
"""By how much folds widen the variance. In cross-validation each pair of rows in different folds is counted twice: one
row trains what judges the other, and the other way round. For a rule that is linear in the labels the variance of the
number right is thus at most twice that of as many coins (Noirhomme et al. 2014 describe the excess). For forests it is
a rule of thumb; `benchmarks/simulations/audit.py` measures the false alarms that are left."""


@dataclass(frozen=True)
class Judged:
    """A balanced accuracy with its interval; `low` above chance means that the labels are told."""

    value: float
    low: float
    high: float


def judged(labels: np.ndarray, predicted: np.ndarray, units: np.ndarray, n_judged: int = 1) -> Judged:
    """Return the balanced accuracy of out-of-fold predictions with its interval.

    The interval is Wilson's, at the number of independent answers that have the variance which chance has here: of
    sums over whole units, widened by `TWICE`. It is simultaneous: all `n_judged` intervals together hold their values
    in 95 % of data sets, by Bonferroni.

    Parameters
    ----------
    labels, predicted : ndarray of shape (n,), str
    units : ndarray of shape (n,), int
        Rows with the same number are not independent.
    n_judged : int
        How many balanced accuracies are judged beside each other.
    """
    classes, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    chance, weight = 1 / len(classes), 1 / len(classes) / counts[codes]
    right = predicted == labels
    value = float((weight * right).sum())
    said = np.array([weight[predicted == name].sum() for name in classes])  # with what chance a label is said
    excess = weight * (right - said[codes])
    by_unit = np.bincount(np.unique(units, return_inverse=True)[1], excess)
    variance = TWICE * max((by_unit**2).sum(), (excess**2).sum())
    if variance < 1e-12:  # one class is always said
        return Judged(value, 0.0, 1.0)
    n = chance * (1 - chance) / variance
    return Judged(value, *wilson(min(value, 1.0) * n, n, norm.isf(ALPHA / 2 / n_judged)))
