"""From any classifier's scores to probabilities that mean what they say, without changing a decision."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

SMALLEST = 1e-15
SLOPES = (1e-3, 1e3)


def class_scores(estimator, X) -> np.ndarray:
    """Return scores (n_samples, n_classes) whose largest column is the estimator's decision.

    Decision values where the estimator has them (for two classes half of it, against it and for it), else log
    probabilities.
    """
    if hasattr(estimator, "decision_function"):
        values = estimator.decision_function(X)
        return values if values.ndim == 2 else np.column_stack([-values / 2, values / 2])
    return np.log(np.clip(estimator.predict_proba(X), SMALLEST, 1))


@dataclass(frozen=True)
class Calibration:
    """``softmax(slope * scores + (0, intercept))``: Platt's sigmoid for two classes, temperature scaling for more.

    Sources: Platt 1999, "Probabilistic outputs for support vector machines"; Guo et al. 2017, arXiv 1706.04599. The
    slope is positive, so scores are never put in another order, also where a model is worse than chance.
    """

    slope: float
    intercept: float

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
        # Platt's targets: short of 0 and 1 by what the count of each class leaves open, so that no slope is infinite.
        counts = np.bincount(y, minlength=n_classes)
        targets = np.tile((1 / (counts + n_classes))[y, None], n_classes)
        targets[np.arange(len(y)), y] = ((counts + 1) / (counts + n_classes))[y]

        def loss(theta: np.ndarray) -> float:
            return -(targets * log_softmax(_scale(scores, np.exp(theta[0]), theta[1]), axis=1)).sum() / len(y)

        bounds = [tuple(np.log(SLOPES)), (-20, 20) if n_classes == 2 else (0, 0)]
        best = minimize(loss, x0=[0.0, 0.0], bounds=bounds, method="L-BFGS-B").x
        return cls(float(np.exp(best[0])), float(best[1]))

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Return probabilities (n_samples, n_classes) of `scores`, rows summing to 1."""
        return softmax(_scale(scores, self.slope, self.intercept), axis=1)

    def threshold(self, column: int) -> float:
        """Return the probability of class `column` (of two) above which the model decides for it: its own boundary."""
        return float(self(np.zeros((1, 2)))[0, column])


def _scale(scores: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    scaled = slope * scores
    if scores.shape[1] == 2:
        scaled[:, 1] += intercept
    return scaled
