"""A classifier that scores each tile of an image; the image's score is the mean or the maximum over its tiles."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from classify.errors import SettingError
from classify.splits.sample_weights import weighted
from classify.stats.calibration import class_scores


class Tilewise(ClassifierMixin, BaseEstimator):
    """A classifier that is fitted on tiles, each with its image's label; the scores of an image's tiles become one.

    If only a part of an image is generated, one tile shows it, which the mean over all tiles would hide.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Of tiles, unfitted.
    tiles : int
        How many tiles the columns of an image are made of.
    tile_score : {"mean", "max"}
        The mean over tiles, or the maximum: the score of the tile that looks most like the positive class.
    positive : label, optional
        That class; the second of `classes_` if it is not given.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    """

    def __init__(self, estimator, tiles: int, tile_score: str = "mean", positive=None):
        self.estimator = estimator
        self.tiles = tiles
        self.tile_score = tile_score
        self.positive = positive

    def fit(self, X, y, sample_weight=None) -> "Tilewise":
        """Fit on images (n_samples, tiles * n_features); an image's weight is that of each of its tiles."""
        weights = None if sample_weight is None else np.repeat(sample_weight, self.tiles)
        self.estimator.fit(self._tiles(X), np.repeat(y, self.tiles), **weighted(self.estimator, weights))
        self.classes_ = self.estimator.classes_
        return self

    def decision_function(self, X) -> np.ndarray:
        """Return scores as a scikit-learn classifier does: (n_samples,) for two classes, else (n_samples, n_classes).

        Raises
        ------
        ModelError
            If the maximum is asked for and there are more than two classes.
        """
        scores = class_scores(self.estimator, self._tiles(X)).reshape(len(X), self.tiles, -1)
        if self.tile_score == "mean":
            pooled = scores.mean(axis=1)
            return pooled[:, 1] - pooled[:, 0] if len(self.classes_) == 2 else pooled
        if len(self.classes_) != 2:
            raise SettingError(f"--tile-score max needs two classes, and there are {len(self.classes_)}; take mean")
        margins = scores[:, :, 1] - scores[:, :, 0]
        of_second = self.positive is None or self.positive == self.classes_[1]
        return margins.max(axis=1) if of_second else margins.min(axis=1)

    def predict(self, X) -> np.ndarray:
        """Return the class of each image, by the decision function."""
        scores = self.decision_function(X)
        return self.classes_[scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)]

    def _tiles(self, X) -> np.ndarray:
        return np.asarray(X).reshape(len(X) * self.tiles, -1)
