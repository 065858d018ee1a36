"""Unlike what a model was trained on: how far an image's features lie from all training images'."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import betabinom
from sklearn.metrics import pairwise_distances_chunked

from classify.errors import DataError
from classify.stats.effective import kish

LEVEL = 0.01
"""Of new images like the training images, at most about this share is called unlike them."""

N_NEIGHBOURS = 5
MOST_ROWS, MOST_VALUES = 20_000, 16_000_000
"""Training images, and numbers of theirs, that are kept to compare with; of more, a random choice."""
MEGABYTES = 128  # of distances at a time


@dataclass(frozen=True, eq=False)
class Novelty:
    """What tells whether an image is unlike all training images; see `fit_novelty`.

    Parameters
    ----------
    widths : ndarray of shape (n_blocks,), int32
        Columns of each block of the features.
    lengths : ndarray of shape (n_blocks,), float32
        What each block of an image is scaled to.
    rows : ndarray of shape (n_rows, n_features), float32
        Training images, scaled so.
    distances : ndarray of shape (n_rows,), float32
        How far each of them lies from those of other units, sorted.
    sizes : ndarray of shape (n_rows,), int32
        How many of `rows` are of its unit, in the order of `distances`.
    """

    widths: np.ndarray
    lengths: np.ndarray
    rows: np.ndarray
    distances: np.ndarray
    sizes: np.ndarray

    def p_values(self, X: np.ndarray) -> np.ndarray:
        """Return for each image the share of training images that lie as far from the others, (n_samples,).

        Small where an image is unlike: a conformal p value (Bates et al. 2023, doi:10.1214/22-AOS2244), in which every
        unit weighs the same whatever its number of images (Lee, Barber & Willett 2023, arXiv 2306.06342).

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
        """Return how probable so many unlike images are, or more, in a set like the training images.

        The share of such images that these training images make unlike is itself drawn, from a beta distribution, and
        so their number is beta-binomial (Bates et al. 2023, section 2.2). Images of one unit are counted as one.

        Parameters
        ----------
        unlike : ndarray of shape (n_samples,), bool
            As `unlike` returns it.
        units : ndarray of shape (n_samples,), int
            Images with the same number depend on each other.
        """
        n_trained = int((1 / self.sizes.astype(np.float64)).sum().round())
        ranks = int(LEVEL * (n_trained + 1) + 1e-9)
        worth = int(kish(np.unique(units, return_counts=True)[1]) + 1e-9)
        return float(betabinom.sf(np.floor(unlike.mean() * worth + 1e-9) - 1, worth, ranks, n_trained + 1 - ranks))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all of it as arrays by name."""
        return {name: np.ascontiguousarray(value) for name, value in vars(self).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Novelty":
        """Return what `arrays` gave.

        Raises
        ------
        DataError
            If it is not what `arrays` gives.
        """
        if set(arrays) != set(cls.__dataclass_fields__):
            raise DataError(f"novelty is known by {', '.join(cls.__dataclass_fields__)}, not {', '.join(arrays)}")
        found = cls(**arrays)
        n_rows, n_features = found.rows.shape if found.rows.ndim == 2 else (0, 0)
        shapes = (found.lengths.shape, found.distances.shape, found.sizes.shape, int(found.widths.sum()))
        if n_rows < N_NEIGHBOURS or shapes != (found.widths.shape, (n_rows,), (n_rows,), n_features):
            raise DataError("the arrays of novelty do not fit together")
        positive = (found.lengths > 0).all() and (found.sizes > 0).all()
        if not (positive and np.isfinite(found.rows).all() and (np.diff(found.distances) >= 0).all()):
            raise DataError("the arrays of novelty hold what cannot be")
        return found


def fit_novelty(
    X: np.ndarray, units: np.ndarray, seed: int = 0, *, blocks: Sequence[int] | None = None
) -> Novelty | None:
    """Return what tells whether an image is unlike the training images X; None where these are too few to say.

    The distance of an image is the mean Euclidean distance to its five nearest training images, once its features have
    been scaled to unit length; that of a training image itself leaves its own unit out. An image is unlike where hardly
    any training image lies as far from the others. So at most a share `LEVEL` of new images like these is called
    unlike, on average over training sets and for an image of a new unit: training images have a unit fewer to be near
    to, which errs on the careful side, and nothing else is learnt from them (of several blocks one number each, so that
    all vary as much). 99 units are the fewest by which 1 % can be told.

    What that finds was measured on 869 photographs and diffusion images (ResNet-18, ImageNet weights, its 512 features;
    40 images a kind): 95 to 100 % of flat colours, noise, text, charts, checkered squares, and images blurred beyond
    recognition; 2 of 6 screenshots, 8 of 40 less blurred, and no negative, strong JPEG or image upside down, nor any of
    100 by other generators and cameras, which show the same things. Of 200 held-out images 1 was called unlike, and 12
    at a level of 5 %. Unit length is what finds them (Sun et al. 2022, arXiv 2204.06507): standardised columns, or 64
    principal components of them, find 0 %, since features of what a network recognises nothing in are small, and near
    the mean of all. To standardise as well finds no more, and breaks the promise where images are few: of 100 with 300
    columns of noise 4.0 % are called unlike in place of 1 %, and 0.8 % without.

    The rule of `abstention` is proven on images of which none was passed over for being unlike. Of images like
    these at most 1 % are; where the rule answers a share a of them, at most ``a / (a - 0.01)`` times its bound is
    wrong (1.04 times at a quarter, the least it begins with), and less where unlike images are wrong more often.

    Parameters
    ----------
    X : ndarray of shape (n_train, n_features)
    units : ndarray of shape (n_train,)
        Rows with the same number belong together.
    seed : int
        Of the choice of rows, where there are more than `MOST_ROWS`.
    blocks : sequence of int, optional
        Columns of each block, each of which is scaled by itself; None for one.
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
    """Return the length for each block at which its variance over all columns is 1, (n_blocks,) float32."""
    blocks = _blocks(_scaled(X, widths, np.ones(len(widths))), widths)
    spread = np.sqrt([block.var(axis=0).sum() for block in blocks])
    return (1 / np.where(spread > 1e-6, spread, 1)).astype(np.float32)  # a block that never varies has none


