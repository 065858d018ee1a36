"""Leaks: test images of which training has seen a copy, and copies that carry two labels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from classify.errors import DataError
from classify.pages.sections import Picture, Table
from classify.pages.words import within
from classify.predictions import HELD_OUT, set_images
from classify.splits.partition import TRAINING, partition
from classify.stats.intervals import wilson
from featex.errors import InputError
from featex.images.duplicates import Duplicates, find_duplicates
from featex.store.units import independent_units
from featex.system.words import count
from pipelines.auditing.findings import Finding, Subject
from pipelines.images.contact_sheet import contact_sheet

MOST = 0.05
"""Share of a set from which copies are bad. Fewer copies move its accuracy by less than the 95 % interval of a few
hundred images."""

N_SHOWN = 24  # pairs on a contact sheet


@dataclass(frozen=True, eq=False)
class Sides:
    """On which side each image of a set is; masks of shape (n,).

    Parameters
    ----------
    offered : ndarray of bool
        Labelled images in training sets.
    trained : ndarray of bool
        Those of them that `classify.splits.partition.partition` leaves for training: without copies and
        groups of a test set. All of them where there is `trouble`.
    names : ndarray of str
        "train" for images offered, the set's name for test images, "" for others.
    trouble : str
        Why nothing can be trained on these images as they are, or "".
    """

    offered: np.ndarray
    trained: np.ndarray
    names: np.ndarray
    trouble: str = ""

    @property
    def tests(self) -> list[str]:
        """Names of the test sets, the test set of the data first."""
        return sorted(set(self.names.tolist()) - {"", "train"}, key=lambda name: (name != HELD_OUT, name))


def leaks(subject: Subject) -> list[Finding]:
    """Return what training knows of the images that models are tested on.

    Copies (equal or nearly so) of each test set's images in train, between test sets, between classes, and within
    train; groups in more than one set; prompts that train and a test set share.
    """
    rows, sides = subject.rows, sides_of(subject.rows)
    findings = []
    if sides.trouble:
        sentence = f"No model can be trained on these images as they are: {sides.trouble}."
        findings.append(Finding("FX207", "warning", sentence))
    elif not sides.tests:
        findings.append(Finding("FX207", "warning", "There is no test set, so leaks into one cannot be tested."))
    try:
        if subject.features.thumbnails is None:
            raise InputError("their thumbnails are no longer on the disk; run featex extract again")
        duplicates = find_duplicates(subject.features.thumbnails, subject.rows["key"])
    except InputError as error:
        findings.append(Finding("FX208", "warning", f"Copies cannot be searched for: {error}."))
    else:
        findings += [_into_test(subject, sides, duplicates, name) for name in sides.tests if sides.offered.any()]
        findings += _between_tests(subject, sides, duplicates)
        findings += _between_classes(subject, sides, duplicates)
        findings += _within_train(subject, sides, duplicates)
    return [*findings, _groups(rows, sides), *_prompts(subject, sides)]


def sides_of(rows: pd.DataFrame) -> Sides:
    """Return the side of each image; only by the names of sets where nothing can be trained on them."""
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


def nearest_copies(duplicates: Duplicates, sought: np.ndarray, among: np.ndarray, values: np.ndarray) -> pd.DataFrame:
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
    pairs, original = duplicates.pairs, np.arange(len(values))
    exact = pairs["kind"] == "exact"
    original[pairs.loc[exact, "second"]] = pairs.loc[exact, "first"]
    near = pairs.loc[~exact, ["first", "second", "distance", "kind"]]
    itself = pd.DataFrame({"first": np.unique(original), "distance": -1.0, "kind": "exact"})  # nearer than near ones
    links = pd.concat([near, near.rename(columns={"first": "second", "second": "first"})])
    links = pd.concat([itself.assign(second=itself["first"]), links]).rename(columns={"second": "at"})
    # Of the images with equal pixels, two are enough to choose from: the first, and the first of another value.
    candidates = pd.DataFrame({"at": original, "copy": np.arange(len(values)), "value": values})[among]
    one = candidates.drop_duplicates("at")
    other = candidates[candidates["value"].to_numpy() != candidates["at"].map(one.set_index("at")["value"]).to_numpy()]
    choice = pd.concat([one, other.drop_duplicates("at")])
    images = pd.DataFrame({"first": original, "image": np.arange(len(values)), "value of image": values})[sought]
    pairs = images.merge(links, on="first").merge(choice, on="at")
    pairs = pairs[(pairs["value of image"] != pairs["value"]) & (pairs["image"] != pairs["copy"])]
    pairs = pairs.sort_values(["image", "distance", "copy"]).drop_duplicates("image")
    pairs["distance"] = pairs["distance"].clip(lower=0)
    return pairs[["image", "copy", "kind", "distance"]].reset_index(drop=True)


def _into_test(subject: Subject, sides: Sides, duplicates: Duplicates, name: str) -> Finding:
    tested, each = sides.names == name, np.arange(len(sides.names))
    used = nearest_copies(duplicates, tested, sides.trained, each)
    rest = tested & ~np.isin(each, used["image"])
    left_out = nearest_copies(duplicates, rest, sides.offered & ~sides.trained, each)
    copies = pd.concat([used.assign(training="uses it"), left_out.assign(training="leaves it out")])
    k, n, images = len(copies), int(tested.sum()), _images(name, int(tested.sum()))
    if not k:
        return _counted("FX201", "ok", 0, n, f"Train holds no copy of the {images}: {{share}}.", of=name)
    sentence = f"{{share}} of the {images} {_have(k)} a copy in train ({_kinds(copies)})."
    if len(left_out):
        sentence += (
            f" Training leaves out the copies of {len(left_out):,} of them: equal files and groups never cross a split."
        )
    if len(used):
        be = "is" if len(used) == 1 else "are"
        sentence += (
            f" {len(used):,} of them {be} also in train, so the test rewards memory: delete the copies from train."
        )
    pairs = copies.rename(columns={"image": "second", "copy": "first"})
    shown = _shown(subject, sides, pairs, f"copies-{name}", f"Copies between train and the {images}")
    warning = f"{len(used):,} of the {images} {_have(len(used))} a copy or near-duplicate in the training data"
    warning = warning if len(used) else ""
    return _counted("FX201", _level(len(used), n), k, n, sentence, *shown, warning=warning, of=name)


def _between_tests(subject: Subject, sides: Sides, duplicates: Duplicates) -> Iterator[Finding]:
    tested = np.isin(sides.names, sides.tests)
    copies = nearest_copies(duplicates, tested, tested, sides.names)
    k, n = len(copies), int(tested.sum())
    if k:
        sentence = (
            f"{{share}} of the {count(n, 'test image')} {_have(k)} a copy in another test set ({_kinds(copies)}): "
            "these sets do not confirm each other."
        )
        shown = _shown(subject, sides, _once(copies), "copies-between-tests", "Copies between test sets")
        yield _counted("FX202", "warning", k, n, sentence, *shown)


def _between_classes(subject: Subject, sides: Sides, duplicates: Duplicates) -> Iterator[Finding]:
    labels = subject.rows["label"].to_numpy(dtype=str)
    copies = nearest_copies(duplicates, labels != "", labels != "", labels)
    k, n = len(copies), int((labels != "").sum())
    if k:
        sentence = (
            f"{{share}} of the {count(n, 'labelled image')} {_have(k)} a copy in another class ({_kinds(copies)}): "
            "either one of the two labels is wrong, or nothing visible separates the classes."
        )
        shown = _shown(subject, sides, _once(copies), "copies-between-classes", "Copies between classes")
        yield _counted("FX203", _level(k, n), k, n, sentence, *shown)
    elif len(np.unique(labels[labels != ""])) > 1:
        sentence = f"No labelled image has a copy in another class: {{share}} of {count(n, 'image')}."
        yield _counted("FX203", "ok", 0, n, sentence)


def _within_train(subject: Subject, sides: Sides, duplicates: Duplicates) -> Iterator[Finding]:
    train, each, n = sides.offered, np.arange(len(sides.names)), int(sides.offered.sum())
    apart = nearest_copies(duplicates, train, train, independent_units(subject.rows))
    together = nearest_copies(duplicates, train & ~np.isin(each, apart["image"]), train, each)
    copies = pd.concat([apart.assign(folds="may part them"), together.assign(folds="keep them together")])
    k = len(copies)
    if k:
        sentence = f"{{share}} of the {count(n, 'training image')} {_have(k)} a copy in train ({_kinds(copies)})."
        if len(together):
            sentence += f" Folds keep {len(together):,} of them on the same side as the copy."
        if len(apart):
            sentence += f" For {len(apart):,}, the copy may be on the other side of a fold: its score is then too high."
        shown = _shown(subject, sides, _once(copies), "copies-in-train", "Copies within train")
        yield _counted("FX204", "warning" if len(apart) else "ok", k, n, sentence, *shown)
    elif n:
        sentence = f"No training image has a copy in train: {{share}} of {count(n, 'image')}."
        yield _counted("FX204", "ok", 0, n, sentence)


def _groups(rows: pd.DataFrame, sides: Sides) -> Finding:
    placed = ((rows["group"] != "") & (sides.names != "")).to_numpy()
    if not placed.any():
        sentence = "No image belongs to a named group (such as crops of one photograph), so no group is in two sets."
        return Finding("FX205", "ok", sentence)
    held = pd.crosstab(rows["group"][placed], sides.names[placed])
    straddling = held[(held > 0).sum(axis=1) > 1]
    k, n = len(straddling), len(held)
    if not k:
        sentence = f"No group is in more than one set: {{share}} of {count(n, 'group')}."
        return _counted("FX205", "ok", 0, n, sentence)
    left_out = int((rows["group"].isin(straddling.index).to_numpy() & sides.offered & ~sides.trained).sum())
    sentence = f"{{share}} of {count(n, 'group')} {'is' if k == 1 else 'are'} in more than one set."
    if left_out:
        sentence += f" Training leaves out the {count(left_out, 'image')} of train in these groups."
    table = straddling.reindex(columns=["train", *sides.tests], fill_value=0).reset_index()
    tables = (Table("groups-across-sets", "Groups in more than one set, and their images in each", table),)
    return _counted("FX205", "warning", k, n, sentence, tables)


def _prompts(subject: Subject, sides: Sides) -> Iterator[Finding]:
    prompts = subject.rows["prompt"].str.casefold().to_numpy(dtype=str)
    if not (prompts != "").any():
        yield Finding("FX206", "ok", "No file states the prompt that it was generated from.")
        return
    first = pd.Series(np.arange(len(prompts)), index=prompts)[sides.trained & (prompts != "")]
    first = first[~first.index.duplicated()]
    for name in sides.tests if sides.offered.any() else ():
        index = np.flatnonzero(sides.names == name)
        index, n = index[np.isin(prompts[index], first.index)], len(index)
        k, images = len(index), _images(name, n)
        if not k:
            sentence = f"No training image shares a prompt with the {images}: {{share}}."
            yield _counted("FX206", "ok", 0, n, sentence, of=name)
            continue
        pairs = pd.DataFrame({"first": first[prompts[index]].to_numpy(), "second": index, "kind": "prompt"})
        pairs["prompt"] = subject.rows["prompt"].to_numpy()[index]
        sentence = (
            f"{{share}} of the {images} {'shares' if k == 1 else 'share'} a prompt with a training image: they "
            "are an easier test than new prompts would be."
        )
        shown = _shown(subject, sides, pairs, f"prompts-{name}", f"Prompts shared by train and the {images}")
        yield _counted("FX206", "warning", k, n, sentence, *shown, of=name)


def _once(copies: pd.DataFrame) -> pd.DataFrame:
    """Return copies as pairs, first < second, each once though it may be the nearest from both ends."""
    ends = np.sort(copies[["image", "copy"]].to_numpy(), axis=1)
    pairs = copies.drop(columns=["image", "copy"]).assign(first=ends[:, 0], second=ends[:, 1])
    return pairs.drop_duplicates(["first", "second"])


def _shown(
    subject: Subject, sides: Sides, pairs: pd.DataFrame, name: str, title: str
) -> tuple[tuple[Table, ...], tuple[Picture, ...]]:
    """Return the table of the pairs, the least similar first, and a sheet of its first `N_SHOWN`."""
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
    n, pairs_ = len(images) // 2, count(len(pairs), "pair")
    caption = (
        f"{title}: {f'the first {n:,} of ' if n < len(pairs) else ''}{pairs_}, side by side, in the table's order."
    )
    return (Table(name, title, table),), (Picture(f"{name}.jpg", caption, contact_sheet(images, captions)),)


def _images(name: str, n: int) -> str:
    return set_images(name, n)


def _have(k: int) -> str:
    return "has" if k == 1 else "have"


def _kinds(copies: pd.DataFrame) -> str:
    equal = int((copies["kind"] == "exact").sum())
    mirrored = int((copies["kind"] == "mirrored").sum())
    words = {"identical": equal, "nearly identical": len(copies) - equal - mirrored, "mirrored": mirrored}
    return ", ".join(f"{n:,} {what}" for what, n in words.items() if n)


def _level(k: int, n: int) -> str:
    return ("critical" if k >= MOST * n else "warning") if k else "ok"


def _counted(id: str, level: str, k: int, n: int, sentence: str, *shown, **facts) -> Finding:
    """Return a finding on k of n, which stands in the sentence as {share}, with its interval."""
    share = k / n, *wilson(k, n)
    return Finding(id, level, sentence.replace("{share}", within(*share)), *share, *shown, **facts)
