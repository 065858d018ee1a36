"""Partition: which rows train and which test, with no image and no group on both sides."""

import hashlib
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from classify.errors import DataError
from classify.predictions import HELD_OUT, set_images
from featex.store.units import independent_units, without_near_duplicates
from featex.system.words import count

HELD_OUT_FRACTION = 0.2
TRAINING = ("train", "val")


@dataclass(frozen=True)
class Partition:
    """Row numbers of the training images and of the test sets.

    Parameters
    ----------
    train : ndarray of int
        The labelled rows of train and val, on which models are fitted and cross-validated.
    tests : dict of str to ndarray of int
        Rows that models never see in fitting, by set: "test" is the test set, others are external sets. Rows without
        a label are predicted and not scored.
    units : ndarray of shape (n_rows,), int
        Rows with the same number share a group, or are equal files or near-duplicates; every split keeps them on one
        side.
    groups : ndarray of shape (n_rows,), str
        Names of these units for people: of the group, or of the equal files or near-duplicates; "" for a row alone.
    notes : tuple of str
        A sentence for each decision.
    copies : dict of str to int
        The number of images of a test set that are equal files or near-duplicates of images in `train`, as in custom
        sets of few new images, or where near-duplicates are not kept together. Sets without such images have no entry.
    near : int
        The number of images that are near-duplicates of another, and are kept on one side of every split with it.
    """

    train: np.ndarray
    tests: dict[str, np.ndarray]
    units: np.ndarray
    groups: np.ndarray
    notes: tuple[str, ...]
    copies: dict[str, int] = field(default_factory=dict)
    near: int = 0


def partition(rows: pd.DataFrame) -> Partition:
    """Return which rows train and which test.

    val joins train, since validation is by folds. Where no set is called test, a hash of the group's name, or of the
    content, holds out a fifth of the units: images that are added later move none, and join the side of their unit
    (see `featex.store.units.with_units`). A class that would keep less than half of its units, or one, trains whole.

    A training row that is also in a test set (an equal file, a near-duplicate, or the same group) does not train. The
    exception are near-duplicates of an external set that are half of that set, or half of a class of train: that set
    does not test unseen images, and `Partition.copies` says so.

    Raises
    ------
    DataError
        If there is nothing to train on, fewer than two classes, or a test set has a class that train lacks.
    """
    notes = []
    units = independent_units(rows)
    split, labels = (rows[column].to_numpy(dtype=str) for column in ("split", "label"))
    labelled = labels != ""
    train = labelled & (np.isin(split, TRAINING) if (split != "").any() else split == "")
    if not train.any():
        sets = ", ".join(sorted({name or "images without a set" for name in split}))
        raise DataError(f"no labelled images to train on (the sets are: {sets}); add a class folder to a train set")
    _refuse_classes_of_val_alone(labels[train], split[train])
    test = split == HELD_OUT
    hashed = not test.any()
    if hashed:
        test = train & _chosen(rows, units)
        test, kept = _without_small_classes(test, train, labels, units)
        train &= ~test
        n, of = test.sum(), (train | test).sum()
        notes.append(
            f"There is no test set, so {n:,} of {of:,} images become it, chosen by a hash of their content (images "
            "that are added later move none)."
            if n
            else f"{of} images are too few to hold out any."
        )
        notes += [
            f"The hash would hold out {taken:,} of {count(of, 'image')} of class {label!r}, which leaves too few: all "
            "of them train, and the test set has none."
            for label, (taken, of) in kept.items()
            if n
        ]
    tests = {HELD_OUT: np.flatnonzero(test)} if test.any() else {}
    for name in sorted(set(split.tolist()) - {"", HELD_OUT, *TRAINING}):
        tests[name] = np.flatnonzero(split == name)
    alike = copy_units(rows)
    known = _of_known_images(rows, train, tests, alike)
    left_out = {name: train & np.isin(units, units[index]) for name, index in tests.items() if name not in known}
    notes += _left_out(rows, tests, left_out)
    labelled_train = train
    train = train & ~np.any([np.zeros(len(rows), dtype=bool), *left_out.values()], axis=0)
    copies = {name: int(np.isin(alike[index], alike[train]).sum()) for name, index in tests.items()}
    copies = {name: n for name, n in copies.items() if n}
    notes += [copies_sentence(name, n, len(tests[name])) for name, n in copies.items()]
    _check(labels, train, tests, hashed, labelled_train)
    notes += _oddities(rows, tests, alike)
    near = int((rows["near"] != "").sum()) if "near" in rows else 0
    return Partition(np.flatnonzero(train), tests, units, _names(rows, units), tuple(notes), copies, near)


