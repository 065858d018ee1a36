"""Which images of a set are copies of others, equal or nearly so: re-compressed, resized, a little brighter or cropped.

Two steps, because neither is enough. A perceptual hash of 64 bits is cheap enough to compare for all pairs, but knows
only the coarsest shapes: chance neighbours grow with the square of the images. What it shortlists must also look alike
in a thumbnail. Mirrored, turned and boldly cropped copies are not looked for.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from classify.splits import independent_units
from featex.errors import ImageError, InputError
from featex.images import decode
from featex.progress import Progress

SIDE = 16
HASH = np.dtype([("pixels", "S32"), ("phash", "u8"), ("thumbnail", "u1", (SIDE, SIDE))])
"""What is kept of an image: a digest of its pixels (b"" where it cannot be read), its pHash, and a grey thumbnail."""

# Measured on 550 photographs, each in 24 kinds of copies: JPEG at q 10 to 90, 0.2 to 2 times the size, both at once,
# brighter by 15 %, 2 % cropped away. The furthest lay 10 bits off and correlated at 0.953. Of 57 million pairs among
# the ninths of 1,189 images, those within 10 bits that are no copies correlated at 0.904 at most.
MAX_DISTANCE = 10
MIN_CORRELATION = 0.93

MIN_DETAIL = 2.0
"""Least standard deviation of a thumbnail less its light, in grey levels; below, rounding and JPEG decide the bits."""

MAX_PAIRS = 5_000_000
_BLOCK = 16  # rows compared at a time: 13 MB at 100,000 images
_CHUNK = 16_384  # shortlisted pairs looked at together: 32 MB


@dataclass(frozen=True, eq=False)
class Hashed:
    """What `hash_images` made of files; row i of `hashes` is file i.

    Parameters
    ----------
    hashes : ndarray of shape (n,), `HASH`
    reasons : dict of int to str
        Why a file could not be read, by its number. Its hash is empty, and pairs with none.
    """

    hashes: np.ndarray
    reasons: dict[int, str]


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Copies among n images.

    Parameters
    ----------
    pairs : DataFrame
        ``first`` < ``second`` (row numbers), ``kind`` ("exact" for equal pixels, "near") and ``distance`` (bits of the
        pHash that differ, 0 to `MAX_DISTANCE`). Of images with equal pixels each later one is paired with the first,
        and only the first with near ones, so that a thousand copies of one file are a thousand pairs, not a million.
    groups : ndarray of shape (n,), int
        Images have the same number where pairs join them, also by a chain.
    """

    pairs: pd.DataFrame
    groups: np.ndarray


def hash_image(image: np.ndarray) -> np.void:
    """Return the hash of an image, one `HASH`; ``np.array([...], dtype=HASH)`` puts several together.

    The pHash is ImageHash's: signs of the 8 x 8 lowest frequencies of a 32 x 32 grey thumbnail (Krawetz 2011, "Looks
    Like It", hackerfactor.com).

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        As `featex.images.decode` gives it.
    """
    digest = blake2b(repr(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image))
    grey = Image.fromarray(image).convert("L")
    thumbnail = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX))
    return np.array((digest.hexdigest(), int(str(imagehash.phash(grey)), 16), thumbnail), dtype=HASH)[()]


def hash_images(paths: Sequence[Path], *, workers: int | None = None, progress: Progress | None = None) -> Hashed:
    """Return the hashes of image files, in their order; what cannot be read is listed with its reason.

    Parameters
    ----------
    workers : int, optional
        Threads that read, decode and hash; by default one a core, 16 at most.
    """
    hashes, reasons = np.zeros(len(paths), dtype=HASH), {}
    with (
        (progress or Progress()).task("hash", len(paths), "image") as tick,
        ThreadPoolExecutor(workers or min(16, os.cpu_count() or 1)) as pool,
    ):
        try:
            for i, result in enumerate(pool.map(_read, paths)):
                if isinstance(result, str):
                    reasons[i] = result
                else:
                    hashes[i] = result
                tick(1)
        finally:
            pool.shutdown(cancel_futures=True)
    return Hashed(hashes, reasons)


def _read(path: Path) -> np.void | str:
    """Return a file's hash, or why there is none."""
    try:
        return hash_image(decode(Path(path).read_bytes()))
    except ImageError as error:
        return str(error)
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"


def find_duplicates(hashes: np.ndarray, *, progress: Progress | None = None) -> Duplicates:
    """Return which images are copies of which.

    Images with next to no detail (blank, or a mere slope of light) have only exact copies.

    Parameters
    ----------
    hashes : ndarray of shape (n,), `HASH`
        As `hash_images` or `hash_image` give them. For copies between sets, put the sets together and `summarise`.

    Raises
    ------
    InputError
        If more than `MAX_PAIRS` pairs look alike, as the frames of a film do.
    """
    readable = np.flatnonzero(hashes["pixels"] != b"")
    content, _ = pd.factorize(hashes["pixels"][readable])
    _, firsts = np.unique(content, return_index=True)
    later = np.setdiff1d(np.arange(len(content)), firsts)
    exact = pd.DataFrame({"first": readable[firsts[content[later]]], "second": readable[later], "kind": "exact"})
    distinct = readable[firsts]
    first, second, distance = _near(hashes[distinct], progress or Progress())
    near = pd.DataFrame({"first": distinct[first], "second": distinct[second], "kind": "near", "distance": distance})
    pairs = pd.concat([exact.assign(distance=0), near]).sort_values(["first", "second"], ignore_index=True)
    return Duplicates(pairs, _joined(len(hashes), pairs))


