"""Near-duplicates: images that are re-compressed, resized, mirrored, or slightly brightened or cropped copies.

Each image is described by a thumbnail of 16 x 16 grey levels, from which the smooth light is subtracted. Two images are
near-duplicates if the remainders correlate more than chance allows for pictures of their complexity. Rotated and
strongly cropped copies are not found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from featex.errors import InputError
from featex.system.progress import Progress

SIDE = 16
_LEAST_SAMPLED = 256  # pixels per side; of larger images, every second, third, ... row and column is used

# `benchmarks/near_duplicates.py` on 552 pictures from eight sources, on which these limits were also chosen: it finds
# all copies saved as JPEG of quality 50 to 95, resized by 0.5 or 2, or mirrored; 92 % of those with 2 % of width and
# height cropped away, and 75 % with 4 %. Among 111 million pairs of ninths of 1,654 pictures it reports 37; inspection
# shows that all but 3 (two framed blanks, a sky over a hill) have the same content, or are two halves of a picture. Of
# the correlating pairs that it does not report, the nearest differs by 4.2 grey levels.
MIN_CORRELATION = 0.93
MAX_CHANCE = 1e-6
MAX_LEVELS = 2.0
"""Largest root mean square difference, in grey levels, at which correlating thumbnails of any complexity match."""

MIN_DETAIL = 2.0
"""Least standard deviation, in grey levels, of a thumbnail without its light; below it, rounding and JPEG dominate."""

MAX_PAIRS = 5_000_000
_COARSE = 6  # frequencies in each direction; they rule out most pairs
BLOCK_CELLS = 20_000_000  # pairs compared at a time: 80 MB
CHUNK = 16_384  # pairs examined at a time: 32 MB


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Return the whole image as 16 x 16 grey levels, (16, 16) uint8, whatever its aspect ratio.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        As `featex.images.decode.decode` gives it.
    """
    step = max(1, min(image.shape[:2]) // _LEAST_SAMPLED)
    sampled = Image.fromarray(np.ascontiguousarray(image[::step, ::step]))
    return np.asarray(sampled.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX))


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Duplicates among n images.

    Parameters
    ----------
    pairs : DataFrame
        ``first`` < ``second`` (row numbers), ``kind`` ("exact" for equal content, "near", or "mirrored") and
        ``distance`` (1 minus the correlation of the thumbnails, 0 to 0.07). Among images of equal content, each is
        paired with the first, and only the first with near-duplicates: a thousand copies of one file make a thousand
        pairs, not a million.
    groups : ndarray of shape (n,), int
        Images connected by pairs, directly or through others, have the same number.
    """

    pairs: pd.DataFrame
    groups: np.ndarray


def _mirrored(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(-1, SIDE, SIDE)[:, :, ::-1].reshape(-1, SIDE * SIDE)


@dataclass(frozen=True, eq=False)
class _Details:
    """Descriptions of the n images that have detail; `index` holds their row numbers.

    `pixels` (n, 256) are the thumbnails; `unit` (n, 256) the thumbnails without light, scaled to unit length; `freedom`
    the effective number of independent values of each picture; `coarse` its lowest frequencies, for `_candidates`.
    """

    index: np.ndarray
    pixels: np.ndarray
    unit: np.ndarray
    freedom: np.ndarray
    coarse: np.ndarray

    @property
    def coarse_mirrored(self) -> np.ndarray:
        signs = np.tile([1, -1], _COARSE)[:_COARSE]  # mirroring changes the sign of odd horizontal frequencies
        return self.coarse * np.append(np.tile(signs, _COARSE), [1, 1]).astype(np.float32)


def find_duplicates(
    thumbnails: np.ndarray, contents: Sequence[str], *, mirrored: bool = True, progress: Progress | None = None
) -> Duplicates:
    """Return the pairs of images that are exact or near-duplicates.

    Images with almost no detail (blank, or a gradient) have only exact duplicates.

    Parameters
    ----------
    thumbnails : ndarray of shape (n, 16, 16), uint8
        From `thumbnail`.
    contents : sequence of str, one per image
        Equal for exact copies, such as the sha256 of each file.
    mirrored : bool
        Whether a mirror image counts as a near-duplicate.

    Raises
    ------
    InputError
        If more than `MAX_PAIRS` pairs match, as frames of a film do.
    """
    content, _ = pd.factorize(np.asarray(contents, dtype=object))
    _, firsts = np.unique(content, return_index=True)
    later = np.setdiff1d(np.arange(len(content)), firsts)
    parts = [pd.DataFrame({"first": firsts[content[later]], "second": later, "kind": "exact", "distance": 0.0})]
    n_pairs = 0
    details = described(thumbnails[firsts])
    for first, second, correlation, kind in _alike(details, 0, mirrored, progress or Progress()):
        near = {
            "first": firsts[first],
            "second": firsts[second],
            "kind": kind,
            "distance": (1 - correlation).clip(0).round(4),
        }
        parts.append(pd.DataFrame(near))
        n_pairs += len(first)
        if n_pairs > MAX_PAIRS:
            raise InputError(
                f"more than {MAX_PAIRS:,} pairs of images look alike among {len(content):,}, as frames of a film do; "
                "take fewer of them, such as every tenth"
            )
    pairs = pd.concat(parts).sort_values(["first", "second", "distance"]).drop_duplicates(["first", "second"])
    pairs = pairs.reset_index(drop=True)
    return Duplicates(pairs, joined(len(content), pairs["first"].to_numpy(), pairs["second"].to_numpy()))


def near_groups(
    thumbnails: np.ndarray, groups: np.ndarray | None = None, *, progress: Progress | None = None
) -> np.ndarray:
    """Return a number for each image; near-duplicates, also through others, have the same number.

    Pairs are not stored, so frames of a film need no more memory than other images.

    Parameters
    ----------
    thumbnails : ndarray of shape (n, 16, 16), uint8
        Of images that all differ in content.
    groups : ndarray of int, optional
        The numbers of the first images from an earlier call; these images are not compared with each other again.
    """
    n, n_known = len(thumbnails), 0 if groups is None else len(groups)
    labels = np.arange(n)
    if n_known:
        _, first = np.unique(groups, return_index=True)
        labels[:n_known] = first[np.unique(groups, return_inverse=True)[1]]
    for first, second, _, _ in _alike(described(thumbnails), n_known, True, progress or Progress()):
        ends = np.concatenate([np.arange(n), first]), np.concatenate([labels, second])
        labels = joined(n, *ends)
        labels = np.unique(labels, return_index=True)[1][labels]  # the number of a group is its first image
    return labels


def joined(n: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return a number for each of n items; items connected by pairs, directly or through others, have the same."""
    graph = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(n, n))
    return connected_components(graph, directed=False)[1]


