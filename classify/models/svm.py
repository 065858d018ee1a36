"""The RBF SVM that shares squared distances, made by one matrix product, on a GPU where there is one."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from classify.models.scaling import BlockScaler
from featex.system.cores import ram_bytes

BLOCK_ROWS = 1000
LANDMARKS = 2000
CUML = "cuml"
# Bytes that a pair of rows takes during a fit: distance and kernel in float64, libsvm's copy in float32.
SHARED_BYTES, OWN_BYTES = 8, 12
MOST_RAM = 0.6  # of the machine's memory
LEAST_PAIRS = 10_000_000  # with fewer, importing torch and going to the GPU cost more than they save
DRIVER = Path("/proc/driver/nvidia/version")  # shows a GPU without importing torch, which takes seconds


@dataclass(frozen=True)
class Distances:
    """Squared Euclidean distances (n_samples, n_train) float64 of standardised rows to the training rows."""

    squared: np.ndarray


def most_rows(ram: float) -> int:
    """Return how many rows an SVM can be fitted on exactly in `ram` bytes of memory: 34,600 in 40 GB."""
    return int(min(MOST_RAM * ram / (SHARED_BYTES + OWN_BYTES), 1e12) ** 0.5)


def at_once(n_rows: int) -> int:
    """Return how many SVMs can be fitted at once on the same distances between `n_rows` rows; at least one."""
    return max(1, int((min(MOST_RAM * ram_bytes(), 1e15) / max(n_rows, 1) ** 2 - SHARED_BYTES) / OWN_BYTES))


def beyond_memory(n_rows: int, n_classes: int) -> tuple[dict, str]:
    """Return the settings of an SVM for so many rows, and a sentence for the user if their kernel exceeds the memory.

    With cuML installed and a GPU, cuML fits SVMs of two classes, since it never holds the whole kernel; otherwise an
    approximation replaces the SVM.

    Parameters
    ----------
    n_rows : int
        Rows that the final SVM is fitted on.
    n_classes : int
    """
    ram = ram_bytes()
    most = most_rows(ram)
    if n_rows <= most:
        return {}, ""
    why = f"the kernel of {n_rows:,} rows does not fit into {ram / 1e9:,.0f} GB of memory, that of {most:,} would"
    if n_classes == 2 and DRIVER.exists() and find_spec(CUML):
        return {"solver": CUML}, f"cuML fits this svm on the GPU, in float32: {why}"
    return {"landmarks": LANDMARKS}, (
        f"this svm is approximate, a Nystroem map of {LANDMARKS:,} landmarks and a logistic regression: {why}"
    )


def prepare(train: np.ndarray, validation: np.ndarray, settings: dict):
    """Return distances that replace the rows in fits and scores of `RBFSVC`, for any C and gamma.

    Parameters
    ----------
    train, validation : ndarray of shape (n_samples, n_features)
        Both sides of a fold. Scaling is learnt from `train` only.
    settings : dict
        The settings that the SVM is built with.

    Returns
    -------
    pair of Distances
        Or `train` and `validation` themselves, if there are too many rows for distances.
    """
    if settings.get("landmarks") or settings.get("solver"):
        return train, validation
    scaler = BlockScaler(settings.get("blocks")).fit(train.astype(np.float64))
    rows, others = scaler.transform(train.astype(np.float64)), scaler.transform(validation.astype(np.float64))
    return Distances(squared_distances(rows, rows)), Distances(squared_distances(others, rows))


def squared_distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return squared Euclidean distances (len(rows), len(others)) between rows of float64, 0 or more."""
    if len(rows) * len(others) >= LEAST_PAIRS and DRIVER.exists():
        import torch

        if torch.cuda.is_available():
            return on_device(rows, others, "cuda")
    return euclidean_distances(rows, others, squared=True)


def on_device(rows: np.ndarray, others: np.ndarray, device: str) -> np.ndarray:
    """Return `squared_distances` as torch computes them on a device; off by rounding from those of the CPU."""
    import torch

    a, b = (torch.from_numpy(side).to(device) for side in (rows, others))
    squared = torch.addmm((a * a).sum(1)[:, None] + (b * b).sum(1), a, b.T, alpha=-2).clamp_(min=0)
    if rows is others:
        squared.fill_diagonal_(0)
    return squared.cpu().numpy()


