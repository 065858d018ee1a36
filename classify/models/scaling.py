"""Scaling of features that consist of several blocks of columns, so that no block counts more because it is wider."""

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import StandardScaler


class BlockScaler(TransformerMixin, BaseEstimator):
    """Standardise every column, then give every block of columns the same total variance.

    The sum of all variances stays the number of columns, so that a kernel width and a regularisation strength keep the
    meaning they have for a single block. With one block this is a `StandardScaler`.

    Parameters
    ----------
    blocks : sequence of int, optional
        Number of columns of each block, in order; None for one block.

    Attributes
    ----------
    scaler_ : StandardScaler
    """

    def __init__(self, blocks: Sequence[int] | None = None):
        self.blocks = blocks

    def fit(self, X, y=None) -> "BlockScaler":
        """Learn mean and standard deviation of each column."""
        self.scaler_ = StandardScaler().fit(X)
        return self

    def transform(self, X) -> np.ndarray:
        """Return X scaled, (n_samples, n_features)."""
        rows = self.scaler_.transform(X)
        if self.blocks is None or len(self.blocks) == 1:
            return rows
        widths = np.asarray(self.blocks)
        return rows * np.repeat(np.sqrt(widths.sum() / (len(widths) * widths)), widths).astype(rows.dtype)
