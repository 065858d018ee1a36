"""How an ensemble combines what its members say: a line a method in METHODS."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from classify.calibration import SMALLEST
from classify.errors import ModelError
from featex.errors import unknown


class Vote(ClassifierMixin, BaseEstimator):
    """Soft vote: the mean of the members' calibrated probabilities. Nothing is learnt."""

    def fit(self, P: np.ndarray, y: np.ndarray) -> "Vote":
        """Return the vote as it is; `P` and `y` are those of `Stack.fit`."""
        return self

    def predict_proba(self, P: np.ndarray) -> np.ndarray:
        """Return probabilities (n_samples, n_classes) of what members said (n_samples, n_members, n_classes)."""
        return P.mean(axis=1)

    def learnt(self) -> dict:
        """Return what `from_learnt` makes the same vote of."""
        return {}

    @classmethod
    def from_learnt(cls, learnt: dict, n_members: int, n_classes: int) -> "Vote":
        """Return the vote."""
        return cls()


class Stack(ClassifierMixin, BaseEstimator):
    """Logistic regression (L2) on the members' log-odds.

    Wolpert 1992, Neural Networks 5(2) 241, with the probabilities of Ting & Witten 1999, JAIR 10, 271. For two
    classes a member gives one column, the log-odds of the second class; for more, a column a class, its log
    probability less the mean of all. Both are straight multiples of the slope of a member's calibration, and columns
    are scaled to unit variance before the fit: so that slope, which knows the labels of all folds, cancels out.
    """

    def __init__(self, C: float = 1.0):
        self.C = C

    def fit(self, P: np.ndarray, y: np.ndarray) -> "Stack":
        """Return the stack fitted on what members said of images they were not fitted on.

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
        return values[:, 0] if values.shape[1] == 1 else values

    def learnt(self) -> dict:
        """Return what `from_learnt` makes the same stack of, as JSON can hold it."""
        return {"C": self.C, "coef": self.coef_.tolist(), "intercept": self.intercept_.tolist()}

    @classmethod
    def from_learnt(cls, learnt: dict, n_members: int, n_classes: int) -> "Stack":
        """Return the stack that learnt these numbers; raises ModelError where they cannot be those of such members."""
        stack = cls(learnt["C"])
        rows = 1 if n_classes == 2 else n_classes
        try:
            stack.coef_ = np.array(learnt["coef"], dtype=np.float64).reshape(rows, n_members * rows)
            stack.intercept_ = np.array(learnt["intercept"], dtype=np.float64).reshape(rows)
        except ValueError as error:
            raise ModelError(f"its numbers are not those of {n_members} members: {error}") from error
        if not (np.isfinite(stack.coef_).all() and np.isfinite(stack.intercept_).all()):
            raise ModelError("its numbers are not finite")
        return stack


def _log_odds(P: np.ndarray) -> np.ndarray:
    logs = np.log(np.maximum(P, SMALLEST))
    if P.shape[2] == 2:
        return logs[:, :, 1] - logs[:, :, 0]
    return (logs - logs.mean(axis=2, keepdims=True)).reshape(len(P), -1)


@dataclass(frozen=True)
class Method:
    """A way to combine: `build()` returns the unfitted estimator; one that `learns` needs members of the same folds."""

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
    """Return the line of `METHODS` called `name`; raises InputError with the nearest name where there is none."""
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]
