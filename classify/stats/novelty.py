"""Novelty: is an image out of distribution? By the distance of its features from those of all training images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import betabinom
from sklearn.metrics import pairwise_distances_chunked

from classify.errors import DataError
from classify.stats.effective import kish

LEVEL = 0.01
"""The share of new images of the training distribution that is called unlike, at most and on average."""

N_NEIGHBOURS = 5
MOST_ROWS, MOST_VALUES = 20_000, 16_000_000
"""The most training images, and the most numbers of theirs, that are kept; of more, a random choice is kept."""
MEGABYTES = 128  # memory for distances


@dataclass(frozen=True, eq=False)
class Novelty:
    """A fitted test of whether an image is unlike all training images; see `fit_novelty`.

    Parameters
    ----------
    widths : ndarray of shape (n_blocks,), int32
        Columns of each block of the features.
    lengths : ndarray of shape (n_blocks,), float32
        Length to which each block of an image is scaled.
    rows : ndarray of shape (n_rows, n_features), float32
        Scaled training images.
    distances : ndarray of shape (n_rows,), float32
        Distance of each of them from those of other units, sorted.
    sizes : ndarray of shape (n_rows,), int32
        How many of `rows` belong to its unit, in the order of `distances`.
    """

    widths: np.ndarray
    lengths: np.ndarray
    rows: np.ndarray
    distances: np.ndarray
    sizes: np.ndarray

    def p_values(self, X: np.ndarray) -> np.ndarray:
        """Return for each image the share of training images that are as far from the others, (n_samples,).

        It is a conformal p-value (Bates et al. 2023, doi:10.1214/22-AOS2244), small where an image is unlike, in which
        every unit weighs the same (Lee, Barber & Willett 2023, arXiv 2306.06342).

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
        """
        if not len(X):
            return np.empty(0)
        far = _far(_scaled(X, self.widths, self.lengths), self.rows)
        shares = 1 / self.sizes.astype(np.float64)
        beyond = np.append(np.cumsum(shares[::-1])[::-1], 0)[np.searchsorted(self.distances, far, side="left")]
        return (1 + beyond.round(9)) / (1 + shares.sum().round())

    def unlike(self, X: np.ndarray) -> np.ndarray:
        """Return which images are unlike all training images, (n_samples,) of bool."""
        return self.p_values(X) <= LEVEL

    def chance(self, unlike: np.ndarray, units: np.ndarray) -> float:
        """Return the p-value of so many unlike images in a set of the training distribution.

        The share of unlike images, given the training images, has a beta distribution, so their number is beta-binomial
        (Bates et al. 2023, section 2.2). Images of one unit count as one.

        Parameters
        ----------
        unlike : ndarray of shape (n_samples,), bool
            As `unlike` returns it.
        units : ndarray of shape (n_samples,), int
            Images with the same number are not independent.
        """
        n_trained = int((1 / self.sizes.astype(np.float64)).sum().round())
        ranks = int(LEVEL * (n_trained + 1) + 1e-9)
        worth = int(kish(np.unique(units, return_counts=True)[1]) + 1e-9)
        return float(betabinom.sf(np.floor(unlike.mean() * worth + 1e-9) - 1, worth, ranks, n_trained + 1 - ranks))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all fields by name."""
        return {name: np.ascontiguousarray(value) for name, value in vars(self).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Novelty":
        """Return the `Novelty` of arrays that its `arrays` returned.

        Raises
        ------
        DataError
            If they are not such arrays.
        """
        if set(arrays) != set(cls.__dataclass_fields__):
            raise DataError(f"novelty needs the arrays {', '.join(cls.__dataclass_fields__)}, not {', '.join(arrays)}")
        novelty = cls(**arrays)
        n_rows, n_features = novelty.rows.shape if novelty.rows.ndim == 2 else (0, 0)
        shapes = (novelty.lengths.shape, novelty.distances.shape, novelty.sizes.shape, int(novelty.widths.sum()))
        if n_rows < N_NEIGHBOURS or shapes != (novelty.widths.shape, (n_rows,), (n_rows,), n_features):
            raise DataError("the shapes of the novelty arrays do not match")
        positive = (novelty.lengths > 0).all() and (novelty.sizes > 0).all()
        if not (positive and np.isfinite(novelty.rows).all() and (np.diff(novelty.distances) >= 0).all()):
            raise DataError("the novelty arrays hold values that are out of range")
        return novelty


def fit_novelty(
    X: np.ndarray, units: np.ndarray, seed: int = 0, *, blocks: Sequence[int] | None = None
) -> Novelty | None:
    """Return the test of whether an image is unlike the training images X; None for fewer than 99 units.

    The distance of an image is the mean Euclidean distance to its five nearest training images, with features scaled to
    unit length (Sun et al. 2022, arXiv 2204.06507). The distance of a training image leaves its own unit out. An image
    is unlike where hardly any training image is as far from the others. At most a share `LEVEL` of new images of the
    training distribution is called unlike, on average over training sets and for an image of a new unit: training
    images have a unit fewer to be near to, which is careful. Nothing else is learnt from them but one scale for each
    block, so that all blocks vary as much.

    Measured on 869 photographs and diffusion images (512 features of ResNet-18, ImageNet weights; 40 images a kind), it
    finds 95 to 100 % of flat colours, noise, text, charts, checkered squares, and images blurred beyond recognition; 2
    of 6 screenshots, 8 of 40 less blurred; no negatives, strong JPEGs, images upside down, and none of 100 by other
    generators and cameras, which show the same things. It called 1 of 200 test images out of distribution, and 12 at a
    level of 5 %. Standardised columns, or 64 principal components of them, find 0 %: where a network recognises nothing
    its features are small, and near the mean of all. To standardise and to scale to unit length finds no more, and
    breaks the promise for few images: with 100 images of 300 columns of noise, 4.0 % were called unlike, against 0.8 %.

    The rule of `classify.stats.abstention` is proven on images that include unlike ones, at most 1 % of them. Where
    it answers a share a of all images, at most ``a / (a - 0.01)`` times its bound of the other answers is wrong (1.04
    times at a quarter, the least share), and less where unlike images are wrong more often.

    Parameters
    ----------
    X : ndarray of shape (n_train, n_features)
    units : ndarray of shape (n_train,)
        Rows with the same number are not independent.
    seed : int
        Of the choice among more than `MOST_ROWS` rows.
    blocks : sequence of int, optional
        Columns of each block, which is scaled by itself; by default there is one block.
    """
    X, units = np.asarray(X), np.asarray(units)
    chosen = _spread(units, min(MOST_ROWS, MOST_VALUES // X.shape[1]), seed)
    _, codes, sizes = np.unique(units[chosen], return_inverse=True, return_counts=True)
    if len(sizes) < round(1 / LEVEL) - 1:
        return None
    widths = np.array([X.shape[1]] if blocks is None else blocks, dtype=np.int32)
    lengths = _lengths(X[chosen], widths)
    rows = _scaled(X[chosen], widths, lengths)
    far = _far(rows, rows, codes)
    order = np.argsort(far, kind="stable")
    return Novelty(widths, lengths, rows, far[order], sizes[codes][order].astype(np.int32))


def _lengths(X: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Return the length of each block that makes its variance, summed over columns, 1: (n_blocks,) float32."""
    blocks = _blocks(_scaled(X, widths, np.ones(len(widths))), widths)
    spread = np.sqrt([block.var(axis=0).sum() for block in blocks])
    return (1 / np.where(spread > 1e-6, spread, 1)).astype(np.float32)  # a block that never varies has none


def _scaled(X: np.ndarray, widths: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return X (n_samples, n_features) as float32 with each block of each row scaled to its length."""
    parts = []
    for block, length in zip(_blocks(np.asarray(X, dtype=np.float64), widths), lengths, strict=True):
        norms = np.linalg.norm(block, axis=1, keepdims=True)
        parts.append(block * length / np.where(norms > 0, norms, 1))
    return np.hstack(parts).astype(np.float32)


def _blocks(X: np.ndarray, widths: np.ndarray) -> list[np.ndarray]:
    return np.split(X, np.cumsum(widths)[:-1], axis=1)


def _far(points: np.ndarray, rows: np.ndarray, units: np.ndarray | None = None) -> np.ndarray:
    """Return the mean distance of each point to its nearest rows, (n_points,) float32.

    With `units` the points are the rows, and the nearest rows of other units count.
    """

    def nearest(distances: np.ndarray, start: int) -> np.ndarray:
        if units is not None:
            distances[units[start : start + len(distances), None] == units] = np.inf
        return np.partition(distances, N_NEIGHBOURS - 1, axis=1)[:, :N_NEIGHBOURS].mean(axis=1)

    parts = pairwise_distances_chunked(points, rows, reduce_func=nearest, working_memory=MEGABYTES)
    return np.concatenate(list(parts)).astype(np.float32)


def _spread(units: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return the numbers of at most `most` rows, in order: one of each unit, then a second of each, and so on."""
    if len(units) <= most:
        return np.arange(len(units))
    order = np.random.default_rng(seed).permutation(len(units))
    turn = pd.Series(order).groupby(np.asarray(units)[order]).cumcount().to_numpy()
    return np.sort(order[np.argsort(turn, kind="stable")[:most]])


def novelty_counts(novelty: Novelty, X: np.ndarray, wrong: np.ndarray, units: np.ndarray) -> dict[str, float]:
    """Return ``n, p, unlike``, and how many of the unlike and of the other images of a set are decided wrongly.

    Parameters
    ----------
    novelty : Novelty
    X : ndarray of shape (n_samples, n_features)
    wrong : ndarray of shape (n_samples,), bool
    units : ndarray of shape (n_samples,), int
        As `Novelty.chance` takes them, whose value is ``p``.
    """
    unlike = novelty.unlike(X)
    return {
        "n": len(unlike),
        "p": novelty.chance(unlike, units) if len(unlike) else 1.0,
        "unlike": int(unlike.sum()),
        "wrong unlike": int((unlike & wrong).sum()),
        "wrong others": int((~unlike & wrong).sum()),
    }
