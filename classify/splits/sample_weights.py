"""Weights of training images, by source or by content, and their varied copies."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from classify.errors import DataError

CONTENT_C = 1.5  # over the number of columns: so weak that probabilities are not all 0 and 1
MISLEADING = 1 / 3  # of each class
LEAST_WEIGHT = 0.02  # of an image whose content gives its class away, before weights are scaled to a mean of 1


def by_source(y: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Return weights (n_samples,) that sum to the same for each source of a class."""
    names = np.char.add(np.char.add(y.astype(str), "\n"), sources.astype(str))
    _, codes, counts = np.unique(names, return_inverse=True, return_counts=True)
    return 1 / counts[codes]


def by_content(y: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Return overlap weights (n_samples,): the probability of the other classes, by a model of the content alone.

    With these weights (Li, Morgan & Zaslavsky 2018, doi:10.1080/01621459.2016.1260466) content hardly predicts the
    class, so that a model must learn something else.
    """
    return np.maximum(_unexpected(y, content), LEAST_WEIGHT)


def misleading(y: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Return which images (n_samples,) have content that is least like that of their class: a third of each class.

    A model that goes by content ranks them badly, as it ranks images of other sources, whose classes differ in other
    content or in none.
    """
    unexpected, chosen = _unexpected(y, content), np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        chosen[rows[np.argsort(-unexpected[rows], kind="stable")[: max(1, round(MISLEADING * len(rows)))]]] = True
    return chosen


def _unexpected(y: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Return 1 less the out-of-fold probability of each image's class, by a logistic regression on content."""
    n_folds = min(5, np.unique(y, return_counts=True)[1].min())
    if n_folds < 2:
        raise DataError("a class has one training image, so images cannot be weighed by content; add images")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=CONTENT_C / content.shape[1], max_iter=2000))
    codes = np.unique(y, return_inverse=True)[1]
    expected = cross_val_predict(model, content.astype(np.float64), codes, cv=n_folds, method="predict_proba")
    return 1 - expected[np.arange(len(y)), codes]


def weighted(estimator, weights: np.ndarray | None) -> dict:
    """Return the keyword argument of ``estimator.fit`` that weighs its rows, {} for None."""
    if weights is None:
        return {}
    name = "sample_weight"
    return {f"{estimator.steps[-1][0]}__{name}" if isinstance(estimator, Pipeline) else name: weights}


def with_copies(X: np.ndarray, copies: np.ndarray | None) -> np.ndarray:
    """Return rows (n, d), and after them their copies (n, n_copies, d), copy by copy: (n * (1 + n_copies), d)."""
    if copies is None:
        return X
    return np.concatenate([X, *np.moveaxis(copies, 1, 0)])
