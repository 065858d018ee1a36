"""Partition: which rows train and which are tested on, with no image or group on two sides."""

import hashlib
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from classify.errors import DataError
from classify.predictions import HELD_OUT
from featex.store.units import independent_units, near_sentence, without_near_duplicates
from featex.system.words import count

HELD_OUT_FRACTION = 0.2
TRAINING = ("train", "val")


@dataclass(frozen=True)
class Partition:
    """Row numbers of a set of images, by what they are for.

    Parameters
    ----------
    train : ndarray of int
        What models are fitted and cross-validated on: the labelled rows of train and val.
    tests : dict of str to ndarray of int
        Rows models never see in fitting, by set: "test" is the held-out set, others are custom ones. May hold rows
        without a label, which are predicted and not scored.
    units : ndarray of int, one a row
        Rows with the same number share a group, or are equal files or near-duplicates, and belong on one side of
        every split.
    groups : ndarray of str, one a row
        The same as names, for people: the group's, or that of the equal files or near-duplicates; "" for a row that
        stands alone.
    notes : tuple of str
        What was decided on the way, a sentence each.
    copies : dict of str to int
        For each test set, how many of its images are equal files or near-duplicates of images in `train`: of sets that
        hold few new images, and where near-duplicates are not kept together. Sets without such images are left out.
    """

    train: np.ndarray
    tests: dict[str, np.ndarray]
    units: np.ndarray
    groups: np.ndarray
    notes: tuple[str, ...]
    copies: dict[str, int] = field(default_factory=dict)


def partition(rows: pd.DataFrame) -> Partition:
    """Return which rows train and which are tested on.

    val joins train, since validation is by folds. Where no set is called test, a fifth of the units is held out by a
    hash of what they are (their group's name, else their content): images that are added later move none, and join the
    side of those they belong to (see `units.with_units`). A class of which the hash would leave less than half,
    or one unit, as it can where there are few, keeps all of them.

    A training row that is also in a test set (an equal file, a near-duplicate, or the same group) is left out of
    training. Not so for near-duplicates where they are half of a custom set, or half of a class would go: that set is
    no test of unseen images, and `Partition.copies` says so.

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
        there = ", ".join(sorted({name or "no set" for name in split}))
        raise DataError(f"no labelled images to train on (there are: {there}); give folders a class, and a train set")
    _refuse_classes_of_val_alone(labels[train], split[train])
    test = split == HELD_OUT
    hashed = not test.any()
    if hashed:
        test = train & _chosen(rows, units)
        test, kept = _without_small_classes(test, train, labels, units)
        train &= ~test
        n, of = test.sum(), (train | test).sum()
        notes.append(
            f"There is no test set, so a hash of their content holds out {n:,} of {of:,} images as the set test "
            "(adding images moves none)."
            if n
            else f"None of so few images ({of}) can be held out."
        )
        notes += [
            f"The hash would have held out {taken:,} of {count(of, 'image')} of class {label!r}: they all train, and "
            "the held-out set has none of them."
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
    offered = train
    train = train & ~np.any([np.zeros(len(rows), dtype=bool), *left_out.values()], axis=0)
    copies = {name: int(np.isin(alike[index], alike[train]).sum()) for name, index in tests.items()}
    copies = {name: n for name, n in copies.items() if n}
    notes += [copies_sentence(name, n, len(tests[name])) for name, n in copies.items()]
    _check(labels, train, tests, hashed, offered)
    notes += _oddities(rows, tests, alike)
    if n := int((rows["near"] != "").sum()) if "near" in rows else 0:
        notes.insert(0, f"{near_sentence(n)}.")
    return Partition(np.flatnonzero(train), tests, units, _names(rows, units), tuple(notes), copies)


def copy_units(rows: pd.DataFrame) -> np.ndarray:
    """Return a number for each row, the same for equal files and near-duplicates, kept together or not."""
    columns = rows.rename(columns={"kept_near": "near"}).columns
    return independent_units(rows.set_axis(columns, axis=1).drop(columns="group"))


def copies_sentence(name: str, n: int, of: int) -> str:
    """Return what a reader of a set's scores must know of its images that training has seen."""
    what = "held-out images" if name == HELD_OUT else f"images of set {name!r}"
    return (
        f"{n:,} of the {of:,} {what} are copies or near-duplicates of training images: the scores there are no result "
        "on unseen images."
    )


