"""Shortcuts: how well a class, or a set, can be told from things that are not content.

Two kinds. How files are stored has nothing to do with the picture: whatever it tells is a flaw of the data. What a
picture shrunk to a stamp, its colours and its traces of resampling tell may belong to the subject or not; that is for
a person to say.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from classify.errors import DataError
from classify.models.file_facts import FAMILIES, fact_matrix, properties
from classify.models.registry import MODELS
from classify.pages.sections import Table
from classify.pages.words import listed, percent
from classify.positive import positive_class
from classify.splits.folds import folds
from classify.stats.calibration import class_scores
from classify.stats.chance import Judged, judged
from classify.stats.scores import SCORES
from featex.store.units import independent_units
from featex.system.cores import threads_for
from pipelines.auditing.findings import Finding, Subject
from pipelines.auditing.leaks import sides_of
from pipelines.auditing.measures import COLUMNS
from pipelines.auditing.measures import FAMILIES as MEASURED
from pipelines.auditing.names import names_and_dates
from pipelines.auditing.properties import BY_IT_ALONE, differing, in_words, shown

CHECK = "shortcuts"
TOGETHER = "all of these together"
N_FOLDS = 5
N_TREES = 50  # of 105 forests for a set with two test sets: 100 took twice as long and told 869 images one point better
MOST = 10_000
"""Images that are looked at; more are sampled, for the intervals are narrow enough."""

SCORE, LOW, HIGH = "balanced accuracy", "balanced accuracy low", "balanced accuracy high"
TELLING = 0.2
"""How far of the way from guessing to certainty a shortcut is bad: 0.6 for two classes."""


def shortcuts(subject: Subject) -> list[Finding]:
    """Return how well the label, and each test set against train, can be told without the content."""
    sides, rows = sides_of(subject.rows), subject.rows
    offered = np.flatnonzero(sides.offered)
    findings = [*_label(subject, offered)] if len(offered) else []
    if not findings:
        findings.append(Finding(CHECK, "mind", "No image that could train has a label, so no label can be told."))
    for name in sides.tests if len(offered) else ():
        findings.append(_set(subject, offered, np.flatnonzero(sides.names == name), name))
    return findings if len(rows) else []


def family_scores(
    rows: pd.DataFrame, labels: np.ndarray, looks: np.ndarray | None = None, *, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return how well each family of properties tells the labels: of files, and of pictures where looks are given.

    Parameters
    ----------
    rows : DataFrame of n rows
        With ``group``, ``key``, ``size`` and `featex.images.facts.FACTS`.
    labels : ndarray of shape (n,), str
    looks : ndarray of shape (n,), `pipelines.auditing.looks.LOOK`, optional

    Returns
    -------
    DataFrame (one of files, one of pictures or None)
        ``family`` (of files as in `file_facts.FAMILIES`); ``balanced accuracy`` over `N_FOLDS` folds out of
        fold, with ``low`` and ``high`` of its interval, which is simultaneous for the rows of a table (see
        `classify.stats.chance.judged`; NaN where nothing varies); ``ROC AUC``. The last row of the first is of
        all families together.

    Raises
    ------
    DataError
        If there are fewer than two classes, or than two independent images of one.
    """
    units = independent_units(rows)
    classes = np.unique(labels)
    least = min((len(np.unique(units[labels == label])) for label in classes), default=0)
    if len(classes) < 2 or least < 2:
        raise DataError("there are too few images, or one class only")
    pairs = folds(labels, units, min(N_FOLDS, least), seed)

    def table(matrices: Mapping[str, np.ndarray], max_features: float | str) -> pd.DataFrame:
        varied = {name: X[:, np.ptp(X, axis=0) > 0] for name, X in matrices.items()}
        n_judged = sum(X.shape[1] > 0 for X in varied.values())
        scored = [
            {"family": name, **_scores(X, labels, units, pairs, n_judged, max_features=max_features, seed=seed)}
            for name, X in varied.items()
        ]
        return pd.DataFrame(scored)

    files = {name: fact_matrix(rows, [name]) for name in FAMILIES}
    files = table({**files, TOGETHER: fact_matrix(rows)}, 0.3)
    if looks is None:
        return files, None
    pictures = {
        "a thumbnail of 16 x 16 pixels": looks["thumbnail"].reshape(len(rows), -1),
        "a histogram of 64 colours": looks["colours"],
        "traces of resampling": looks["traces"],
        **{family: looks["measures"][:, COLUMNS.get_loc(family)] for family in MEASURED},
    }
    return files, table(pictures, "sqrt")


