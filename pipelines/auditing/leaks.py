"""Leaks: images of a test set that training has seen in another guise, and copies that carry two labels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from classify.errors import DataError
from classify.pages.sections import Picture, Table
from classify.pages.words import within
from classify.predictions import HELD_OUT
from classify.splits.partition import TRAINING, partition
from classify.stats.intervals import wilson
from featex.errors import InputError
from featex.images.duplicates import Duplicates, find_duplicates
from featex.store.units import independent_units
from pipelines.auditing.findings import Finding, Subject
from pipelines.images.contact_sheet import contact_sheet

CHECK = "leaks"
MOST = 0.05
"""Share of a set from which on copies are bad. Copies of fewer images move its accuracy by less than the 95 % interval
that a few hundred images have anyway."""

N_SHOWN = 24  # pairs on a contact sheet


@dataclass(frozen=True, eq=False)
class Sides:
    """Where each image of a set stands; masks of shape (n,).

    Parameters
    ----------
    offered : ndarray of bool
        Labelled images that are there to train on.
    trained : ndarray of bool
        Those of them that `partition.partition` leaves for training: copies and groups of a test set go.
        All of them where there is `trouble`.
    names : ndarray of str
        "train" for those offered, the set's name for those tested on, "" for others.
    trouble : str
        Why nothing can be trained on these images as they are, or "".
    """

    offered: np.ndarray
    trained: np.ndarray
    names: np.ndarray
    trouble: str = ""

    @property
    def tests(self) -> list[str]:
        """Names of the test sets, the held-out one first."""
        return sorted(set(self.names.tolist()) - {"", "train"}, key=lambda name: (name != HELD_OUT, name))


def leaks(subject: Subject) -> list[Finding]:
    """Return what is known in training of the images that models are judged by.

    Copies (equal or nearly so) of each test set's images in train, between test sets, between classes, and within
    train; groups that straddle sets; prompts that train and a test set share.
    """
    rows, sides = subject.rows, sides_of(subject.rows)
    findings = []
    if sides.trouble:
        findings.append(Finding(CHECK, "mind", f"Nothing can be trained on these images as they are: {sides.trouble}."))
    elif not sides.tests:
        findings.append(Finding(CHECK, "mind", "There is no test set, so leaks into it cannot be looked for."))
    try:
        if subject.features.thumbnails is None:
            raise InputError("their thumbnails have gone from the disk; run featex extract again")
        found = find_duplicates(subject.features.thumbnails, subject.rows["key"])
    except InputError as error:
        findings.append(Finding(CHECK, "mind", f"Copies could not be told apart: {error}."))
    else:
        findings += [_into_test(subject, sides, found, name) for name in sides.tests if sides.offered.any()]
        findings += _between_tests(subject, sides, found)
        findings += _between_classes(subject, sides, found)
        findings += _within_train(subject, sides, found)
    return [*findings, _straddling(rows, sides), *_prompts(subject, sides)]


def sides_of(rows: pd.DataFrame) -> Sides:
    """Return where each image stands; by the names of sets alone where nothing can be trained on them."""
    split, labelled = rows["split"].to_numpy(dtype=str), (rows["label"] != "").to_numpy()
    training = np.isin(split, TRAINING) if (split != "").any() else np.ones(len(split), dtype=bool)
    names = np.where(training, np.where(labelled, "train", ""), split).astype(object)
    try:
        parts = partition(rows)
    except DataError as error:
        return Sides(names == "train", names == "train", names.astype(str), str(error))
    for name, index in parts.tests.items():  # where there is no test set, a part of train is held out
        names[index] = name
    trained = np.isin(np.arange(len(rows)), parts.train)
    return Sides(names == "train", trained, names.astype(str))


def nearest_copies(found: Duplicates, sought: np.ndarray, among: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """Return, for each image sought that has one, its nearest copy among some that differ from it in a value.

    Copies are direct ones: images that only a chain of others joins need not look alike.

    Parameters
    ----------
    sought, among : ndarray of shape (n,), bool
    values : ndarray of shape (n,)
        Such as labels; row numbers, where any other image will do.

    Returns
    -------
    DataFrame
        ``image``, ``copy`` (row numbers), ``kind`` and ``distance`` as `Duplicates.pairs` has them.
    """
    pairs, original = found.pairs, np.arange(len(values))
    exact = pairs["kind"] == "exact"
    original[pairs.loc[exact, "second"]] = pairs.loc[exact, "first"]
    near = pairs.loc[~exact, ["first", "second", "distance", "kind"]]
    itself = pd.DataFrame({"first": np.unique(original), "distance": -1.0, "kind": "exact"})  # nearer than near ones
    links = pd.concat([near, near.rename(columns={"first": "second", "second": "first"})])
    links = pd.concat([itself.assign(second=itself["first"]), links]).rename(columns={"second": "at"})
    # Of the images with equal pixels, two are enough to choose from: the first, and the first of another value.
    there = pd.DataFrame({"at": original, "copy": np.arange(len(values)), "value": values})[among]
    one = there.drop_duplicates("at")
    other = there[there["value"].to_numpy() != there["at"].map(one.set_index("at")["value"]).to_numpy()]
    choice = pd.concat([one, other.drop_duplicates("at")])
    asked = pd.DataFrame({"first": original, "image": np.arange(len(values)), "own": values})[sought]
    met = asked.merge(links, on="first").merge(choice, on="at")
    met = met[(met["own"] != met["value"]) & (met["image"] != met["copy"])]
    met = met.sort_values(["image", "distance", "copy"]).drop_duplicates("image")
    met["distance"] = met["distance"].clip(lower=0)
    return met[["image", "copy", "kind", "distance"]].reset_index(drop=True)


def _into_test(subject: Subject, sides: Sides, found: Duplicates, name: str) -> Finding:
    tested, each = sides.names == name, np.arange(len(sides.names))
    known = nearest_copies(found, tested, sides.trained, each)
    rest = tested & ~np.isin(each, known["image"])
    caught = nearest_copies(found, rest, sides.offered & ~sides.trained, each)
    copies = pd.concat([known.assign(training="uses it"), caught.assign(training="leaves it out")])
    k, n, whose = len(copies), int(tested.sum()), _images(name, int(tested.sum()))
    if not k:
        return Finding(CHECK, "fine", f"None of the {whose} has a copy in train: {_share(0, n)}.", *_interval(0, n))
    said = f"{_share(k, n)} of the {whose} have a copy in train ({_kinds(copies)})."
    if len(caught):
        said += f" Training leaves out the copies of {len(caught):,} of them: they are kept on one side of every split."
    if len(known):
        said += f" {len(known):,} of them ask for what training has seen: delete their copies from train."
    pairs = copies.rename(columns={"image": "second", "copy": "first"})
    shown = _shown(subject, sides, pairs, f"copies-{name}", f"Copies between train and the {whose}")
    warning = f"{len(known):,} of the {whose} have a copy or near-duplicate that training uses" if len(known) else ""
    return Finding(CHECK, _level(len(known), n), said, *_interval(k, n), *shown, warning=warning)


def _between_tests(subject: Subject, sides: Sides, found: Duplicates) -> Iterator[Finding]:
    tested = np.isin(sides.names, sides.tests)
    copies = nearest_copies(found, tested, tested, sides.names)
    k, n = len(copies), int(tested.sum())
    if k:
        said = f"{_share(k, n)} of the {n:,} images to test on have a copy in another test set ({_kinds(copies)}): "
        said += "these sets do not confirm each other."
        shown = _shown(subject, sides, _once(copies), "copies-between-tests", "Copies between test sets")
        yield Finding(CHECK, "mind", said, *_interval(k, n), *shown)


def _between_classes(subject: Subject, sides: Sides, found: Duplicates) -> Iterator[Finding]:
    labels = subject.rows["label"].to_numpy(dtype=str)
    copies = nearest_copies(found, labels != "", labels != "", labels)
    k, n = len(copies), int((labels != "").sum())
    if k:
        said = f"{_share(k, n)} of the {n:,} labelled images have a copy of another class ({_kinds(copies)}): "
        said += "one of the two labels is wrong, or the classes are not told apart by what is to be seen."
        shown = _shown(subject, sides, _once(copies), "copies-between-classes", "Copies between classes")
        yield Finding(CHECK, _level(k, n), said, *_interval(k, n), *shown)
    elif len(np.unique(labels[labels != ""])) > 1:
        said = f"None of the {n:,} labelled images has a copy of another class: {_share(0, n)}."
        yield Finding(CHECK, "fine", said, *_interval(0, n))


def _within_train(subject: Subject, sides: Sides, found: Duplicates) -> Iterator[Finding]:
    train, each, n = sides.offered, np.arange(len(sides.names)), int(sides.offered.sum())
    apart = nearest_copies(found, train, train, independent_units(subject.rows))
    together = nearest_copies(found, train & ~np.isin(each, apart["image"]), train, each)
    copies = pd.concat([apart.assign(folds="may part them"), together.assign(folds="keep them together")])
    k = len(copies)
    if k:
        said = f"{_share(k, n)} of the {n:,} training images have a copy in train ({_kinds(copies)})."
        if len(together):
            said += f" Folds keep {len(together):,} of them with theirs."
        if len(apart):
            said += f" The copies of {len(apart):,} may stand on both sides of a fold, whose score is then too high."
        shown = _shown(subject, sides, _once(copies), "copies-in-train", "Copies within train")
        yield Finding(CHECK, "mind" if len(apart) else "fine", said, *_interval(k, n), *shown)
    elif n:
        said = f"None of the {n:,} training images has a copy in train: {_share(0, n)}."
        yield Finding(CHECK, "fine", said, *_interval(0, n))


def _straddling(rows: pd.DataFrame, sides: Sides) -> Finding:
    placed = ((rows["group"] != "") & (sides.names != "")).to_numpy()
    if not placed.any():
        said = "No image is said to be of a group (such as crops of one photograph), so none can straddle sets."
        return Finding(CHECK, "fine", said)
    held = pd.crosstab(rows["group"][placed], sides.names[placed])
    straddling = held[(held > 0).sum(axis=1) > 1]
    k, n = len(straddling), len(held)
    if not k:
        return Finding(CHECK, "fine", f"None of {n:,} groups straddles sets: {_share(0, n)}.", *_interval(0, n))
    left_out = int((rows["group"].isin(straddling.index).to_numpy() & sides.offered & ~sides.trained).sum())
    said = f"{_share(k, n)} of {n:,} groups stand in more than one set."
    if left_out:
        said += f" Training leaves out those of their images that are in train ({left_out:,})."
    table = straddling.reindex(columns=["train", *sides.tests], fill_value=0).reset_index()
    tables = (Table("groups-across-sets", "Groups in more than one set, and their images in each", table),)
    return Finding(CHECK, "mind", said, *_interval(k, n), tables)


def _prompts(subject: Subject, sides: Sides) -> Iterator[Finding]:
    prompts = subject.rows["prompt"].str.casefold().to_numpy(dtype=str)
    if not (prompts != "").any():
        yield Finding(CHECK, "fine", "No file tells the prompt it was generated from, so none can be shared by sets.")
        return
    first = pd.Series(np.arange(len(prompts)), index=prompts)[sides.trained & (prompts != "")]
    first = first[~first.index.duplicated()]
    for name in sides.tests if sides.offered.any() else ():
        index = np.flatnonzero(sides.names == name)
        index, n = index[np.isin(prompts[index], first.index)], len(index)
        k, whose = len(index), _images(name, n)
        if not k:
            said = f"None of the {whose} tells a prompt that a training image has: {_share(0, n)}."
            yield Finding(CHECK, "fine", said, *_interval(0, n))
            continue
        pairs = pd.DataFrame({"first": first[prompts[index]].to_numpy(), "second": index, "kind": "prompt"})
        pairs["prompt"] = subject.rows["prompt"].to_numpy()[index]
        said = f"{_share(k, n)} of the {whose} were generated from a prompt that a training image has too: "
        said += "they ask for less than new prompts would."
        shown = _shown(subject, sides, pairs, f"prompts-{name}", f"Prompts shared by train and the {whose}")
        yield Finding(CHECK, "mind", said, *_interval(k, n), *shown)


def _once(copies: pd.DataFrame) -> pd.DataFrame:
    """Return copies as pairs, first < second, each once though it may be the nearest from both ends."""
    ends = np.sort(copies[["image", "copy"]].to_numpy(), axis=1)
    pairs = copies.drop(columns=["image", "copy"]).assign(first=ends[:, 0], second=ends[:, 1])
    return pairs.drop_duplicates(["first", "second"])


def _shown(
    subject: Subject, sides: Sides, pairs: pd.DataFrame, name: str, title: str
) -> tuple[tuple[Table, ...], tuple[Picture, ...]]:
    """Return the table of the pairs, the least alike first, and a sheet of its beginning."""
    if "distance" in pairs:
        pairs = pairs.sort_values(["distance", "kind", "first", "second"], ascending=[False, False, True, True])
    one, other = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    paths, labels = subject.rows["path"].to_numpy(), subject.rows["label"].to_numpy()
    table = pd.DataFrame({"first": paths[one], "second": paths[other]})
    table = table.join(pairs.drop(columns=["first", "second"]).reset_index(drop=True))
    for end, at in (("first", one), ("second", other)):
        table[f"set of {end}"], table[f"class of {end}"] = sides.names[at], labels[at]
    images, captions = [], []
    for number in range(min(N_SHOWN, len(pairs))):
        for at in (one[number], other[number]):
            images.append(subject.looks["tile"][at])
            captions.append(f"{number + 1}  {paths[at]}")
    caption = f"{title}: {_of_all(len(images) // 2, len(pairs))}, side by side, in the order of the table."
    return (Table(name, title, table),), (Picture(f"{name}.jpg", caption, contact_sheet(images, captions)),)


def _of_all(n: int, of: int) -> str:
    return f"the first {n:,} of {of:,} pairs" if n < of else f"{of:,} pair{'s' if of > 1 else ''}"


def _images(name: str, n: int) -> str:
    return f"{n:,} held-out images" if name == HELD_OUT else f"{n:,} images of “{name}”"


def _kinds(copies: pd.DataFrame) -> str:
    equal = int((copies["kind"] == "exact").sum())
    mirrored = int((copies["kind"] == "mirrored").sum())
    words = {"equal files": equal, "nearly equal": len(copies) - equal - mirrored, "mirrored": mirrored}
    return ", ".join(f"{n:,} {what}" for what, n in words.items() if n)


def _level(k: int, n: int) -> str:
    return ("bad" if k >= MOST * n else "mind") if k else "fine"


def _interval(k: int, n: int) -> tuple[float, float, float]:
    return k / n, *wilson(k, n)


def _share(k: int, n: int) -> str:
    return within(*_interval(k, n))