def _of_known_images(
    rows: pd.DataFrame, train: np.ndarray, tests: dict[str, np.ndarray], alike: np.ndarray
) -> list[str]:
    """Return the custom sets at least half of which, or of whose like in a class of train, are near-duplicates.

    Equal files do not count: whoever has put a file into two sets wants it judged.
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
    """Return how many training images are left out, and why: as what is equal, or as near-duplicates only."""
    units = independent_units(without_near_duplicates(rows))
    gone = np.any([np.zeros(len(rows), dtype=bool), *left_out.values()], axis=0)
    equal = np.any([gone & False, *(gone & np.isin(units, units[tests[name]]) for name in left_out)], axis=0)
    sentences = {
        "in a test set too (equal files or the same group)": int(equal.sum()),
        "near-duplicates of images in a test set": int((gone & ~equal).sum()),
    }
    return [f"Training leaves out {count(n, 'image')}: {why}." for why, n in sentences.items() if n]


def _chosen(rows: pd.DataFrame, units: np.ndarray) -> np.ndarray:
    """Return which rows are held out: those whose unit's name has a hash below a fifth, as a fraction of 1.

    Equal chances within every class make the split stratified in expectation; exact strata would depend on the other
    images, and adding one could move another.
    """
    if "anchor" in rows:  # of each row, as it was recorded when the image was first known
        names = rows["anchor"]
    else:
        names = rows["group"].where(rows["group"] != "", rows["key"]).groupby(units).transform("min")
    fraction = {name: int(hashlib.sha256(name.encode()).hexdigest()[:12], 16) / 16**12 for name in names.unique()}
    return names.map(fraction).to_numpy() < HELD_OUT_FRACTION


def _without_small_classes(
    test: np.ndarray, train: np.ndarray, labels: np.ndarray, units: np.ndarray
) -> tuple[np.ndarray, dict[str, tuple[int, int]]]:
    """Return `test` without classes of which it would leave less than half, or one unit, and what it would take."""
    kept = {}
    while True:  # a unit that returns may hold images of another class, never fewer for training
        for label in np.unique(labels[train & test]).tolist():
            of_class = train & (labels == label)
            taken, there = len(np.unique(units[of_class & test])), len(np.unique(units[of_class]))
            if there - taken < max(2, there / 2):
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
    """What a reader of scores must know of equal files: under two classes, or in two test sets."""
    notes = []
    labels = rows[rows["label"] != ""].groupby("key")["label"].nunique()
    if n := int(rows["key"].isin(labels[labels > 1].index).sum()):
        notes.append(f"Two classes share {count(n, 'file')} of equal content: one of the two labels is wrong.")
    for (one, first), (other, second) in combinations(tests.items(), 2):
        if n := int(np.isin(alike[second], alike[first]).sum()):
            notes.append(
                f"Set {other!r} shares {count(n, 'image')} with set {one!r}, or nearly so: the two do not confirm each "
                "other."
            )
    return notes


def _refuse_classes_of_val_alone(labels: np.ndarray, split: np.ndarray) -> None:
    """Raise where the validation set, which trains too, has a class that the training set lacks."""
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
        found = f"one class only ({classes[0]!r})" if classes else "no class at all"
        raise DataError(f"the training images have {found}; a classifier needs two or more, a folder each")
    for name, index in tests.items():
        for surplus in sorted(set(labels[index].tolist()) - {*classes, ""}):
            images = count((labels[index] == surplus).sum(), "image")
            if hashed and name == HELD_OUT:
                raise DataError(
                    f"the fifth that a hash held out, as there is no test set, has {images} of class {surplus!r}; its "
                    "others are also in a further set and cannot train; add images to that class, or make a set "
                    "called test"
                )
            raise _lacks(name, images, surplus, classes)