def _alike(
    details: _Details, n_known: int, mirrored: bool, progress: Progress
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, str]]:
    """Yield first < second, correlation and kind of all matching pairs, except pairs among the first `n_known`."""
    index, n = details.index, len(details.index)
    start = int(np.searchsorted(index, n_known))
    block = max(1, BLOCK_CELLS // max(1, n))
    sides = {"near": (details.coarse, details.unit, details.pixels)}
    if mirrored:
        sides["mirrored"] = (details.coarse_mirrored, _mirrored(details.unit), _mirrored(details.pixels))
    with progress.task("compare", n - start, "image") as tick:
        for at in range(start, n, block):
            end = min(n, at + block)
            for kind, (coarse, unit, pixels) in sides.items():
                # Compare the block with itself and with all earlier images: every pair once.
                later, earlier = _candidates(details.coarse[at:end], coarse[:end])
                later += at
                later, earlier = later[earlier < later], earlier[earlier < later]
                for chunk in range(0, len(later), CHUNK):
                    second, first = later[chunk : chunk + CHUNK], earlier[chunk : chunk + CHUNK]
                    correlation = np.einsum("ij,ij->i", details.unit[second], unit[first])
                    good = _surely(correlation, np.minimum(details.freedom[first], details.freedom[second]))
                    apart = np.sqrt(((details.pixels[second] - pixels[first]) ** 2).mean(axis=1))
                    good |= (correlation >= MIN_CORRELATION) & (apart <= MAX_LEVELS)
                    if good.any():
                        yield index[first[good]], index[second[good]], correlation[good], kind
            tick(end - at)


def _candidates(block: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all pairs that can correlate by `MIN_CORRELATION` or more, and some that do not.

    The squared distance of unit vectors u and v with u.v >= c is at most 2 - 2c, and a projection cannot increase it.
    The last two columns hold minus half the squared length and 1, so that one product gives minus half that distance.
    """
    swapped = np.concatenate([others[:, :-2], others[:, :-3:-1]], axis=1)
    return np.nonzero(block @ swapped.T >= MIN_CORRELATION - 1 - 1e-5)


def _surely(correlation: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Return which pairs correlate more than unrelated pictures of the same complexity do.

    Among random directions in d dimensions, a share of about (1 - r^2) ** ((d - 1) / 2) correlates by r or more. Waves,
    logos and fog have few effective dimensions, so a high correlation means little for them.
    """
    unlike = 1 - np.clip(correlation, 0, 1) ** 2
    return (correlation >= MIN_CORRELATION) & (unlike ** ((freedom - 1) / 2) < MAX_CHANCE)


def described(thumbnails: np.ndarray) -> _Details:
    """Return the descriptions of those thumbnails that have detail.

    The light of a thumbnail is the quadratic surface that fits it best; skies, vignettes and gradients share it. The
    product of two rows of `unit` is the correlation of the thumbnails without their light.
    """
    x, y = np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 2)
    light, _ = np.linalg.qr(np.stack([x**0, x, y, x * x, x * y, y * y], axis=-1).reshape(SIDE * SIDE, 6))
    light = light.astype(np.float32)
    pixels = thumbnails.reshape(-1, SIDE * SIDE).astype(np.float32)
    rest = pixels - (pixels @ light) @ light.T
    norms = np.linalg.norm(rest, axis=1)
    index = np.flatnonzero(norms >= MIN_DETAIL * SIDE)  # the norm is the standard deviation times the root of 16 x 16
    unit = rest[index] / norms[index, None]
    waves = unit.reshape(-1, SIDE, SIDE)
    waves = dctn(waves, axes=(1, 2), norm="ortho") if len(unit) else waves  # dctn refuses an empty array
    # The number of cells, or of waves, if each held an equal share of the detail.
    freedom = 1 / np.maximum((unit**4).sum(axis=1), (waves**4).sum(axis=(1, 2)))
    coarse = waves[:, :_COARSE, :_COARSE].reshape(len(unit), _COARSE**2)
    half = -(coarse**2).sum(axis=1, keepdims=True) / 2
    return _Details(index, pixels[index], unit, freedom, np.concatenate([coarse, half, np.ones_like(half)], axis=1))
