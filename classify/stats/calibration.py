"""Calibration: from any classifier's scores to probabilities, without changing a decision."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from featex.system.cores import threads_for

SMALLEST = 1e-15
SLOPES = (1e-3, 1e3)  # for scores with a standard deviation of 1
LEAST_THRESHOLD = 1e-300


def class_scores(estimator, X) -> np.ndarray:
    """Return scores (n_samples, n_classes) whose largest column is the estimator's decision.

    They are decision values where the estimator has them (for two classes minus and plus half the value), otherwise log
    probabilities.
    """
    if hasattr(estimator, "decision_function"):
        values = np.asarray(estimator.decision_function(X), dtype=np.float64)
        return values if values.ndim == 2 else np.column_stack([-values / 2, values / 2])
    with threads_for(len(X)):
        return np.log(np.clip(np.asarray(estimator.predict_proba(X), dtype=np.float64), SMALLEST, 1))


@dataclass(frozen=True)
class Calibration:
    """Bias-corrected temperature scaling: ``softmax(slope * scores + log(thresholds))``.

    Alexandari, Kundaje & Shrikumar 2020, arXiv 1901.06852; for two classes it is Platt's (1999) sigmoid. The slope
    scales the confidence, and the thresholds hold how common each class is: class weights, and tuning for a score that
    balances classes, move a model's decisions away from the likeliest class, and without the second term they would
    move its probabilities too.

    The slope is positive, so no decision changes. Where all scores are equal, the probabilities are the `thresholds`:
    the model decides for the class whose probability is the largest multiple of its threshold. Of two classes that is
    the positive one from its threshold on.

    Parameters
    ----------
    slope : float
    thresholds : tuple of float
        A probability for each class, with a sum of 1; () where all are equal.
    """

    slope: float
    thresholds: tuple[float, ...] = ()

    @classmethod
    def fit(cls, scores: np.ndarray, y: np.ndarray) -> "Calibration":
        """Return the calibration of least log loss.

        The mean probability of each class over these rows is its share among them, up to the smoothing of the targets.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_classes)
            Of images on which the model was not fitted (out of fold).
        y : ndarray of shape (n_samples,)
            Column of each true class.
        """
        n, k = scores.shape
        # Platt's (1999) targets are smoothed by the count of each class, so that the slope stays finite where every
        # decision is right.
        counts = np.bincount(y, minlength=k)
        targets = np.tile((1 / (counts + k))[y, None], k)
        targets[np.arange(n), y] = ((counts + 1) / (counts + k))[y]
        centred = scores - scores.mean(axis=1, keepdims=True)
        means = centred.mean(axis=0)
        scale = (centred - means).std() or 1.0
        standard = (centred - means) / scale

        def loss(terms: np.ndarray) -> tuple[float, np.ndarray]:
            logs = log_softmax(terms[0] * standard + np.r_[0.0, terms[1:]], axis=1)
            gap = (np.exp(logs) - targets) / n
            return -(targets * logs).sum() / n, np.r_[(gap * standard).sum(), gap.sum(axis=0)[1:]]

        start = np.r_[1.0, np.log((counts + 1) / (counts[0] + 1))[1:]]
        bounds = [SLOPES] + [(None, None)] * (k - 1)
        precise = {"ftol": 1e-13, "gtol": 1e-9, "maxiter": 500}
        terms = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=precise).x
        slope = terms[0] / scale
        thresholds = np.maximum(softmax(np.r_[0.0, terms[1:]] - slope * means), LEAST_THRESHOLD)
        return cls(float(slope), tuple(thresholds.tolist()))

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Return the probabilities (n_samples, n_classes) of `scores`."""
        return np.exp(self.logs(scores))

    def logs(self, scores: np.ndarray) -> np.ndarray:
        """Return the logarithms of the probabilities, which differ even where probabilities round to 1."""
        return log_softmax(self.slope * scores + (np.log(self.thresholds) if self.thresholds else 0.0), axis=1)
