"""How much better one model ranks images than another: the difference of two areas under the ROC curve."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from classify.effective import correction, enough
from classify.intervals import strata


@dataclass(frozen=True)
class Gain:
    """Two areas under the ROC curve on the same images, and their difference with its 95 % interval."""

    before: float
    after: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        return self.after - self.before


def gain(positive: np.ndarray, before: np.ndarray, after: np.ndarray, units: np.ndarray | None = None) -> Gain:
    """Return by how much the scores `after` rank positive images above the others better than the scores `before`.

    DeLong, DeLong & Clarke-Pearson 1988, doi:10.2307/2531595, with the variance taken over independent units as
    Obuchowski 1997, doi:10.2307/2533958, does: images of one group count together. The interval is Student's with one
    degree of freedom fewer than there are units; NaN where units are too few (`classify.effective.enough`), where
    images are of one class alone, and where no image tells the scores apart, so that no spread is known.

    Parameters
    ----------
    positive : ndarray of shape (n_samples,), bool
    before, after : ndarray of shape (n_samples,)
        Greater for positive images.
    units : ndarray of shape (n_samples,), optional
        Images with the same number depend on each other; by default none do.
    """
    areas, shares = zip(*(_area(positive, scores) for scores in (before, after)), strict=True)
    units = np.arange(len(positive)) if units is None else np.unique(units, return_inverse=True)[1]
    difference = areas[1] - areas[0]
    n_units = units.max(initial=-1) + 1
    counts = np.where(positive, positive.sum(), (~positive).sum())
    same = np.allclose(shares[0], shares[1], rtol=0, atol=1e-12, equal_nan=True)
    if n_units < 2 or not np.isfinite(difference) or same or not enough(units, 1 / counts):
        return Gain(*areas, np.nan, np.nan)
    influence = (shares[1] - shares[0] - difference) / counts
    sums = np.bincount(units, influence)
    lacks = correction(np.bincount(units, 1 / counts), np.bincount(units), strata(positive.astype(int), units))
    if lacks is None or not sums.any():
        return Gain(*areas, np.nan, np.nan)
    reach = lacks.reach * np.sqrt((sums**2).sum() * lacks.inflation)
    return Gain(*areas, difference - reach, difference + reach)


def _area(positive: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the area, and for each image the share of the other class that it stands on the right side of."""
    ranks, own = rankdata(scores), np.empty(len(scores))
    n, m = positive.sum(), (~positive).sum()
    if not n or not m:
        return np.nan, np.full(len(scores), np.nan)
    for mask in (positive, ~positive):
        own[mask] = rankdata(scores[mask])
    below = ranks - own  # images of the other class below each, ties counted half
    shares = np.where(positive, below / m, 1 - below / n)
    return float(shares[positive].mean()), shares
