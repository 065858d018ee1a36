"""Folds of the training rows: random, by source or by content. No group is on two sides of a fold."""

import warnings

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from classify.errors import DataError
from featex.system.words import count

ATTEMPTS = 10  # to cut folds of large groups so that each has all classes
CONTENT_CLUSTERS = 4  # a fold
CONTENT_COMPONENTS = 50


def folds(y: np.ndarray, units: np.ndarray, n_folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return `n_folds` pairs of (training, validation) row numbers, stratified by `y`, whole `units` on one side.

    Raises
    ------
    DataError
        If a class has fewer images, or independent units, than folds.
    """
    for label in np.unique(y).tolist():
        n_images, n_units = (y == label).sum(), len(np.unique(units[y == label]))
        if n_units < n_folds:
            what = count(n_images, "image") if n_units == n_images else f"{n_units:,} independent groups of images"
            raise DataError(
                f"class {label!r} has {what}, fewer than the {n_folds} folds; add images, or take --folds "
                f"{max(2, n_units)}" + ("" if n_units >= 2 else " once there are two")
            )
    if len(np.unique(units)) == len(units):
        return list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(y, y))
    for attempt in range(ATTEMPTS):
        pairs = list(StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed + attempt).split(y, y, units))
        if all(set(y[rows]) == set(y) for pair in pairs for rows in pair):
            return pairs
    raise DataError(f"groups are too few and large for {n_folds} folds; take fewer with --folds")


def folds_by_source(
    y: np.ndarray, units: np.ndarray, sources: np.ndarray, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return folds that each validate on sources they do not train on; each row is validated in one fold.

    There are as many folds as the class with the fewest sources has, of those with two or more. Whole sources are dealt
    into as many parts, so that each part holds about the same share of every class. A source of several classes is in
    one part. The units of a class with one source are dealt at random, so that source is on both sides, with different
    images.

    Parameters
    ----------
    y, units, sources : ndarray of shape (n_samples,)

    Raises
    ------
    DataError
        If no class has two sources, or a fold would lack a class.
    """
    n_sources = {label: len(np.unique(sources[y == label])) for label in np.unique(y).tolist()}
    several = np.isin(y, [label for label, n in n_sources.items() if n > 1])
    if not several.any():
        raise DataError(
            "no class has images of two sources, so none can be held out; give each source a folder of its own inside "
            "its class, or take --folds content"
        )
    part = np.empty(len(y), dtype=int)
    for n_folds in range(min(n for n in n_sources.values() if n > 1), 0, -1):
        part[several] = _dealt(y[several], sources[several], n_folds)
        if all(len(np.unique(part[several & (y == label)])) == n_folds for label in np.unique(y[several])):
            break
    if n_folds < 2:
        raise DataError("classes share their sources so that none can be held out; take --folds with a number")
    chance = np.random.default_rng(seed)
    for label in (label for label, n in n_sources.items() if n == 1):
        rows = np.flatnonzero(y == label)
        alike, at = np.unique(units[rows], return_inverse=True)
        if len(alike) < n_folds:
            raise DataError(f"class {label!r} has {len(alike)} independent images and {n_folds} folds; add images")
        part[rows] = (chance.permutation(len(alike)) % n_folds)[at]
    pairs = []
    for number in range(n_folds):
        judged = part == number
        train = np.flatnonzero(~np.isin(units, units[judged]))  # a group that lies in two parts trains for neither
        if set(y[train]) != set(y):
            raise DataError("groups reach across all sources of a class; take --folds with a number, or content")
        pairs.append((train, np.flatnonzero(judged)))
    return pairs


def _dealt(y: np.ndarray, sources: np.ndarray, n_parts: int) -> np.ndarray:
    """Return the part (n,) of each row: whole sources are in one part, and parts hold about equal shares of each class.

    Sources of several classes are dealt first, then large ones; each goes to the part that holds least of its classes.
    """
    table = pd.crosstab(sources, y, normalize="columns")
    order = pd.DataFrame({"classes": (table > 0).sum(axis=1), "share": table.sum(axis=1)})
    load, parts = np.zeros((n_parts, table.shape[1])), {}
    for name in order.sort_values(["classes", "share"], ascending=False, kind="stable").index:
        share = table.loc[name].to_numpy()
        parts[name] = int(load[:, share > 0].sum(axis=1).round(9).argmin())
        load[parts[name]] += share
    return np.array([parts[name] for name in sources.tolist()])


def folds_by_content(
    y: np.ndarray, units: np.ndarray, content: np.ndarray, n_folds: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return folds that each validate on images of content they do not train on.

    Contents are the k-means clusters of the principal components of `content`. Whole clusters are held out, so that a
    model cannot have learnt the class of this kind of picture. It stands in for sources where a class has only one.

    Parameters
    ----------
    y, units : ndarray of shape (n_samples,)
    content : ndarray of shape (n_samples, n_features)
        Features of a late layer on the whole image.

    Raises
    ------
    DataError
        If there are too few images, or clusters of a single class leave a fold without some class.
    """
    n_units = len(np.unique(units))
    k = min(CONTENT_CLUSTERS * n_folds, n_units // 5)
    if k < n_folds:
        raise DataError(
            f"{n_folds} folds by content take {5 * n_folds} independent images or groups, and there are {n_units}; "
            "take fewer folds, or random ones"
        )
    Z = StandardScaler().fit_transform(content.astype(np.float64))
    Z = PCA(min(CONTENT_COMPONENTS, *Z.shape), random_state=seed).fit_transform(Z)
    clusters = KMeans(k, n_init=5, random_state=seed).fit_predict(Z)
    _, first, unit = np.unique(units, return_index=True, return_inverse=True)
    clusters = clusters[first][unit]  # a group goes where its first image does
    pairs = list(StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed).split(y, y, clusters))
    if any(set(y[train]) != set(y) or set(y[judged]) != set(y) for train, judged in pairs):
        raise DataError(
            f"content tells the classes apart so well that {n_folds} folds of it lack one; take fewer, or random"
        )
    return pairs


def judged_once(pairs: list[tuple[np.ndarray, np.ndarray]], y: np.ndarray, units: np.ndarray) -> list:
    """Return the folds unchanged, after checking what every kind of folds must satisfy.

    Each row is validated in one fold, each fold has all classes on both sides, and no unit is on two sides of a fold.

    Raises
    ------
    DataError
        If a fold lacks a class.
    """
    judged = np.sort(np.concatenate([rows for _, rows in pairs]))
    if not np.array_equal(judged, np.arange(len(y))):
        raise AssertionError("a row is judged in no fold, or in several")
    for number, (train, rows) in enumerate(pairs, 1):
        if np.isin(units[rows], units[train]).any():
            raise AssertionError(f"a unit is on both sides of fold {number}")
        if lacking := sorted(set(y.tolist()) - (set(y[train].tolist()) & set(y[rows].tolist()))):
            raise DataError(
                f"fold {number} of {len(pairs)} lacks class {lacking[0]!r} on one of its sides; take fewer --folds"
            )
    return pairs


def inner_split(
    codes: np.ndarray, groups: np.ndarray | None, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the rows to train on, and the rows by which to stop and choose the best epoch.

    The split is stratified, keeps groups whole, and has about `fraction` of the rows in the second part. None where
    images or groups are too few to have all classes in the first part and two in the second.
    """
    n_splits = round(1 / fraction)
    if np.bincount(codes).max() < n_splits:
        return None
    if groups is not None:
        n_splits = min(n_splits, len(np.unique(groups)))  # few large groups: one of them, rather than none
        if n_splits < 3:
            return None
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    with warnings.catch_warnings():
        # Said of a class smaller than the number of folds; folds that have none of it are passed over below.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        folds = list(kind(n_splits, shuffle=True, random_state=seed).split(codes, codes, groups))

    def n_classes(rows: np.ndarray) -> int:
        return len(np.unique(codes[rows]))

    n_all = n_classes(np.arange(len(codes)))
    usable = [(fit, valid) for fit, valid in folds if n_classes(fit) == n_all and n_classes(valid) > 1]
    # Large groups make uneven folds: of those that hold most classes, the one nearest to the fraction.
    size = fraction * len(codes)
    return max(usable, key=lambda fold: (n_classes(fold[1]), -abs(len(fold[1]) - size)), default=None)
