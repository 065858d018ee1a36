"""Crossing: which images of each source train and which test, so that every pair of sources can be compared."""

import os
from dataclasses import dataclass

import numpy as np
import pandas as pd

from classify.errors import DataError
from classify.pages.words import listed, percent
from classify.positive import choose_positive
from classify.splits.folds import folds
from classify.splits.partition import TRAINING
from featex.datasets.meanings import split_name
from featex.errors import unknown
from featex.store.units import independent_units

LEAST = 20
"""Images of a class that a source needs: with twice as many, half of them right, the interval is 30 points wide."""

MOST = 2_000
"""Most images of a class to fit a model on, and to test a source with; intervals are then 3 points wide."""

N_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Crossing:
    """Which images train and which test, for every pair of sources.

    Every image is in one fold. For each source and fold a model is fitted on the source's images in other folds, and
    tested on the fold's images of every source, its own included. So all cells of a matrix rest on equally many
    training images, and no model is tested on an image that it was fitted on.

    Parameters
    ----------
    sources : tuple of str
    classes : tuple of str
    varied : str
        The class whose sources are compared, or "" if every source has images of all classes.
    units : ndarray of shape (n_samples,), int
        Rows with the same number share a group or are equal files.
    fold : ndarray of shape (n_samples,), int
        -1 for rows that are not used.
    test : dict of str to ndarray of int
        Rows that test each source, as many of each class.
    from_source : dict of str to ndarray of bool
        Which of these rows come from the source itself, and are of the varied class if there is one.
    train : dict of str to list of ndarray of int
        Rows that models of each source may be fitted on, class by class.
    n_class : int
        Images of each class that every model is fitted on.
    notes : tuple of str
        What is held fixed and which choices were made, a sentence each.
    """

    sources: tuple[str, ...]
    classes: tuple[str, ...]
    varied: str
    units: np.ndarray
    fold: np.ndarray
    test: dict[str, np.ndarray]
    from_source: dict[str, np.ndarray]
    train: dict[str, list[np.ndarray]]
    n_class: int
    notes: tuple[str, ...]

    @property
    def folds(self) -> range:
        return range(self.fold.max() + 1)

    def training(self, source: str, fold: int) -> np.ndarray:
        """Return the rows to fit a source's model on that is tested on a fold."""
        return np.concatenate([rows[self.fold[rows] != fold][: self.n_class] for rows in self.train[source]])


def crossing(
    rows: pd.DataFrame, name: str, *, vary: str | None = None, positive: str | None = None, seed: int = 0
) -> Crossing:
    """Return which images of a set train and test each source.

    If a source has too few images of a class, as every generator has no real images, it is completed with images of
    that class from sources without images of the varied class. A source's training images train and its other images
    test; if it lacks either, all of them do both, in different folds. Surplus images are dropped at random.

    Parameters
    ----------
    rows : DataFrame
        As `featex.store.features.Features` has them.
    name : str
        The set's.
    vary : str, optional
        The class whose sources are compared; by default the positive one of two classes if it has two sources or
        more, else the class with most sources.
    positive : str, optional
        The positive class; by default recognised by its name.
    seed : int
        Seed of folds and draws.

    Raises
    ------
    DataError
        If there are fewer than two sources to compare.
    featex.errors.InputError
        If there is no class `vary`.
    """
    labels, origin = rows["label"].to_numpy(dtype=str), origins(rows, name)
    known = np.flatnonzero(labels != "")
    classes = sorted(set(labels[known].tolist()))
    if len(classes) < 2:
        raise DataError(f"{name} has only {listed(classes) or 'no class'}: a classifier needs two classes or more")
    counts = pd.crosstab(origin[known], labels[known])
    varied = _varied(counts, classes, vary, positive, name)

    rank = np.random.default_rng(seed).permutation(len(rows))
    drawn = known[np.argsort(rank[known])]  # one order for all, so that the same images are held fixed everywhere
    at = {label: drawn[labels[drawn] == label] for label in classes}
    blocks, held, notes = _completed(at, origin, counts, varied)
    if len(blocks) < 2:
        raise DataError(_nothing(counts, classes, varied, name))

    split = rows["split"].to_numpy(dtype=str)
    sides = {source: {label: _sides(block[label], split) for label in classes} for source, block in blocks.items()}
    units = independent_units(rows)
    fold = _folds(blocks, held, units, seed)
    test, from_source = {}, {}
    for source, block in sides.items():
        n = min(MOST, *(len(block[label][1]) for label in classes))
        test[source] = np.concatenate([block[label][1][:n] for label in classes])
        from_source[source] = (origin[test[source]] == source) & (not held or labels[test[source]] == varied)
    train = {source: [block[label][0] for label in classes] for source, block in sides.items()}
    n_folds = fold.max() + 1
    left = [(fold[part] != number).sum() for parts in train.values() for part in parts for number in range(n_folds)]
    n_class = min(int(min(left)), MOST)
    if not n_class:
        raise DataError(f"the groups of {name} are too few and large to compare sources; make them smaller")
    notes = (*_about(blocks, held, varied, n_class, n_folds), *notes, *_mixed(sides, split))
    varied = varied if held else ""
    return Crossing(tuple(blocks), tuple(classes), varied, units, fold, test, from_source, train, n_class, notes)