def _scores(X, labels, units, pairs, n_judged, *, max_features, seed) -> dict:
    names, codes = np.unique(labels, return_inverse=True)  # scikit-learn's class weights read "001" as a number
    classes = names.tolist()
    if not X.shape[1]:
        return _row(Judged(1 / len(classes), np.nan, np.nan), 0.5)
    oof = np.empty((len(labels), len(classes)))
    for train, rest in pairs:
        model = MODELS["shortcut"].build(min_samples_leaf=3, random_state=seed)
        model.set_params(max_features=max_features, n_estimators=N_TREES)
        with threads_for(len(train)):
            model.fit(X[train], codes[train])
        oof[rest] = class_scores(model, X[rest])
    predicted = names[oof.argmax(axis=1)]
    positive = positive_class(classes) if len(classes) == 2 else None
    auc = SCORES["roc_auc"](labels, oof, predicted, classes, positive)
    return _row(judged(labels, predicted, units, n_judged), auc)


def _row(accuracy: Judged, auc: float) -> dict:
    return {SCORE: accuracy.value, LOW: accuracy.low, HIGH: accuracy.high, "ROC AUC": auc}


def _label(subject: Subject, offered: np.ndarray) -> Iterator[Finding]:
    index = _sampled(offered, subject.seed)
    rows, labels = subject.rows.iloc[index].reset_index(drop=True), subject.features.y[index]
    classes = sorted(set(labels.tolist()))
    try:
        files, pictures = family_scores(rows, labels, subject.looks[index], seed=subject.seed)
    except DataError as error:
        yield Finding(CHECK, "mind", f"Shortcuts to the label cannot be looked for: {error}.")
        return
    units = independent_units(rows)
    guilty = differing(properties(rows), labels, units, seed=subject.seed)
    yield _of_files(files, guilty, classes, f"{listed(classes)} of {len(index):,} training images")
    yield _of_pictures(pictures, classes)
    if by_names := names_and_dates(CHECK, rows, labels, units, subject.seed):
        yield by_names


def _of_files(files: pd.DataFrame, guilty: pd.DataFrame, classes: list[str], who: str) -> Finding:
    row = most_certain(files)
    best = f"{row['family']}: {_number(row, len(classes))}"
    named = _named_of_each_family(guilty, classes)
    if telling(row, len(classes)):
        level, said = "bad", f"How files are stored, without a pixel, tells {who} apart, best by {best}."
        said += f" By what: {named}." if named else ""
    else:
        level = "mind" if named else "fine"
        tells = "hardly tells" if row[LOW] > 1 / len(classes) else "does not tell"
        said = f"How files are stored, without a pixel, {tells} {who} apart, best by {best}."
        said += f" But there is a difference that is no chance: {named}." if named else ""
    tables = [_table("files", "How well each family of properties of files tells the class", files)]
    if named:
        title = "Properties of files that differ between classes by more than chance (shares, or medians)"
        tables.append(Table("properties", title, shown(guilty, classes), percent=(BY_IT_ALONE,)))
    return Finding(CHECK, level, said, row[SCORE], row[LOW], row[HIGH], tuple(tables))


