"""The score by which a classical model decides between two classes, as a function of features, and its gradient."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from classify.errors import ModelError
from classify.models.svm import RBFSVC

N_NODES = 64
"""Points of the quadrature along a path. With these, `mean_gradient` adds up to the score within 1e-9 at the widest and
the narrowest kernel that the search for an SVM may choose (512 features, paths of 4 standard deviations)."""


@dataclass(frozen=True, eq=False)
class Linear:
    """``X @ weights + intercept``: above 0 for the first of two classes.

    Parameters
    ----------
    weights : ndarray of shape (n_features,)
    intercept : float
    reference : ndarray of shape (n_features,)
        The mean of the training rows.
    """

    weights: np.ndarray
    intercept: float
    reference: np.ndarray

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return the score of each row (n_samples,)."""
        return np.asarray(X, dtype=np.float64) @ self.weights + self.intercept

    def gradient(self, X: np.ndarray) -> np.ndarray:
        """Return the gradient at each row (n_samples, n_features)."""
        return np.tile(self.weights, (len(X), 1))


@dataclass(frozen=True, eq=False)
class Kernel:
    """``sum_i weights_i exp(-gamma |z - vectors_i|^2) + intercept`` for standardised rows z.

    Parameters
    ----------
    vectors : ndarray of shape (n_vectors, n_features)
        Support vectors, standardised.
    weights : ndarray of shape (n_vectors,)
    intercept, gamma : float
    reference, scale : ndarray of shape (n_features,)
        Mean and standard deviation of the training rows.
    """

    vectors: np.ndarray
    weights: np.ndarray
    intercept: float
    gamma: float
    reference: np.ndarray
    scale: np.ndarray

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return the score of each row (n_samples,)."""
        return self._kernel(self._standardised(X)) @ self.weights + self.intercept

    def gradient(self, X: np.ndarray) -> np.ndarray:
        """Return the gradient at each row (n_samples, n_features)."""
        Z = self._standardised(X)
        pull = self._kernel(Z) * self.weights
        return 2 * self.gamma * (pull @ self.vectors - pull.sum(axis=1, keepdims=True) * Z) / self.scale

    def _standardised(self, X: np.ndarray) -> np.ndarray:
        return (np.asarray(X, dtype=np.float64) - self.reference) / self.scale

    def _kernel(self, Z: np.ndarray) -> np.ndarray:
        squared = (Z**2).sum(axis=1)[:, None] + (self.vectors**2).sum(axis=1) - 2 * Z @ self.vectors.T
        return np.exp(-self.gamma * np.maximum(squared, 0))


@dataclass(frozen=True, eq=False)
class Votes:
    """The mean over a forest's trees of the share of one class in the leaf, less that of another class."""

    estimator: object
    towards: int
    against: int

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return the score of each row (n_samples,), in -1..1."""
        shares = self.estimator.predict_proba(X)
        return shares[:, self.towards] - shares[:, self.against]


def _svm(estimator: RBFSVC, towards: int, against: int) -> Kernel:
    if estimator.landmarks:
        raise ModelError("this SVM is an approximation by landmarks, which cannot be explained")
    vectors, n_classes = estimator.support_vectors_, len(estimator.classes_)
    if n_classes == 2:  # scikit-learn turns the signs of an SVM of two classes: above 0 is the second class
        (weights, intercept), sign = estimator.two_classes(), 1 if towards == 1 else -1
    else:
        svc = estimator.svc_
        first, second = sorted((towards, against))
        ends = np.cumsum(svc.n_support_)
        blocks = [slice(end - n, end) for end, n in zip(ends, svc.n_support_, strict=True)]
        weights = np.zeros(len(vectors))
        # libsvm's layout: a vector has a row for each other class; the rows of later classes move up by one.
        weights[blocks[first]] = svc.dual_coef_[second - 1, blocks[first]]
        weights[blocks[second]] = svc.dual_coef_[first, blocks[second]]
        pair = first * n_classes - first * (first + 1) // 2 + second - first - 1
        intercept, sign = svc.intercept_[pair], 1 if towards == first else -1
    scaler = estimator.scaler_.scaler_  # of a single block, which is only standardised
    return Kernel(vectors, sign * weights, sign * float(intercept), estimator.gamma, scaler.mean_, scaler.scale_)


def _logreg(estimator, towards: int, against: int) -> Linear:
    scaler, regression = estimator[0], estimator[-1]
    if len(regression.classes_) == 2:
        sign = 1 if towards == 1 else -1
        weights, intercept = sign * regression.coef_[0], sign * regression.intercept_[0]
    else:
        weights = regression.coef_[towards] - regression.coef_[against]
        intercept = regression.intercept_[towards] - regression.intercept_[against]
    weights = weights / scaler.scale_
    return Linear(weights, float(intercept - weights @ scaler.mean_), scaler.mean_)


SCORES_OF: dict[str, Callable] = {"svm": _svm, "logreg": _logreg, "forest": Votes}
"""For each model in `classify.models.registry.MODELS` on features: ``(estimator, towards, against)`` to its score."""

Score = Linear | Kernel | Votes


def decision(model: str, estimator, towards: int, against: int) -> Score:
    """Return the score by which `model` decides between two classes: above 0 for `towards`, below for `against`.

    For two classes this is the decision function. For more it is that of the pair: the one-against-one SVM of the two,
    or the log-odds of a logistic regression. For a forest it is the difference of its votes.

    Parameters
    ----------
    model : str
        A name in `classify.models.registry.MODELS` of a model on features.
    estimator : fitted classifier
    towards, against : int
        Columns of the two classes.

    Returns
    -------
    Linear, Kernel or Votes
        A function of rows (n_samples, n_features) that returns their scores (n_samples,). The first two have a
        `gradient`, and the `reference` at which their maps start: the mean of the training rows.

    Raises
    ------
    ModelError
        If the model is not in `SCORES_OF`.
    """
    if model not in SCORES_OF:
        raise ModelError(f"{model} cannot be explained by its features; models that can: {', '.join(SCORES_OF)}")
    return SCORES_OF[model](estimator, towards, against)


def mean_gradient(score: Linear | Kernel, X: np.ndarray) -> np.ndarray:
    """Return the mean gradient along the straight path from the mean of the training rows to each row.

    Multiplied by the path, it adds up to the difference of the scores at both ends: integrated gradients, Sundararajan,
    Taly & Yan 2017, arXiv 1703.01365. The integral is by Gauss and Legendre's rule.

    Parameters
    ----------
    score : Linear or Kernel
    X : ndarray of shape (n_samples, n_features)

    Returns
    -------
    ndarray of shape (n_samples, n_features)
    """
    if isinstance(score, Linear):
        return score.gradient(X)
    nodes, weights = np.polynomial.legendre.leggauss(N_NODES)
    path = np.asarray(X, dtype=np.float64) - score.reference
    steps = ((1 + node) / 2 for node in nodes)
    return sum(w / 2 * score.gradient(score.reference + t * path) for t, w in zip(steps, weights, strict=True))


def class_maps(score: Linear | Kernel, maps: np.ndarray) -> np.ndarray:
    """Return what each position of the last maps adds to the score, (n_samples, height, width).

    Each position is weighted by the mean gradient on the way from the mean of the training rows. Features are means
    over positions, so a map sums to the score less the score of that mean. What moved the last maps may lie beyond a
    position, since a network sees far around it.

    The gradient at the image itself (for a linear model the class activation map of Zhou et al. 2016, arXiv 1512.04150)
    has no such sum for a kernel, and says less: on 16 test images of two sources, an SVM's rank correlation with
    occlusion was 0.27 ± 0.39 by the path and 0.08 ± 0.45 by the gradient (mean and standard deviation; ResNet-18). Far
    from all training images, as new ones are, an RBF kernel is flat.

    Parameters
    ----------
    score : Linear or Kernel
    maps : ndarray of shape (n_samples, n_features, height, width)
        As `classify.explain.cams.pooled_maps` gives them.
    """
    maps = np.asarray(maps, dtype=np.float64)
    gradient, n_positions = mean_gradient(score, maps.mean(axis=(2, 3))), maps.shape[2] * maps.shape[3]
    return np.einsum("nc,nchw->nhw", gradient, maps - score.reference[:, None, None]) / n_positions