def origins(rows: pd.DataFrame, name: str) -> np.ndarray:
    """Return the origin of each image, (n,) of str.

    The origin is the source without folders that say nothing about it: those that all sources share, and the names
    of the image's set and class. If nothing is left, the origin of an image in an external set is that set, because
    external sets are collected elsewhere; the origin of other images is `name`, or their class if other classes
    have sources.
    """
    table = rows[["source", "split", "label"]].astype(str)
    kinds = table[table["label"] != ""].drop_duplicates()
    parts = [[part for part in source.split("/") if part not in ("", ".")] for source in kinds["source"]]
    common = os.path.commonpath(["/".join(folders) for folders in parts] or [""])
    shared = len(common.split("/")) if common else 0
    remaining = {
        kind: "/".join(part for part in folders[shared:] if not _repeats(part, *kind[1:]))
        for kind, folders in zip(kinds.itertuples(index=False, name=None), parts, strict=True)
    }
    plain = not any(source for (_, split, _), source in remaining.items() if split in ("", "test", *TRAINING))
    for kind, source in remaining.items():
        _, split, label = kind
        custom = split not in ("", "test", *TRAINING)
        remaining[kind] = source or (split if custom else name if plain else label)
    return np.array([remaining.get(kind, "") for kind in table.itertuples(index=False, name=None)], dtype=str)


def _repeats(folder: str, split: str, label: str) -> bool:
    """Return whether a folder's name only repeats the image's set or class."""
    return folder == label or (split != "" and split in (folder, split_name(folder)))


def _completed(at: dict, origin: np.ndarray, counts: pd.DataFrame, varied: str) -> tuple[dict, dict, list[str]]:
    """Return the rows of each source by class, those of classes held fixed, and a note on each source left out."""
    others = counts.index[counts[varied] == 0]
    held = {label: index[np.isin(origin[index], others)] for label, index in at.items() if label != varied}
    blocks, fixed, notes = {}, set(), []
    for source in counts.index[counts[varied] > 0]:
        block = {label: index[origin[index] == source] for label, index in at.items()}
        lacking = {label for label, index in block.items() if len(index) < LEAST}
        without = [label for label in sorted(lacking) if label == varied or len(held[label]) < LEAST]
        if without:
            n = len(block[without[0]])
            notes.append(f"{source} is left out: it has {n} images of {without[0]}, and needs {LEAST}.")
            continue
        blocks[source] = block | {label: held[label] for label in lacking}
        fixed |= lacking
    return blocks, {label: index for label, index in held.items() if label in fixed}, notes