class RBFSVC(ClassifierMixin, BaseEstimator):
    """``make_pipeline(StandardScaler(), SVC(kernel="rbf"))``, tuned many times as fast (benchmarks/tuning.py).

    libsvm computes each kernel row as d-dimensional dot products, again for every C, gamma and fold. Here one matrix
    product serves all C and gamma of a fold (see `prepare`), and prediction is a matrix product too. The solution
    is the same.

    Parameters
    ----------
    C : float
        Inverse of the regularisation strength, > 0.
    gamma : float
        Width of the kernel exp(-gamma d^2), > 0; d is measured between standardised rows.
    class_weight : None, "balanced" or dict
    blocks : sequence of int, optional
        As `classify.models.scaling.BlockScaler` takes them.
    landmarks : int, optional
        For more rows than memory can hold a kernel of: a `Nystroem` map of so many landmarks with a logistic regression
        on it, an approximation.
    solver : {None, "cuml"}
        For more rows than memory can hold a kernel of: "cuml" fits an SVM of two classes by cuML on a GPU, in float32.
        Predictions need neither cuML nor a GPU.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    svc_ : SVC
        The fitted SVM; an approximation has `map_` and `linear_` instead, one by cuML `weights_` (n_support,) and
        `intercept_`.
    """

    def __init__(
        self, C: float = 1.0, gamma: float = 0.002, class_weight=None, blocks=None, landmarks=None, solver=None
    ):
        self.C = C
        self.gamma = gamma
        self.class_weight = class_weight
        self.blocks = blocks
        self.landmarks = landmarks
        self.solver = solver

    def fit(self, X, y, sample_weight=None) -> "RBFSVC":
        """Fit on rows (n_samples, n_features), or on the `Distances` of `prepare`; weights multiply C."""
        if self.landmarks:
            return self._fit_approximation(np.asarray(X, dtype=np.float32), y, sample_weight)
        if self.solver:
            return self._fit_by_cuml(np.asarray(X, dtype=np.float32), y, sample_weight)
        if isinstance(X, Distances):
            squared = X.squared
        else:
            X = np.asarray(X, dtype=np.float64)
            self.scaler_ = BlockScaler(self.blocks).fit(X)
            rows = self.scaler_.transform(X)
            squared = squared_distances(rows, rows)
        # libsvm caches kernel rows as float32: if they do not all fit, it computes them again and again.
        cache_size = 200 + 4 * len(squared) ** 2 / 2**20
        self.svc_ = SVC(kernel="precomputed", C=self.C, class_weight=self.class_weight, cache_size=cache_size)
        self.svc_.fit(self._kernel(squared), y, sample_weight)
        self.classes_ = self.svc_.classes_
        if not isinstance(X, Distances):  # a fit on distances serves one fold only
            self.support_vectors_ = rows[self.svc_.support_]
        return self

    def _fit_approximation(self, X: np.ndarray, y, sample_weight) -> "RBFSVC":
        self.scaler_ = BlockScaler(self.blocks).fit(X)
        rows = self.scaler_.transform(X)
        landmarks = min(self.landmarks, len(rows))
        self.map_ = Nystroem(gamma=self.gamma, n_components=landmarks, random_state=0).fit(rows)
        self.linear_ = LogisticRegression(C=self.C, class_weight=self.class_weight, max_iter=1000)
        self.linear_.fit(self.map_.transform(rows), y, sample_weight)
        self.classes_ = self.linear_.classes_
        return self

    def _fit_by_cuml(self, X: np.ndarray, y, sample_weight) -> "RBFSVC":
        import cuml.svm

        self.scaler_ = BlockScaler(self.blocks).fit(X)
        rows = self.scaler_.transform(X)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        weights = compute_sample_weight(self.class_weight, y) * (1.0 if sample_weight is None else sample_weight)
        machine = cuml.svm.SVC(kernel="rbf", C=self.C, gamma=self.gamma, output_type="numpy")
        machine.fit(rows, numbers.astype(np.float32), sample_weight=weights.astype(np.float32))
        self.support_vectors_ = rows[np.asarray(machine.support_)]
        self.weights_ = np.asarray(machine.dual_coef_, dtype=np.float64).ravel()
        self.intercept_ = float(np.ravel(machine.intercept_)[0])
        return self

    def two_classes(self) -> tuple[np.ndarray, float]:
        """Return the weight of each support vector, and the intercept, of an SVM of two classes."""
        return (self.weights_, self.intercept_) if self.solver else (self.svc_.dual_coef_[0], self.svc_.intercept_[0])

    def decision_function(self, X) -> np.ndarray:
        """Return scores as `SVC.decision_function` does: (n_samples,) for two classes, else (n_samples, n_classes)."""
        check_is_fitted(self)
        if isinstance(X, Distances):
            return self.svc_.decision_function(self._kernel(X.squared))
        rows = self.scaler_.transform(np.asarray(X, dtype=np.float32 if self.landmarks or self.solver else np.float64))
        blocks = np.array_split(rows, max(1, -(-len(rows) // BLOCK_ROWS)))
        return np.concatenate([self._decide(block) for block in blocks])

    def predict(self, X) -> np.ndarray:
        """Return the class of each row, by the decision function."""
        scores = self.decision_function(X)
        return self.classes_[scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)]

    def _decide(self, rows: np.ndarray) -> np.ndarray:
        if self.landmarks:
            return self.linear_.decision_function(self.map_.transform(rows))
        if self.solver:
            return self._kernel(squared_distances(rows, self.support_vectors_)) @ self.weights_ + self.intercept_
        # libsvm takes a column for every training row and reads those of the support vectors only.
        kernel = np.zeros((len(rows), self.svc_.shape_fit_[0]))
        kernel[:, self.svc_.support_] = self._kernel(squared_distances(rows, self.support_vectors_))
        return self.svc_.decision_function(kernel)

    def _kernel(self, squared: np.ndarray) -> np.ndarray:
        kernel = squared * -self.gamma
        return np.exp(kernel, out=kernel)
