"""The effective number of independent images in a set of grouped images, and whether it suffices for an interval."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t

LEAST = 5.0
"""The fewest effective units that an interval is computed for.

With 20 groups, from equal to very unequal (logarithms of their sizes spread by 1.5), and a correlation of 0 or 0.3
within groups, intervals hold the true value in 93 to 100 of 100 sets (190 to 300 sets a kind;
`benchmarks.simulations.intervals`). A dozen large groups beside many single images are the limit: with a correlation of
0.95, intervals held an accuracy of 0.9 in 73 of 100 sets, since large groups without an error do not tell it.
"""


def units(group, n: int) -> np.ndarray:
    """Return the code (n,) of each row's unit: its group, or for a row without one the row itself."""
    group = np.full(n, "") if group is None else np.asarray(group).astype(str)
    return np.unique(np.where(group == "", np.arange(n).astype(str), np.char.add("g", group)), return_inverse=True)[1]


def kish(weights: np.ndarray) -> float:
    """Return Kish's (1965, "Survey Sampling") effective number of units: (sum of weights)² / sum of squared weights.

    So many units of equal weight would tell as much.
    """
    weights = np.asarray(weights, float)
    return float(weights.sum() ** 2 / (weights**2).sum())


def effective_units(group) -> float:
    """Return how many independent images these are worth if all images of a `group` (n,) of str are equal."""
    return kish(np.bincount(units(group, len(group)))) if len(group) else 0.0


def enough(unit: np.ndarray, weights: np.ndarray | None = None) -> bool:
    """Return whether units suffice for an interval: single images always do, groups where they are worth `LEAST`.

    Parameters
    ----------
    unit : ndarray of shape (n,), int
        Codes from 0 up; images with the same code are not independent.
    weights : ndarray of shape (n,), optional
        Weight of each image in the score; equal by default.
    """
    n_units = unit.max(initial=-1) + 1
    return n_units == len(unit) or kish(np.bincount(unit, weights)) >= LEAST - 1e-9


@dataclass(frozen=True)
class Correction:
    """What corrects a variance over units.

    Parameters
    ----------
    inflation : float
        Factor of the variance, which is too small: the score lies nearest to the heaviest units, which made it.
    freedom : float
        Degrees of freedom for Student's quantile: fewer, the more unequal the units are.
    """

    inflation: float
    freedom: float

    @property
    def reach(self) -> float:
        """Student's quantile of a 95 % interval."""
        return float(t.ppf(0.975, self.freedom))


def correction(weights: np.ndarray, sizes: np.ndarray, stratum: np.ndarray, alike: float = 1.0) -> Correction | None:
    """Return the correction of the sum of squares of ``weight * (value - mean of its stratum)`` over units.

    Its bias and Satterthwaite's (1946) degrees of freedom, both exact for normal values, as Bell & McCaffrey (2002,
    Survey Methodology 28:169) derive them for clustered data. A unit's value has the variance
    ``alike + (1 - alike) / size``, as in Imbens & Kolesár (2016, doi:10.1162/REST_a_00552).

    Parameters
    ----------
    weights, sizes : ndarray of shape (n_units,)
        Weight of each unit in the score, and its number of images.
    stratum : ndarray of shape (n_units,), int
        Codes from 0 up. Units are compared within their stratum.
    alike : float
        Correlation of images of one unit, 0..1.

    Returns
    -------
    Correction or None
        None where no stratum has two units.
    """
    known = weights > 0
    weights, sizes, stratum = weights[known], sizes[known], stratum[known]
    total = np.bincount(stratum, weights)
    w, variance = weights / total[stratum], alike + (1 - alike) / sizes
    d = w**2

    def summed(values):
        return np.bincount(stratum, values, minlength=len(total))

    # For Q = (I - 1 w')' diag(d) (I - 1 w') and V = diag(variance) of a stratum: the traces of Q V and of (Q V)^2.
    s = summed(d)
    off = -2 * w * d + s[stratum] * d
    ww, dd, wd = summed(d * variance), summed(d**2 * variance), summed(w * d * variance)
    trace = summed(variance * (d + off))
    square = summed(variance**2 * ((d + off) ** 2 - off**2))
    square += 2 * ww * dd + 2 * wd**2 - 4 * s * ww * wd + (s * ww) ** 2
    expected = (total**2 * trace).sum()
    if expected <= 1e-12 * (total**2 * ww).sum():
        return None
    return Correction(float((total**2 * ww).sum() / expected), float(expected**2 / (total**4 * square).sum()))


def alikeness(design_effect: float, weights: np.ndarray, unit: np.ndarray) -> float:
    """Return the correlation of images of one unit, 0..1, that a design effect implies.

    Parameters
    ----------
    design_effect : float
        The variance of a score over that of as many independent images.
    weights : ndarray of shape (n,)
        Weight of each image in the score.
    unit : ndarray of shape (n,), int
    """
    most = (np.bincount(unit, weights) ** 2).sum() / (weights**2).sum()
    return float(np.clip((design_effect - 1) / (most - 1), 0, 1)) if most > 1 else 1.0