def _varied(counts: pd.DataFrame, classes: list[str], vary: str | None, positive: str | None, name: str) -> str:
    n_sources = (counts >= LEAST).sum()
    if vary is not None and vary not in classes:
        raise unknown("class", vary, classes)
    choice = choose_positive(classes, positive)
    varied = vary or (choice.name if choice else n_sources.idxmax())
    if vary is None and n_sources[varied] < 2:
        varied = n_sources.idxmax()
    if n_sources[varied] < 2:
        raise DataError(_nothing(counts, classes, varied, name))
    return varied


def _nothing(counts: pd.DataFrame, classes: list[str], varied: str, name: str) -> str:
    sources = "; ".join(
        f"{label}: " + listed([f"{source} ({n:,})" for source, n in counts[label].items() if n]) for label in classes
    )
    return (
        f"{name} has nothing to compare: no two sources have {LEAST} images of {varied} and of the other classes "
        f"({sources}); give each source a folder inside its class, or a table with a column source"
    )


def _sides(index: np.ndarray, split: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that may train and those that test; all rows for both if either side has too few."""
    training = np.isin(split[index], ("", *TRAINING))
    if min(training.sum(), (~training).sum()) < LEAST:
        return index, index
    return index[training], index[~training]


def _folds(blocks: dict, held: dict, units: np.ndarray, seed: int) -> np.ndarray:
    """Return a fold for each row, stratified by class and source; a unit is in one fold, unused rows in -1."""
    stratum = np.full(len(units), "", dtype=object)
    for source, block in blocks.items():
        for label, index in block.items():
            stratum[index] = f"{label} of {source}"
    for label, index in held.items():
        stratum[index] = label
    used = np.flatnonzero(stratum != "")
    y = stratum[used].astype(str)
    n_units = {name: len(np.unique(units[used][y == name])) for name in np.unique(y).tolist()}
    for n_folds in range(min(N_FOLDS, *n_units.values()), 1, -1):
        try:
            pairs = folds(y, units[used], n_folds, seed)
        except DataError:  # a few large groups: fewer folds may do
            continue
        fold = np.full(len(units), -1)
        for number, (_, rest) in enumerate(pairs):
            fold[used[rest]] = number
        return fold
    fewest = min(n_units, key=n_units.get)
    raise DataError(
        f"the images of {fewest} form too few groups ({n_units[fewest]}) to train on some and test on others; make the "
        "groups smaller"
    )


def _about(blocks: dict, held: dict, varied: str, n_class: int, n_folds: int) -> list[str]:
    n_classes, complete = len(next(iter(blocks.values()))), []
    what = f"{len(blocks)} sources are compared, each with images of all classes: {listed(list(blocks))}."
    fixed = "So all classes change from source to source."
    if held:
        complete = [
            source for source, block in blocks.items() if not any(block[label] is held[label] for label in held)
        ]
        what = f"{len(blocks)} sources of {varied} are compared: {listed(list(blocks))}."
        fixed = f"The images of {listed(list(held))} are held fixed: the same ones in every training."
    if complete:
        fixed += f" But {listed(complete)} {'has its' if len(complete) == 1 else 'have their'} own."
    return [
        what,
        fixed,
        f"Every model was fitted on {n_class:,} images of each class, as many as the smallest source has in each of "
        f"{n_folds} folds. Tests hold equally many images of each class, so guessing is right on "
        f"{percent(1 / n_classes)}.",
    ]


def _mixed(sides: dict, split: np.ndarray) -> list[str]:
    mixed = [
        source
        for source, block in sides.items()
        if any(part[0] is part[1] and not np.isin(split[part[0]], ("", *TRAINING)).all() for part in block.values())
    ]
    if not mixed:
        return []
    return [
        f"The test images of {listed(mixed)} train too, because there are too few images for separate sides; but no "
        "model is tested on an image that it was fitted on."
    ]
