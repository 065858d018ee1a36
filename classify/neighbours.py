"""The training images that are most like others, as their features have it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from featex.features import Features


def neighbours(features: Features, train: np.ndarray, paths: Sequence[str], k: int = 3) -> pd.DataFrame:
    """Return the `k` nearest training images of each of `paths`: ``path, rank, neighbour, label, distance``.

    Distances are Euclidean between features that are standardised by the training images, as the RBF SVM sees them.
    An image is never its own neighbour.

    Parameters
    ----------
    train : ndarray of int
        Rows of `features` that were trained on.
    paths : sequence of str
        As `Features.rows` names images; others are left out.
    """
    rows = pd.Series(np.arange(len(features.rows)), index=features.rows["path"])
    asked = [path for path in dict.fromkeys(paths) if path in rows.index]
    columns = ["path", "rank", "neighbour", "label", "distance"]
    if not asked or not len(train):
        return pd.DataFrame(columns=columns)
    scaler = StandardScaler().fit(features.X[train])
    index = NearestNeighbors(n_neighbors=min(k + 1, len(train))).fit(scaler.transform(features.X[train]))
    distances, found = index.kneighbors(scaler.transform(features.X[rows[asked]]))
    known = features.rows.iloc[train]
    table = []
    for path, near, far in zip(asked, found, distances, strict=True):
        others = [(known["path"].iloc[i], known["label"].iloc[i], d) for i, d in zip(near, far, strict=True)]
        others = [other for other in others if other[0] != path][:k]
        table += [(path, rank, *other) for rank, other in enumerate(others)]
    return pd.DataFrame(table, columns=columns)