def _near(hashes: np.ndarray, progress: Progress) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return first, second and distance of the near pairs among images of different pixels, first < second."""
    details = _details(hashes["thumbnail"])
    index = np.flatnonzero(details.any(axis=1))
    details = details[index]
    found, n_found = [np.zeros((3, 0), dtype=np.int64)], 0
    with progress.task("compare", len(index), "image") as tick:
        for first, second, distance in _shortlist(hashes["phash"][index], tick):
            alike = np.einsum("ij,ij->i", details[first], details[second]) >= MIN_CORRELATION
            if not alike.any():
                continue
            found.append(np.stack([index[first], index[second], distance])[:, alike])
            n_found += found[-1].shape[1]
            if n_found > MAX_PAIRS:
                raise InputError(
                    f"more than {MAX_PAIRS:,} pairs of images look alike among {len(hashes):,}, as the frames of a "
                    "film do; take fewer of them, such as every tenth"
                )
    return tuple(np.concatenate(found, axis=1))


def _shortlist(phashes: np.ndarray, tick: Callable[[int], None]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield first, second and distance of all pairs of pHashes within `MAX_DISTANCE` bits, a chunk at a time.

    Every pair is compared: no index over 64 bits finds all within 10 of them by looking at much less.
    """
    for start in range(0, len(phashes), _BLOCK):
        block = phashes[start : start + _BLOCK]
        distances = np.bitwise_count(block[:, None] ^ phashes[start:])
        first, second = np.nonzero(distances <= MAX_DISTANCE)
        first, second = first[first < second], second[first < second]
        for at in range(0, len(first), _CHUNK):
            one, other = first[at : at + _CHUNK], second[at : at + _CHUNK]
            yield start + one, start + other, distances[one, other].astype(np.int64)
        tick(len(block))


def _details(thumbnails: np.ndarray) -> np.ndarray:
    """Return thumbnails less their light, a row of unit length each; zeros for those with next to no detail.

    Light is the quadratic surface that fits best. Skies, vignettes and gradients of the same sense share it, and
    differ in what is left; the product of two rows is the correlation of the rest.
    """
    x, y = np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 2)
    light, _ = np.linalg.qr(np.stack([x**0, x, y, x * x, x * y, y * y], axis=-1).reshape(SIDE * SIDE, 6))
    light = light.astype(np.float32)
    details = thumbnails.reshape(-1, SIDE * SIDE).astype(np.float32)
    details -= (details @ light) @ light.T
    norms = np.linalg.norm(details, axis=1, keepdims=True)
    flat = norms < MIN_DETAIL * SIDE  # the norm is the standard deviation times the root of 16 x 16
    details /= np.where(flat, np.inf, norms)
    return details


def _joined(n: int, pairs: pd.DataFrame) -> np.ndarray:
    ends = (pairs["first"].to_numpy(), pairs["second"].to_numpy())
    return connected_components(coo_array((np.ones(len(pairs), dtype=bool), ends), shape=(n, n)), directed=False)[1]


def summarise(duplicates: Duplicates, values: Sequence[str]) -> pd.DataFrame:
    """Return how many images have a copy within and across the values of a column, such as their sets or classes.

    Parameters
    ----------
    values : sequence of str, one an image
        For sets and classes at once, join the two: ``rows["split"] + " " + rows["label"]``.

    Returns
    -------
    DataFrame
        A row for every ordered pair of values that share a copy, sorted: ``value``, ``other``, ``images`` (of
        `value`, that have a copy in `other`), ``exact`` (those of them that have an equal one there) and ``groups``
        (of copies that hold both). Copies within a set are where `other` is `value`. A chain of copies counts as one
        group, as `Duplicates.groups` does.
    """
    codes, names = pd.factorize(np.asarray(values, dtype=str), sort=True)
    images, groups = _shared(duplicates.groups, codes)
    equal = _joined(len(codes), duplicates.pairs[duplicates.pairs["kind"] == "exact"])
    exact, _ = _shared(equal, codes)
    value, other = np.nonzero(images)
    counts = {name: of[value, other] for name, of in (("images", images), ("exact", exact), ("groups", groups))}
    return pd.DataFrame({"value": names[value], "other": names[other], **counts})


def grouped(rows: pd.DataFrame, duplicates: Duplicates) -> pd.DataFrame:
    """Return the rows of a set with a `group` that copies share, and what shared a group with one of them before."""
    units = independent_units(rows)
    together = independent_units(rows.assign(group=units.astype(str), key=duplicates.groups.astype(str)))
    grew = pd.Series(units).groupby(together).transform("nunique") > 1
    names = "copies of " + rows["path"].groupby(together).transform("first")
    return rows.assign(group=rows["group"].where(~grew.to_numpy(), names))


def _shared(groups: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each two values, the images of the one in groups that hold the other, and the number of groups."""
    shape = (groups.max(initial=-1) + 1, codes.max(initial=-1) + 1)
    held = coo_array((np.ones(len(codes), dtype=np.int64), (groups, codes)), shape=shape).tocsr()  # sums equal places
    there, several = (held > 0).astype(np.int64), (held > 1).astype(np.int64)
    images, both = (held.T @ there).toarray(), (there.T @ there).toarray()
    np.fill_diagonal(images, held.multiply(several).sum(axis=0))
    np.fill_diagonal(both, several.sum(axis=0))
    return images, both
