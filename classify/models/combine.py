"""The methods by which an ensemble combines the probabilities of its members: METHODS holds a line for each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from classify.errors import ModelError
from classify.stats.calibration import SMALLEST
from featex.errors import unknown


class Vote(ClassifierMixin, BaseEstimator):
    """Soft vote: the mean of the members' calibrated probabilities. Nothing is learnt.

    It decides by the `thresholds` of `classify.stats.calibration.Calibration`, one a class; None if all are equal.
    """

    def __init__(self, thresholds: Sequence[float] | None = None):
        self.thresholds = thresholds

    def fit(self, P: np.ndarray, y: np.ndarray) -> "Vote":
        """Return the vote unchanged; `P` and `y` are those of `Stack.fit`."""
        return self

    def predict_proba(self, P: np.ndarray) -> np.ndarray:
        """Return probabilities (n_samples, n_classes) from those of members (n_samples, n_members, n_classes)."""
        return P.mean(axis=1)

    def decision_function(self, P: np.ndarray) -> np.ndarray:
        """Return scores (n_samples, n_classes): log probabilities less the logarithm of each class's threshold."""
        logs = np.log(np.maximum(self.predict_proba(P), SMALLEST))
        return logs if self.thresholds is None else logs - np.log(self.thresholds)

    def learnt(self) -> dict:
        """Return the argument of `from_learnt` for the same vote."""
        return {"thresholds": self.thresholds}

    @classmethod
    def from_learnt(cls, learnt: dict, n_members: int, n_classes: int) -> "Vote":
        """Return the vote; raises ModelError if its thresholds are not those of `n_classes` classes."""
        return cls(_thresholds(learnt, n_classes))


class Stack(ClassifierMixin, BaseEstimator):
    """Logistic regression (L2) on the members' log-odds.

    Wolpert 1992, Neural Networks 5(2) 241, on probabilities as in Ting & Witten 1999, JAIR 10, 271. For two classes a
    member gives one column, the log-odds of the second class; for more, one column for each class, its log probability
    less the mean over all. A member's calibration multiplies these by its slope and adds a constant, and columns are
    standardised before the fit. So the calibration, which was fitted on the labels of all folds, has no effect.

    It decides by the `thresholds` of `classify.stats.calibration.Calibration`, one a class; None if all are equal.
    """

    def __init__(self, C: float = 1.0, thresholds: Sequence[float] | None = None):
        self.C = C
        self.thresholds = thresholds

    def fit(self, P: np.ndarray, y: np.ndarray) -> "Stack":
        """Fit the stack on probabilities for images that the members were not fitted on, and return it.

        Parameters
        ----------
        P : ndarray of shape (n_samples, n_members, n_classes)
            Out-of-fold probabilities of each member.
        y : ndarray of shape (n_samples,)
            Column of each true class.
        """
        columns = _log_odds(P)
        scaler = StandardScaler().fit(columns)
        fitted = LogisticRegression(C=self.C, max_iter=2000).fit(scaler.transform(columns), y)
        self.coef_ = fitted.coef_ / scaler.scale_
        self.intercept_ = fitted.intercept_ - self.coef_ @ scaler.mean_
        return self

    def decision_function(self, P: np.ndarray) -> np.ndarray:
        """Return scikit-learn's decision values: (n_samples,) for two classes, else (n_samples, n_classes)."""
        values = _log_odds(P) @ self.coef_.T + self.intercept_
        if self.thresholds is not None:
            logs = np.log(self.thresholds)
            values = values - (logs[1] - logs[0] if len(logs) == 2 else logs)
        return values[:, 0] if values.shape[1] == 1 else values

    def learnt(self) -> dict:
        """Return the argument of `from_learnt` for the same stack; JSON can hold it."""
        coefficients = {"coef": self.coef_.tolist(), "intercept": self.intercept_.tolist()}
        return {"C": self.C, "thresholds": self.thresholds, **coefficients}

    @classmethod
    def from_learnt(cls, learnt: dict, n_members: int, n_classes: int) -> "Stack":
        """Return the stack with these coefficients; raises ModelError if they do not fit such members."""
        stack = cls(learnt["C"], _thresholds(learnt, n_classes))
        rows = 1 if n_classes == 2 else n_classes
        try:
            stack.coef_ = np.array(learnt["coef"], dtype=np.float64).reshape(rows, n_members * rows)
            stack.intercept_ = np.array(learnt["intercept"], dtype=np.float64).reshape(rows)
        except ValueError as error:
            raise ModelError(f"its numbers are not those of {n_members} members: {error}") from error
        if not (np.isfinite(stack.coef_).all() and np.isfinite(stack.intercept_).all()):
            raise ModelError("its numbers are not finite")
        return stack


def _thresholds(learnt: dict, n_classes: int) -> list[float] | None:
    thresholds = learnt["thresholds"]
    if thresholds is not None and not (len(thresholds) == n_classes and min(thresholds) > 0):
        raise ModelError(f"its thresholds are not those of {n_classes} classes: {thresholds}")
    return thresholds


def _log_odds(P: np.ndarray) -> np.ndarray:
    logs = np.log(np.maximum(P, SMALLEST))
    if P.shape[2] == 2:
        return logs[:, :, 1] - logs[:, :, 0]
    return (logs - logs.mean(axis=2, keepdims=True)).reshape(len(P), -1)


@dataclass(frozen=True)
class Method:
    """A method: `build()` returns the unfitted estimator; one that `learns` needs members with the same folds."""

    name: str
    about: str
    build: type
    learns: bool


METHODS = {
    method.name: method
    for method in (
        Method("vote", "mean of the members' calibrated probabilities", Vote, learns=False),
        Method("stack", "logistic regression on the members' out-of-fold log-odds", Stack, learns=True),
    )
}


def get_method(name: str) -> Method:
    """Return the line of `METHODS` called `name`; raises InputError, with the nearest name, if there is none."""
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]
