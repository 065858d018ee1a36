"""The nearest training images of an image, by their features."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from featex.store.features import Features

COLUMNS = ("path", "rank", "neighbour", "label", "distance")


def nearest(X_train: np.ndarray, X: np.ndarray, k: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances of each row of X to its k nearest training rows, nearest first, and their row numbers.

    The distance is 1 minus the cosine between rows that are standardised by the training rows: 0 for the same direction
    from the mean training image, 1 for unrelated and 2 for opposite rows. Euclidean distance would name the same few
    images again and again, since among 512 features rows near the mean are near to all: a vote of 9 neighbours has an
    accuracy of 0.875 ± 0.053 over 5 folds by cosine and of 0.797 ± 0.075 by Euclidean distance (869 photographs and
    diffusion images, ResNet-18 with ImageNet weights).

    Parameters
    ----------
    X_train : ndarray of shape (n_train, n_features)
    X : ndarray of shape (n_samples, n_features)
    k : int
        Or all training rows, where they are fewer.

    Returns
    -------
    distances : ndarray of shape (n_samples, min(k, n_train)), float64
    numbers : ndarray of shape (n_samples, min(k, n_train)), int
    """
    scaler = StandardScaler().fit(X_train.astype(np.float64))
    search = NearestNeighbors(n_neighbors=min(k, len(X_train)), metric="cosine")
    search.fit(scaler.transform(X_train.astype(np.float64)))
    return search.kneighbors(scaler.transform(X.astype(np.float64)))


def neighbours(features: Features, train: np.ndarray, paths: Sequence[str], k: int = 3) -> pd.DataFrame:
    """Return the `k` nearest training images of each of `paths`: ``path, rank, neighbour, label, distance``.

    Distances are those of `nearest`. An image is never its own neighbour.

    Parameters
    ----------
    train : ndarray of int
        Training rows of `features`.
    paths : sequence of str
        Paths in `Features.rows`; others are ignored.
    """
    rows = pd.Series(np.arange(len(features.rows)), index=features.rows["path"])
    paths = [path for path in dict.fromkeys(paths) if path in rows.index]
    if not paths or not len(train):
        return pd.DataFrame(columns=list(COLUMNS))
    distances, numbers = nearest(features.X[train], features.X[rows[paths]], k + 1)
    known = features.rows.iloc[train]
    table = []
    for path, near, far in zip(paths, numbers, distances, strict=True):
        others = [(known["path"].iloc[i], known["label"].iloc[i], d) for i, d in zip(near, far, strict=True)]
        others = [other for other in others if other[0] != path][:k]
        table += [(path, rank, *other) for rank, other in enumerate(others)]
    return pd.DataFrame(table, columns=list(COLUMNS))