def _scaled(X: np.ndarray, widths: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return X (n_samples, n_features) as float32 with each block of each row at its length; zeros stay zeros."""
    parts = []
    for block, length in zip(_blocks(np.asarray(X, dtype=np.float64), widths), lengths, strict=True):
        own = np.linalg.norm(block, axis=1, keepdims=True)
        parts.append(block * length / np.where(own > 0, own, 1))
    return np.hstack(parts).astype(np.float32)


def _blocks(X: np.ndarray, widths: np.ndarray) -> list[np.ndarray]:
    return np.split(X, np.cumsum(widths)[:-1], axis=1)


def _far(points: np.ndarray, rows: np.ndarray, units: np.ndarray | None = None) -> np.ndarray:
    """Return the mean distance of each point to its nearest rows, (n_points,) float32.

    Where `units` are given, points are rows, and none of a point's own unit counts.
    """

    def nearest(distances: np.ndarray, start: int) -> np.ndarray:
        if units is not None:
            distances[units[start : start + len(distances), None] == units] = np.inf
        return np.partition(distances, N_NEIGHBOURS - 1, axis=1)[:, :N_NEIGHBOURS].mean(axis=1)

    parts = pairwise_distances_chunked(points, rows, reduce_func=nearest, working_memory=MEGABYTES)
    return np.concatenate(list(parts)).astype(np.float32)


def _spread(units: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return the numbers of at most `most` rows, in order: of every unit one, then of every unit a second, ..."""
    if len(units) <= most:
        return np.arange(len(units))
    order = np.random.default_rng(seed).permutation(len(units))
    turn = pd.Series(order).groupby(np.asarray(units)[order]).cumcount().to_numpy()
    return np.sort(order[np.argsort(turn, kind="stable")[:most]])


def novelty_counts(novelty: Novelty, X: np.ndarray, wrong: np.ndarray, units: np.ndarray) -> dict[str, float]:
    """Return how many images of a set are unlike, and how many of these and of the others are decided wrongly.

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
