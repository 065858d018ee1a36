"""The RBF SVM that shares squared distances."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted

from classify.blocks import BlockScaler

# 20,000 rows make a kernel matrix of 3.2 GB; beyond, libsvm computes kernel rows as it needs them.
MAX_PRECOMPUTED = 20_000
BLOCK_ROWS = 1000


@dataclass(frozen=True)
class Distances:
    """Squared Euclidean distances (n_samples, n_train) float64 of standardised rows to the training rows."""

    squared: np.ndarray


def prepare(train: np.ndarray, validation: np.ndarray, blocks: Sequence[int] | None = None):
    """Return what `RBFSVC` can be fitted on and judged on instead of the rows, for any C and gamma.

    Parameters
    ----------
    train, validation : ndarray of shape (n_samples, n_features)
        Both sides of a fold. Scaling is learnt from `train` alone.
    blocks : sequence of int, optional
        As `classify.blocks.BlockScaler` takes them.

    Returns
    -------
    pair of Distances
        Or `train` and `validation` themselves where the matrices would be too large to keep.
    """
    if len(train) > MAX_PRECOMPUTED:
        return train, validation
    scaler = BlockScaler(blocks).fit(train.astype(np.float64))
    rows, others = scaler.transform(train.astype(np.float64)), scaler.transform(validation.astype(np.float64))
    return Distances(euclidean_distances(rows, squared=True)), Distances(
        euclidean_distances(others, rows, squared=True)
    )


class RBFSVC(ClassifierMixin, BaseEstimator):
    """``make_pipeline(StandardScaler(), SVC(kernel="rbf"))``, tuned many times as fast (benchmarks/svm.py).

    libsvm computes each kernel row as d-dimensional dot products, again for every C, gamma and fold; here one matrix
    product serves them all (see `prepare`), and prediction is a matrix product too. The solution is the same.

    Parameters
    ----------
    C : float
        Inverse of the regularisation strength, > 0.
    gamma : float
        Width of the kernel exp(-gamma d^2), > 0; d is measured between standardised rows.
    class_weight : None, "balanced" or dict
    blocks : sequence of int, optional
        As `classify.blocks.BlockScaler` takes them.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    svc_ : SVC
        The fitted machine.
    """

    def __init__(self, C: float = 1.0, gamma: float = 0.002, class_weight=None, blocks=None):
        self.C = C
        self.gamma = gamma
        self.class_weight = class_weight
        self.blocks = blocks

    def fit(self, X, y, sample_weight=None) -> "RBFSVC":
        """Fit on rows (n_samples, n_features), or on the `Distances` of `prepare`; weights multiply C."""
        options = {"C": self.C, "class_weight": self.class_weight}
        if isinstance(X, Distances):
            squared = X.squared
        else:
            X = np.asarray(X, dtype=np.float64)
            self.scaler_ = BlockScaler(self.blocks).fit(X)
            rows = self.scaler_.transform(X)
            if len(rows) > MAX_PRECOMPUTED:
                self.svc_ = SVC(kernel="rbf", gamma=self.gamma, **options).fit(rows, y, sample_weight)
                self.classes_ = self.svc_.classes_
                return self
            squared = euclidean_distances(rows, squared=True)
        self.svc_ = SVC(kernel="precomputed", **options).fit(self._kernel(squared), y, sample_weight)
        self.classes_ = self.svc_.classes_
        if not isinstance(X, Distances):  # which stand in for rows in folds, and are of no use later
            self.support_vectors_ = rows[self.svc_.support_]
        return self

    def decision_function(self, X) -> np.ndarray:
        """Return scores as `SVC.decision_function` does: (n_samples,) for two classes, else (n_samples, n_classes)."""
        check_is_fitted(self)
        if isinstance(X, Distances):
            return self.svc_.decision_function(self._kernel(X.squared))
        rows = self.scaler_.transform(np.asarray(X, dtype=np.float64))
        blocks = np.array_split(rows, max(1, -(-len(rows) // BLOCK_ROWS)))
        return np.concatenate([self._decide(block) for block in blocks])

    def predict(self, X) -> np.ndarray:
        """Return the class of each row, by the decision function."""
        scores = self.decision_function(X)
        return self.classes_[scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)]

    def _decide(self, rows: np.ndarray) -> np.ndarray:
        if self.svc_.kernel == "rbf":
            return self.svc_.decision_function(rows)
        # libsvm wants a column for every training row and looks at those of the support vectors alone.
        kernel = np.zeros((len(rows), self.svc_.shape_fit_[0]))
        kernel[:, self.svc_.support_] = self._kernel(euclidean_distances(rows, self.support_vectors_, squared=True))
        return self.svc_.decision_function(kernel)

    def _kernel(self, squared: np.ndarray) -> np.ndarray:
        kernel = squared * -self.gamma
        return np.exp(kernel, out=kernel)