def copy_units(rows: pd.DataFrame) -> np.ndarray:
    """Return a number for each row; equal files and near-duplicates, kept together or not, have the same."""
    columns = rows.rename(columns={"kept_near": "near"}).columns
    return independent_units(rows.set_axis(columns, axis=1).drop(columns="group"))


def copies_sentence(name: str, n: int, of: int) -> str:
    """Return the warning that a set's scores are no result, since training has seen `n` of its images."""
    return (
        f"{n:,} of the {set_images(name, of)} are copies or near-duplicates of training images: its scores are no "
        "result on unseen images."
    )


def _of_known_images(
    rows: pd.DataFrame, train: np.ndarray, tests: dict[str, np.ndarray], alike: np.ndarray
) -> list[str]:
    """Return the external sets whose near-duplicates of train are at least half of the set, or of a class of train.

    Equal files do not count: a user who puts a file into two sets wants it in the test.
    """
    keys, known = rows["key"].to_numpy(dtype=str), []
    for name, index in tests.items():
        near = index[np.isin(alike[index], alike[train]) & ~np.isin(keys[index], keys[train])]
        seen = rows["label"][train & np.isin(alike, alike[near])].value_counts()
        share = (seen / rows["label"][train].value_counts()).max()
        if name != HELD_OUT and len(near) and (2 * len(near) >= len(index) or share >= 0.5):
            known.append(name)
    return known


def _left_out(rows: pd.DataFrame, tests: dict[str, np.ndarray], left_out: dict[str, np.ndarray]) -> list[str]:
    """Return how many training images do not train: as equal files or group members, and as near-duplicates."""
    units = independent_units(without_near_duplicates(rows))
    gone = np.any([np.zeros(len(rows), dtype=bool), *left_out.values()], axis=0)
    equal = np.any([gone & False, *(gone & np.isin(units, units[tests[name]]) for name in left_out)], axis=0)
    sentences = {
        "in a test set too (equal files or the same group)": int(equal.sum()),
        "near-duplicates of images in a test set": int((gone & ~equal).sum()),
    }
    return [f"Training leaves out {count(n, 'image')}: {why}." for why, n in sentences.items() if n]


def _chosen(rows: pd.DataFrame, units: np.ndarray) -> np.ndarray:
    """Return which rows are held out: those whose unit's name has a hash in the lowest fifth of all hashes.

    Every class has equal chances, so the split is stratified in expectation. Exact strata would depend on the other
    images, so that adding one could move another.
    """
    if "anchor" in rows:  # the name of each row's unit when the image was first seen
        names = rows["anchor"]
    else:
        names = rows["group"].where(rows["group"] != "", rows["key"]).groupby(units).transform("min")
    fraction = {name: int(hashlib.sha256(name.encode()).hexdigest()[:12], 16) / 16**12 for name in names.unique()}
    return names.map(fraction).to_numpy() < HELD_OUT_FRACTION


def _without_small_classes(
    test: np.ndarray, train: np.ndarray, labels: np.ndarray, units: np.ndarray
) -> tuple[np.ndarray, dict[str, tuple[int, int]]]:
    """Return `test` without the classes that would keep less than half of their units, or one, for training.

    Also return, by class, how many of how many images it would have taken.
    """
    kept = {}
    while True:  # a unit that returns to training may hold images of another class
        for label in np.unique(labels[train & test]).tolist():
            of_class = train & (labels == label)
            n_taken, n_units = len(np.unique(units[of_class & test])), len(np.unique(units[of_class]))
            if n_units - n_taken < max(2, n_units / 2):
                kept[label] = int((of_class & test).sum()), int(of_class.sum())
                test = test & ~np.isin(units, units[of_class])
                break
        else:
            return test, kept


