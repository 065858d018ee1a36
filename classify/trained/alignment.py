"""Statistics of unlabelled images from another source: they align its features, and set a threshold."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from sklearn.covariance import LedoitWolf

from classify.errors import DataError
from featex.errors import unknown

ALIGNMENTS = ("none", "mean", "coral")
LEAST = 20
"""Least number of images for which mean and variance describe the source and not chance: the mean of twenty is known to
within a fifth of a standard deviation."""


@dataclass(frozen=True)
class Alignment:
    """Statistics of the training features, to which the features of another source are moved.

    Parameters
    ----------
    mean, std : ndarray of shape (n_features,)
    root : ndarray of shape (n_features, n_features), optional
        Square root of the covariance of the standardised features, for ``coral``.
    """

    mean: np.ndarray
    std: np.ndarray
    root: np.ndarray | None = None

    @classmethod
    def fit(cls, X: np.ndarray, how: str) -> "Alignment":
        """Return the statistics of training features X, (n_samples, n_features).

        Raises
        ------
        InputError
            If there is no way `how`.
        """
        if how not in ALIGNMENTS:
            raise unknown("alignment", how, ALIGNMENTS)
        X = np.asarray(X, dtype=np.float64)
        mean, std = X.mean(axis=0), _std(X)
        return cls(mean, std, _power((X - mean) / std, 0.5) if how == "coral" else None)

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return the features of one other source, moved to the training features' statistics; labels are not used.

        Mean and variance of each column (as batch normalisation is adapted, Li et al. 2018,
        doi:10.1016/j.patcog.2018.03.005), and of ``coral`` the whole covariance (Sun, Feng & Saenko 2016,
        arXiv 1511.05547), shrunk by Ledoit & Wolf's estimate.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            All of one source: `LEAST` images or more, with classes mixed about as in training. A set of one class only
            would be moved to the middle of both classes.

        Raises
        ------
        DataError
            If there are too few images.
        """
        if len(X) < LEAST:
            raise DataError(f"{len(X)} images are too few to align; --align needs {LEAST} or more of one source")
        X = np.asarray(X, dtype=np.float64)
        rows = (X - X.mean(axis=0)) / _std(X)
        if self.root is not None:
            rows = rows @ _power(rows, -0.5) @ self.root
        return (rows * self.std + self.mean).astype(np.float32)


def threshold_for(log_odds: np.ndarray, share: float) -> float:
    """Return the threshold above which a share `share` of these images lies, as nearly as possible.

    Scores often rank images of another source well even if they all lie on one side of the threshold. The number of
    images of the class must be known or assumed. Images of equal log-odds stay on one side.

    Parameters
    ----------
    log_odds : ndarray of shape (n_samples,)
        Of the positive class.
    share : float
        In 0..1, both ends excluded.

    Raises
    ------
    DataError
        If the share is none, there are too few images for it, or all of them have the same log-odds.
    """
    if not 0 < share < 1:
        raise DataError(f"--share takes a number between 0 and 1, not {share:g}")
    n = len(log_odds)
    # from so many on, one image or more belongs on each side
    if n < (least := ceil(1 / min(share, 1 - share) - 1e-9)):
        images = "1 image is" if n == 1 else f"{n} images are"
        raise DataError(f"{images} too few for a share of {share:g}; it needs {least:,} or more")
    ranked = np.sort(np.asarray(log_odds, dtype=np.float64))[::-1]
    cuts = np.flatnonzero(ranked[:-1] > ranked[1:]) + 1  # how many images lie above each threshold there can be
    if not len(cuts):
        raise DataError(f"all {n} images have the same score, so no threshold separates them")
    above = cuts[np.abs(cuts - share * n).argmin()]
    return float((ranked[above - 1] + ranked[above]) / 2)


def _std(X: np.ndarray) -> np.ndarray:
    std = X.std(axis=0)
    return np.where(std > 0, std, 1.0)


def _power(rows: np.ndarray, power: float) -> np.ndarray:
    """Return the covariance of standardised rows, shrunk, to the given power."""
    values, vectors = np.linalg.eigh(LedoitWolf().fit(rows).covariance_)
    return (vectors * np.maximum(values, 1e-6) ** power) @ vectors.T
