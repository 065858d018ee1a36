"""How many independent images a set is worth where images come in groups, and when that is too few for an interval."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t

LEAST = 5.0
"""Effective units that an interval takes; of fewer, nothing but the score itself is known.

Of 20 groups, from equal to very unequal (logarithms of their sizes spread by 1.5), whose images are alike by 0 or 0.3,
intervals hold the truth in 93 to 100 of 100 sets, 190 to 300 sets a kind; `benchmarks.simulations.intervals`. A dozen
large groups beside many single images are the limit: were images of a group alike by 0.95, accuracy of 0.9 was held in
73 of 100, since large groups without an error do not tell how alike they are.
"""


def units(group, n: int) -> np.ndarray:
    """Return the code (n,) of what is independent of all else: a group, or a row that has none."""
    group = np.full(n, "") if group is None else np.asarray(group).astype(str)
    return np.unique(np.where(group == "", np.arange(n).astype(str), np.char.add("g", group)), return_inverse=True)[1]


def kish(weights: np.ndarray) -> float:
    """Return the effective number of units by Kish (1965): the square of the sum of their weights over that of squares.

    It is how many units of equal weight would tell as much; ``effective_units`` of a set if all images of a group were
    equal.
    """
    weights = np.asarray(weights, float)
    return float(weights.sum() ** 2 / (weights**2).sum())


def effective_units(group) -> float:
    """Return how many independent images these are worth, if images of a `group` (n,) of str were all equal."""
    return kish(np.bincount(units(group, len(group)))) if len(group) else 0.0


def enough(unit: np.ndarray, weights: np.ndarray | None = None) -> bool:
    """Return whether units tell how far chance goes: single images always, groups where they are worth `LEAST`.

    Parameters
    ----------
    unit : ndarray of shape (n,), int
        Codes from 0 on; images with the same are not independent.
    weights : ndarray of shape (n,), optional
        How much each image counts in the score; equally, by default.
    """
    n_units = unit.max(initial=-1) + 1
    return n_units == len(unit) or kish(np.bincount(unit, weights)) >= LEAST - 1e-9


@dataclass(frozen=True)
class Correction:
    """What a variance over units lacks.

    Parameters
    ----------
    inflation : float
        What to multiply it by, for the score lies nearest to the heaviest units, which made it.
    freedom : float
        Its degrees of freedom, for Student's quantile: fewer, the more unequal the units are.
    """

    inflation: float
    freedom: float

    @property
    def reach(self) -> float:
        """Student's quantile of a 95 % interval."""
        return float(t.ppf(0.975, self.freedom))


def correction(weights: np.ndarray, sizes: np.ndarray, stratum: np.ndarray, alike: float = 1.0) -> Correction | None:
    """Return the correction of the sum of squares of ``weight * (value - mean of its stratum)`` over units.

    Satterthwaite's (1946) degrees of freedom and the bias of such a sum, both exact for normal values, as Bell &
    McCaffrey (2002, Survey Methodology 28:169) have them for clustered data; the variance of a unit's value is
    ``alike + (1 - alike) / size``, as Imbens & Kolesár (2016, doi:10.1162/REST_a_00552) take it.

    Parameters
    ----------
    weights, sizes : ndarray of shape (n_units,)
        How much of the score a unit is, and how many images.
    stratum : ndarray of shape (n_units,), int
        Codes from 0 on. Units are compared within their stratum.
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

    # of Q = (I - 1 w')' diag(d) (I - 1 w') and V = diag(variance) of a stratum: the traces of Q V and of (Q V)^2
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
    """Return how alike images of a unit are, 0..1, that a variance so many times that of single images tells.

    Parameters
    ----------
    design_effect : float
    weights : ndarray of shape (n,)
        Of images.
    unit : ndarray of shape (n,), int
    """
    most = (np.bincount(unit, weights) ** 2).sum() / (weights**2).sum()
    return float(np.clip((design_effect - 1) / (most - 1), 0, 1)) if most > 1 else 1.0