def _of_pictures(pictures: pd.DataFrame, classes: list[str]) -> Finding:
    row = most_certain(pictures)
    those = [each for _, each in pictures.iterrows() if telling(each, len(classes))]
    those.sort(key=lambda each: -each[SCORE])
    who = listed(classes)
    said = f"Of what is hardly content, {who} are told apart best by {row['family']}: {_number(row, len(classes))}."
    if those:
        others = [f"{each['family']} ({percent(each[SCORE])})" for each in those if each["family"] != row["family"]]
        said += f" They are also told apart by {listed(others)}." if others else ""
        said += " A model need not look closely to score that."
    else:
        said += " That is little."
    table = _table("pictures", "How well what is left of a picture when its subject is gone tells the class", pictures)
    return Finding(CHECK, "mind" if those else "fine", said, row[SCORE], row[LOW], row[HIGH], (table,))


def _set(subject: Subject, train: np.ndarray, test: np.ndarray, name: str) -> Finding:
    index = np.concatenate([_sampled(train, subject.seed), _sampled(test, subject.seed)])
    sides = np.where(np.isin(index, test), name, "train")
    rows = subject.rows.iloc[index].reset_index(drop=True)
    try:
        files, _ = family_scores(rows, sides, seed=subject.seed)
    except DataError as error:
        return Finding(CHECK, "mind", f"Whether “{name}” differs from train cannot be told: {error}.")
    guilty, both = differing(properties(rows), sides, independent_units(rows), seed=subject.seed), ["train", name]
    row = most_certain(files)
    apart = telling(row, 2)
    families = [each["family"] for _, each in files.iloc[:-1].iterrows() if telling(each, 2)]
    if apart:
        said = f"“{name}” is stored otherwise than train, in {listed(families or ['several properties'])}: "
    else:
        said = f"“{name}” is stored much as train is: "
    said += f"files tell the two apart, best by {row['family']}: {_number(row, 2)}."
    said += f" By what: {_named_of_each_family(guilty, both)}." if apart and len(guilty) else ""
    tables = [_table(f"files-{name}", f"How well properties of files tell “{name}” from train", files)]
    if len(guilty):
        title = f"Properties of files that differ between train and “{name}” by more than chance"
        tables.append(Table(f"properties-{name}", title, shown(guilty, both), percent=(BY_IT_ALONE,)))
    return Finding(CHECK, "mind" if apart else "fine", said, row[SCORE], row[LOW], row[HIGH], tuple(tables))


def _named_of_each_family(guilty: pd.DataFrame, names: list[str]) -> str:
    """Return the most telling property of each family in words: width, aspect and area would say the same thrice."""
    family = {name: family for family, names in FAMILIES.items() for name in names}
    firsts = guilty[~guilty["property"].map(family).duplicated()]
    return "; ".join(in_words(row, names) for _, row in firsts.iterrows())


def most_certain(scores: pd.DataFrame) -> pd.Series:
    """Return the row of `family_scores` that is judged: that with the greatest lower limit.

    Where nothing varies, the limits are chance, which is the score.
    """
    scores = scores.fillna({LOW: scores[SCORE], HIGH: scores[SCORE]})
    return scores.sort_values([LOW, SCORE], ascending=False, kind="stable").iloc[0]


def telling(row: pd.Series, n_classes: int) -> bool:
    """Return whether a row of `family_scores` tells the classes: its score is high enough, and no chance."""
    guess = 1 / n_classes
    return bool(row[SCORE] >= guess + TELLING * (1 - guess) and row[LOW] > guess)


def _number(row: pd.Series, n_classes: int) -> str:
    limits = f" ({100 * row[LOW]:.1f}–{100 * row[HIGH]:.1f})" if row[LOW] < row[HIGH] else ""
    return f"balanced accuracy {percent(row[SCORE])}{limits}, where guessing gets {percent(1 / n_classes)}"


def _table(name: str, title: str, scores: pd.DataFrame) -> Table:
    return Table(name, title, scores, percent=tuple(column for column in scores if column != "family"))


def _sampled(index: np.ndarray, seed: int) -> np.ndarray:
    if len(index) <= MOST:
        return index
    return np.sort(np.random.default_rng(seed).choice(index, MOST, replace=False))
