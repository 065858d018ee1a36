"""Unlike what a model was trained on: how far an image's features lie from all training images'."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from classify.intervals import wilson
from classify.predictions import set_title
from classify.words import percent

LEVEL = 0.01
"""Of new images like the training images, at most about this share is called unlike them."""

N_NEIGHBOURS = 5
N_COMPONENTS = 64
MOST_ROWS = 20_000
"""Training images that are kept to compare with; of more, a random choice."""


@dataclass(frozen=True, eq=False)
class Novelty:
    """What tells whether an image is unlike all training images; see `fit_novelty`.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_features,)
        Of the training features.
    components : ndarray of shape (n_components, n_features)
        Principal components of the standardised features.
    rows : ndarray of shape (n_rows, n_components)
        The training images on them.
    distances : ndarray of shape (n_rows,)
        How far each of them lies from those of other groups, sorted.
    """

    mean: np.ndarray
    scale: np.ndarray
    components: np.ndarray
    rows: np.ndarray
    distances: np.ndarray

    def p_values(self, X: np.ndarray) -> np.ndarray:
        """Return for each image the share of training images that lie as far from the others, (n_samples,).

        Small where an image is unlike: a conformal p value (Bates et al. 2023, doi:10.1214/22-AOS2244).

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
        """
        points = _projected(np.asarray(X, dtype=np.float64), self.mean, self.scale, self.components)
        k = min(N_NEIGHBOURS, len(self.rows))
        far = NearestNeighbors(n_neighbors=k).fit(self.rows).kneighbors(points)[0].mean(axis=1)
        n = len(self.distances)
        return (1 + n - np.searchsorted(self.distances, far, side="left")) / (n + 1)

    def unlike(self, X: np.ndarray) -> np.ndarray:
        """Return which images are unlike all training images, (n_samples,) of bool."""
        return self.p_values(X) <= LEVEL

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all of it as arrays by name."""
        return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in vars(self).items()}


def fit_novelty(X: np.ndarray, units: np.ndarray, seed: int = 0) -> Novelty | None:
    """Return what tells whether an image is unlike the training images X; None where these are too few to say.

    The distance of an image is the mean distance to its nearest training images, on principal components of the
    standardised features; that of a training image itself leaves its own group out. An image is unlike where hardly
    any training image lies as far from the others, so that the share of false alarms among new images of the same
    kind is known (`LEVEL`). 99 images are the fewest by which that can be told.

    Parameters
    ----------
    X : ndarray of shape (n_train, n_features)
    units : ndarray of shape (n_train,)
        Rows with the same number belong together.
    seed : int
        Of the choice of rows, where there are more than `MOST_ROWS`.
    """
    X = np.asarray(X, dtype=np.float64)
    if len(X) > MOST_ROWS:
        chosen = np.random.default_rng(seed).choice(len(X), MOST_ROWS, replace=False)
        X, units = X[chosen], units[chosen]
    if len(np.unique(units)) < round(1 / LEVEL) - 1:
        return None
    scaler = StandardScaler().fit(X)
    rows = scaler.transform(X)
    components = PCA(min(N_COMPONENTS, *rows.shape), random_state=seed).fit(rows).components_
    points = rows @ components.T
    largest = np.unique(units, return_counts=True)[1].max()
    k = min(N_NEIGHBOURS + largest, len(points))
    near, at = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(points)
    near = np.where(units[at] == units[:, None], np.inf, near)
    nearest = np.sort(near, axis=1)[:, :N_NEIGHBOURS]
    far = np.mean(nearest, axis=1)
    return Novelty(scaler.mean_, scaler.scale_, components, points, np.sort(far[np.isfinite(far)]))


def _projected(X: np.ndarray, mean: np.ndarray, scale: np.ndarray, components: np.ndarray) -> np.ndarray:
    return ((X - mean) / scale) @ components.T


def novelty_counts(unlike: np.ndarray, wrong: np.ndarray) -> dict[str, int]:
    """Return how many images of a set are unlike, and how many of these and of the others are decided wrongly.

    Parameters
    ----------
    unlike, wrong : ndarray of shape (n_samples,), bool
    """
    return {
        "n": len(unlike),
        "unlike": int(unlike.sum()),
        "wrong unlike": int((unlike & wrong).sum()),
        "wrong others": int((~unlike & wrong).sum()),
    }


def novelty_sentences(model: str, counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return a sentence on each set (name: `novelty_counts`) of which more images are unlike than chance makes."""
    said = []
    for name, told in counts.items():
        low, high = wilson(told["unlike"], told["n"])
        if low <= LEVEL:
            continue
        others = told["n"] - told["unlike"]
        errors = f"{model} errs in {told['wrong unlike']:,} of these {told['unlike']:,}"
        errors += f" and in {told['wrong others']:,} of the other {others:,}" if others else ""
        said.append(
            f"{percent(told['unlike'] / told['n'])} ({100 * low:.1f}–{100 * high:.1f}) of {set_title(name)} images are "
            f"unlike all that {model} was trained on, where chance makes {percent(LEVEL)}; {errors}."
        )
    return said
