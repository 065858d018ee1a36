"""Sources: where images come from, and which of them train and judge when sources are tried against each other."""

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
"""Images of a class that a source needs: where half of two times as many are right, the interval is 30 points wide."""

MOST = 2_000
"""Images of a class that a model is fitted on, and that a source is judged by: intervals are 3 points wide then."""

N_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Crossing:
    """Who trains and who judges, so that every pair of sources can be compared.

    Every image is in one fold. A model of a source is fitted once a fold, on images that are in none of that fold's
    units, and judges the fold's images of every source, its own too: all cells of a matrix rest on equally many
    training images, and none is judged by a model that has seen it.

    Parameters
    ----------
    sources : tuple of str
    classes : tuple of str
    varied : str
        The class whose sources are compared, or "" where every source has all classes of its own.
    units : ndarray of shape (n_samples,), int
        Rows with the same number share a group or are equal files.
    fold : ndarray of shape (n_samples,), int
        -1 for rows that take no part.
    judged : dict of str to ndarray of int
        Rows that each source is judged by, as many of each class.
    own : dict of str to ndarray of bool
        Which of these are of the source and of the class that is varied, if one is.
    offered : dict of str to list of ndarray of int
        Rows that the models of each source may be fitted on, class by class.
    n_class : int
        Images of each class that every model is fitted on.
    notes : tuple of str
        What is held fixed and what was decided on the way, a sentence each.
    """

    sources: tuple[str, ...]
    classes: tuple[str, ...]
    varied: str
    units: np.ndarray
    fold: np.ndarray
    judged: dict[str, np.ndarray]
    own: dict[str, np.ndarray]
    offered: dict[str, list[np.ndarray]]
    n_class: int
    notes: tuple[str, ...]

    @property
    def folds(self) -> range:
        return range(self.fold.max() + 1)

    def training(self, source: str, fold: int) -> np.ndarray:
        """Return the rows that the model of a source is fitted on, to judge images of a fold."""
        return np.concatenate([rows[self.fold[rows] != fold][: self.n_class] for rows in self.offered[source]])