def _names(rows: pd.DataFrame, units: np.ndarray) -> np.ndarray:
    alone = (rows["group"] == "") & (np.bincount(units)[units] == 1)
    near = rows["near"] != "" if "near" in rows else np.zeros(len(rows), dtype=bool)
    copies = pd.Series(np.where(near, "near-duplicates of ", "copies of "), rows.index)
    names = rows["group"].where(rows["group"] != "", copies + rows["path"])
    return names.groupby(units).transform("first").where(~alone, "").to_numpy(dtype=str)


def _oddities(rows: pd.DataFrame, tests: dict[str, np.ndarray], alike: np.ndarray) -> list[str]:
    """Return a note for equal files of two classes, and for each two test sets that share images."""
    notes = []
    labels = rows[rows["label"] != ""].groupby("key")["label"].nunique()
    if n := int(rows["key"].isin(labels[labels > 1].index).sum()):
        notes.append(f"{count(n, 'file')} of equal content have two labels, of which one is wrong.")
    for (one, first), (other, second) in combinations(tests.items(), 2):
        if n := int(np.isin(alike[second], alike[first]).sum()):
            notes.append(
                f"Set {other!r} shares {count(n, 'image')} or near-duplicates with set {one!r}: the two sets do not "
                "confirm each other."
            )
    return notes


def _refuse_classes_of_val_alone(labels: np.ndarray, split: np.ndarray) -> None:
    """Raise where the set val, which also trains, has a class that train lacks."""
    val, classes = labels[split == "val"], sorted(set(labels[split == "train"].tolist()))
    surplus = sorted(set(val.tolist()) - set(classes))
    if classes and surplus:
        raise _lacks("val", count((val == surplus[0]).sum(), "image"), surplus[0], classes)


def _lacks(name: str, images: str, surplus: str, classes: list[str]) -> DataError:
    return DataError(
        f"set {name!r} has {images} of class {surplus!r}, which train lacks (it has {', '.join(classes)}); "
        "rename the folder, or map it with featex extract --class NAME=PATTERN"
    )


def _check(
    labels: np.ndarray, train: np.ndarray, tests: dict[str, np.ndarray], hashed: bool, before: np.ndarray
) -> None:
    gone = sorted(set(labels[before].tolist()) - set(labels[train].tolist()))
    if gone and not (hashed and gone[0] in labels[tests[HELD_OUT]]):
        raise DataError(
            f"all {count((before & (labels == gone[0])).sum(), 'training image')} of class {gone[0]!r} are also in a "
            "test set, or are near-duplicates of images there; take one of the two away"
        )
    classes = np.unique(labels[train]).tolist()
    if len(classes) < 2:
        only = f"one class only ({classes[0]!r})" if classes else "no class"
        raise DataError(f"the training images have {only}; a classifier needs two or more, one folder for each")
    for name, index in tests.items():
        for surplus in sorted(set(labels[index].tolist()) - {*classes, ""}):
            images = count((labels[index] == surplus).sum(), "image")
            if hashed and name == HELD_OUT:
                raise DataError(
                    f"there is no test set, and the fifth that a hash holds out has {images} of class {surplus!r}; its "
                    "other images are also in another set and cannot train; add images of that class, or a set called "
                    "test"
                )
            raise _lacks(name, images, surplus, classes)


def images_digest(rows: pd.DataFrame) -> str:
    """Return the sha256 of which images a set holds, with their labels, splits and sources, in whatever order."""
    columns = (rows[name].astype(str) for name in ("key", "label", "split", "source"))
    return hashlib.sha256("\n".join(sorted(map("\t".join, zip(*columns, strict=True)))).encode()).hexdigest()
