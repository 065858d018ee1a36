"""From any classifier's scores to probabilities that mean what they say, without changing a decision."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from featex.cores import threads_for

SMALLEST = 1e-15
SLOPES = (1e-3, 1e3)


def class_scores(estimator, X) -> np.ndarray:
    """Return scores (n_samples, n_classes) whose largest column is the estimator's decision.

    Decision values where the estimator has them (for two classes half of it, against it and for it), else log
    probabilities.
    """
    if hasattr(estimator, "decision_function"):
        values = np.asarray(estimator.decision_function(X), dtype=np.float64)
        return values if values.ndim == 2 else np.column_stack([-values / 2, values / 2])
    with threads_for(len(X)):
        return np.log(np.clip(np.asarray(estimator.predict_proba(X), dtype=np.float64), SMALLEST, 1))


@dataclass(frozen=True)
class Calibration:
    """Temperature scaling: ``softmax(slope * scores)``.

    Source: Guo et al. 2017, arXiv 1706.04599. The slope is positive and there is no other term, so the likeliest class
    is always the one that the model decides for (of two, the one above a half), also where a model is worse than
    chance. With balanced class weights, probabilities are those of a world where classes are equally common.
    """

    slope: float

    @classmethod
    def fit(cls, scores: np.ndarray, y: np.ndarray) -> "Calibration":
        """Return the calibration of least log loss.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_classes)
            Of images the model was not fitted on (out-of-fold).
        y : ndarray of shape (n_samples,)
            Column of each true class.
        """
        n_classes = scores.shape[1]
        # Platt's (1999) targets: short of 0 and 1 by what the count of each class leaves open, so that no slope is
        # infinite where every score is right.
        counts = np.bincount(y, minlength=n_classes)
        targets = np.tile((1 / (counts + n_classes))[y, None], n_classes)
        targets[np.arange(len(y)), y] = ((counts + 1) / (counts + n_classes))[y]

        def loss(log_slope: float) -> float:
            return -(targets * log_softmax(np.exp(log_slope) * scores, axis=1)).sum() / len(y)

        return cls(float(np.exp(minimize_scalar(loss, bounds=np.log(SLOPES), method="bounded").x)))

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Return probabilities (n_samples, n_classes) of `scores`, rows summing to 1."""
        return softmax(self.slope * scores, axis=1)