def crossing(
    rows: pd.DataFrame, name: str, *, vary: str | None = None, positive: str | None = None, seed: int = 0
) -> Crossing:
    """Return how sources of a set are compared.

    A source that has too few images of a class (each has, where sources are generators) is completed with images of
    that class from sources that have none of the class that is varied. A source's training images train and its
    others judge; where it lacks one or the other, all do both. Images are drawn at random where there are too many.

    Parameters
    ----------
    rows : DataFrame
        As `featex.store.features.Features` has them.
    name : str
        The set's.
    vary : str, optional
        The class whose sources are compared; by default the positive one of two classes if it has two sources or
        more, else the one that has most.
    positive : str, optional
        That class; by default the one that its name tells.
    seed : int
        Of folds and draws.

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
        raise DataError(f"{name} has {listed(classes) or 'no class'} alone: a classifier needs two classes or more")
    counts = pd.crosstab(origin[known], labels[known])
    varied = _varied(counts, classes, vary, positive, name)

    rank = np.random.default_rng(seed).permutation(len(rows))
    drawn = known[np.argsort(rank[known])]  # one order for all: what is held fixed is the same images everywhere
    at = {label: drawn[labels[drawn] == label] for label in classes}
    blocks, held, notes = _completed(at, origin, counts, varied)
    if len(blocks) < 2:
        raise DataError(_nothing(counts, classes, varied, name))

    split = rows["split"].to_numpy(dtype=str)
    sides = {source: {label: _sides(block[label], split) for label in classes} for source, block in blocks.items()}
    units = independent_units(rows)
    fold = _folds(blocks, held, units, seed)
    judged, own = {}, {}
    for source, block in sides.items():
        n = min(MOST, *(len(block[label][1]) for label in classes))
        judged[source] = np.concatenate([block[label][1][:n] for label in classes])
        own[source] = (origin[judged[source]] == source) & (not held or labels[judged[source]] == varied)
    offered = {source: [block[label][0] for label in classes] for source, block in sides.items()}
    n_folds = fold.max() + 1
    left = [(fold[part] != number).sum() for parts in offered.values() for part in parts for number in range(n_folds)]
    n_class = min(int(min(left)), MOST)
    if not n_class:
        raise DataError(f"the groups of {name} are too few and large to compare sources; make them smaller")
    notes = (*_about(blocks, held, varied, n_class, n_folds), *notes, *_mixed(sides, split))
    varied = varied if held else ""
    return Crossing(tuple(blocks), tuple(classes), varied, units, fold, judged, own, offered, n_class, notes)


def origins(rows: pd.DataFrame, name: str) -> np.ndarray:
    """Return where each image comes from, (n,) of str.

    That is its source without what tells nothing of where it is from: folders that all share, and the names of its
    set and class. Where nothing is left, images of a custom set come from there, for such sets are made of other
    images; all others from `name`, or from what their class is called if other classes have sources.
    """
    table = rows[["source", "split", "label"]].astype(str)
    kinds = table[table["label"] != ""].drop_duplicates()
    parts = [[part for part in source.split("/") if part not in ("", ".")] for source in kinds["source"]]
    common = os.path.commonpath(["/".join(folders) for folders in parts] or [""])
    shared = len(common.split("/")) if common else 0
    told = {
        kind: "/".join(part for part in folders[shared:] if not _tells_nothing(part, *kind[1:]))
        for kind, folders in zip(kinds.itertuples(index=False, name=None), parts, strict=True)
    }
    plain = not any(said for (_, split, _), said in told.items() if split in ("", "test", *TRAINING))
    for kind, said in told.items():
        _, split, label = kind
        custom = split not in ("", "test", *TRAINING)
        told[kind] = said or (split if custom else name if plain else label)
    return np.array([told.get(kind, "") for kind in table.itertuples(index=False, name=None)], dtype=str)


def _tells_nothing(folder: str, split: str, label: str) -> bool:
    return folder == label or (split != "" and split in (folder, split_name(folder)))


def _completed(at: dict, origin: np.ndarray, counts: pd.DataFrame, varied: str) -> tuple[dict, dict, list[str]]:
    """Return the rows of each source, class by class; those of classes that are held fixed; and who is left out."""
    others = counts.index[counts[varied] == 0]
    held = {label: index[np.isin(origin[index], others)] for label, index in at.items() if label != varied}
    blocks, fixed, notes = {}, set(), []
    for source in counts.index[counts[varied] > 0]:
        block = {label: index[origin[index] == source] for label, index in at.items()}
        lacking = {label for label, index in block.items() if len(index) < LEAST}
        without = [label for label in sorted(lacking) if label == varied or len(held[label]) < LEAST]
        if without:
            n = len(block[without[0]])
            notes.append(f"{source} is left out: it has {n} images of {without[0]}, and {LEAST} are needed.")
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
    found = "; ".join(
        f"{label}: " + listed([f"{source} ({n:,})" for source, n in counts[label].items() if n]) for label in classes
    )
    return (
        f"{name} has nothing to compare: no two sources have {LEAST} images of {varied} and of what it is told from "
        f"({found}); give each source a folder inside its class, or a table with a column source"
    )


def _sides(index: np.ndarray, split: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what may train and what judges; both are all of them where they are not apart, or one side is too few."""
    training = np.isin(split[index], ("", *TRAINING))
    if min(training.sum(), (~training).sum()) < LEAST:
        return index, index
    return index[training], index[~training]


def _folds(blocks: dict, held: dict, units: np.ndarray, seed: int) -> np.ndarray:
    """Return a fold for each row, stratified by class and source; whole units are in one, rows of no part in -1."""
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
        f"the images of {fewest} are too few groups ({n_units[fewest]}) to train on some and judge others; make groups "
        "smaller"
    )


def _about(blocks: dict, held: dict, varied: str, n_class: int, n_folds: int) -> list[str]:
    n_classes, complete = len(next(iter(blocks.values()))), []
    what = f"{len(blocks)} sources are compared, each with all classes of its own: {listed(list(blocks))}."
    fixed = "So what changes from source to source is both sides of the question, not one."
    if held:
        complete = [
            source for source, block in blocks.items() if not any(block[label] is held[label] for label in held)
        ]
        what = f"{len(blocks)} sources of {varied} are compared: {listed(list(blocks))}."
        fixed = f"What they are told from is held fixed: images of {listed(list(held))}, the same in every training."
    if complete:
        fixed += f" But {listed(complete)} {'has its' if len(complete) == 1 else 'have their'} own."
    return [
        what,
        fixed,
        f"Every model was fitted on {n_class:,} images of each class, as many as the smallest source offers in each of "
        f"{n_folds} folds. It is judged by as many images of one class as of another, so guessing is right on "
        f"{percent(1 / n_classes)}.",
    ]


def _mixed(sides: dict, split: np.ndarray) -> list[str]:
    both = [
        source
        for source, block in sides.items()
        if any(part[0] is part[1] and not np.isin(split[part[0]], ("", *TRAINING)).all() for part in block.values())
    ]
    if not both:
        return []
    return [
        f"Of {listed(both)}, test images trained too, here and nowhere else: never on the fold that they are judged in."
    ]
